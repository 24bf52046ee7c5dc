/*
 * trace_reader: whatever program comes, what it is resolved to can be executed
 * blindly, as timed executors do, and printed as calls. The input is a program,
 * see pool/ops/program.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "replay.h"
#include "sound.h"
#include "source.h"
#include "trace.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *broken = "there is memory for a trace";
    struct source source;
    struct trace trace;

    if (trace_init(&trace, data, size) == 0) {
        broken = sound_check(&trace);
        if (broken == NULL) {
            source_init(&source);
            if (source_add_trace(&source, &trace) != 0) {
                broken = "there is memory for a trace's calls";
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
