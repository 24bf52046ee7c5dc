/*
 * The functions of a target. An engine calls LLVMFuzzerTestOneInput() with one
 * input after the other; replay.c calls the other functions with the contents
 * of a file. A broken promise is printed and aborts.
 */
#ifndef FUZZ_REPLAY_H
#define FUZZ_REPLAY_H

#include <stddef.h>
#include <stdint.h>

/* The name is libFuzzer's. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Run the input with all checks, also those that are too slow for an engine. */
void replay_one(const uint8_t *data, size_t size);

/* Run the program once. Returns a hash of its effects, which is the same after
 * any other programs, and in every build. NULL: the target has none. */
uint64_t replay_hash(const uint8_t *data, size_t size) __attribute__((weak));

/* The target's check at the end of a process. NULL: the target has none. */
void replay_done(void) __attribute__((weak));

#endif
