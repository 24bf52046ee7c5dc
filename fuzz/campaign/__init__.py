"""Fuzz campaigns: ./run fuzz, ./run ci-fuzz and ./run reproduce.

The files, from the bottom up:

    targets    the targets, whose corpus each has, and the planted bugs
    build      configure and compile them, for an engine
    engine     an engine's task and outcome; how its processes start and end
    libfuzzer  libFuzzer, whose instances share a corpus
    afl        AFL++, with -S for several instances
    health     states in which an engine does not fuzz, each with its cure
    finding    an input that fails: the broken promise, and which findings are one
    minimise   a finding's input is cut down as long as it fails in the same way
    store      the folder that stays between runs: corpora, findings, a batch's state
    describe   findings and runs as Markdown, SARIF and a C program
    session    one target under one engine, from its corpus to its finding
    together   several sessions at a time
    reach      the targets that a change can reach
    plan       which targets run for how long
    prune      as few inputs as reach every edge
    history    results/fuzz.json and its chart
    run        shared by the commands for CI: campaigns, findings, the store
    change, batch, coverage  of those, each its own
    fuzz, nothing, ci, reproduce  the commands
"""
