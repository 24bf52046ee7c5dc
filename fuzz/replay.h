/*
 * What a target has: for an engine, which calls it with one input after the
 * other, and for replay.c, which calls it with a file's contents. A broken
 * promise is printed and aborts.
 */
#ifndef FUZZ_REPLAY_H
#define FUZZ_REPLAY_H

#include <stddef.h>
#include <stdint.h>

/* The name is libFuzzer's. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The same, as thoroughly as the target can. */
void replay_one(const uint8_t *data, size_t size);

/* Do the program once. Returns a hash of what came of it: the same after any
 * other programs, and in every build. NULL where a target has none. */
uint64_t replay_trace(const uint8_t *data, size_t size) __attribute__((weak));

/* The target's own end of a process, if it has one. */
void replay_done(void) __attribute__((weak));

#endif
