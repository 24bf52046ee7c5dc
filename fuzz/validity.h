/*
 * The promises of a trace to its executors: an action uses only regions,
 * objects and cleanups that exist, and none exists at the end. For tests and
 * the trace_reader target.
 *
 * Any thread.
 */
#ifndef FUZZ_VALIDITY_H
#define FUZZ_VALIDITY_H

#include "trace.h"

/* Returns NULL, or the promise that does not hold. Cost: O(actions). */
const char *validity_check(const struct trace *trace);

#endif
