/*
 * The promises of a trace to its executors: an action uses only regions,
 * objects and cleanups that exist, and none exists at the end. For tests and
 * the trace_reader target.
 *
 * Any thread.
 */
#ifndef FUZZ_SOUND_H
#define FUZZ_SOUND_H

#include "trace.h"

/* Returns NULL, or the promise that does not hold. Cost: O(actions). */
const char *sound_check(const struct trace *trace);

#endif
