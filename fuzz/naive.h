/*
 * A second reader of programs, which is slow and simple: it says which actions
 * a trace must have (pool/ops/trace.h). It searches where the trace has lists
 * and tables, so both are wrong in the same way only if their rules are. For
 * tests and the trace_reader target.
 *
 * One thread at a time.
 */
#ifndef FUZZ_NAIVE_H
#define FUZZ_NAIVE_H

#include <stddef.h>
#include <stdint.h>

#include "trace.h"

/*
 * Check that trace, which validity_check() has passed, is that of the program
 * at data, of size bytes. A program with very many ops, regions or objects is
 * not checked.
 * Returns NULL, or the promise that does not hold. Cost: O(size * objects).
 */
const char *naive_check(const struct trace *trace, const uint8_t *data,
                        size_t size);

#endif
