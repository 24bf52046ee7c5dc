/*
 * trace_reader: the trace of any program can be executed without checks, as
 * timed executors do, has the actions that a second reader expects, and can be
 * turned into calls. The input is a program, see pool/ops/program.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "naive.h"
#include "replay.h"
#include "source.h"
#include "trace.h"
#include "validity.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *broken = "a trace gets memory";
    struct source source;
    struct trace trace;

    if (trace_init(&trace, data, size) == 0) {
        broken = validity_check(&trace);
        if (broken == NULL) {
            broken = naive_check(&trace, data, size);
        }
        if (broken == NULL) {
            source_init(&source);
            if (source_add_trace(&source, &trace) != 0) {
                broken = "a trace's calls get memory";
            }
            source_done(&source);
        }
        trace_done(&trace);
    }
    if (broken != NULL) {
        fprintf(stderr, "broken promise: %s\n", broken);
        abort();
    }
    return 0;
}

void
replay_one(const uint8_t *data, size_t size)
{
    (void) LLVMFuzzerTestOneInput(data, size);
}
