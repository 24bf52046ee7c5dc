/*
 * What a trace promises to those who execute it: nothing is used that is not
 * there, and all is gone at its end. For tests and the trace_reader target.
 *
 * Any thread.
 */
#ifndef FUZZ_SOUND_H
#define FUZZ_SOUND_H

#include "trace.h"

/* Returns NULL, or the promise that does not hold. Cost: O(actions). */
const char *sound_check(const struct trace *trace);

#endif
