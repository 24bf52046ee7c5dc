/*
 * The states that a program reaches. libFuzzer counts them like edges. They are
 * numbers of a pool and its thread: kept bytes and ended regions; the pieces
 * that a sweep leaves; the length of the list of large allocations, and the
 * filled part of its index; blocks, and current's failures. libFuzzer keeps an
 * input that reaches a new state, and makes others from it. So inputs reach
 * deeper states, also where no branch of the pool depends on them.
 *
 * Without libFuzzer nothing reads the states. One thread at a time.
 */
#ifndef FUZZ_STATES_H
#define FUZZ_STATES_H

#include <stddef.h>

/* For a variable whose bytes are states. libFuzzer clears them before each
 * input, and then counts those that are not 0. It clears whole words, so the
 * first member of the variable's struct is aligned as a word is. The attribute
 * used keeps the compiler from dropping a variable that is only written. */
#define STATES __attribute__((used, section("__libfuzzer_extra_counters")))

struct run;

/* Note the states of the pool, which may not exist, and of the thread. */
void states_note(const struct run *run, unsigned pool);

/* Note that a region has ended with that number of bytes. The region's number
 * is part of the state, since kept memory depends on the last 32 to 64. */
void states_note_end(const struct run *run, size_t ended);

/* Note that a large allocation of size bytes takes a kept piece. */
void states_note_taken(const struct run *run, size_t size);

/* Note that a sweep left that number of pieces; needed ones had to stay. */
void states_note_sweep(const struct run *run, size_t needed, size_t left);

/*
 * The class of a number by its doublings: 0 for 0, otherwise 1 + log2, below
 * end. The exact number matters only where a branch compares it, and such a
 * branch has its own edge.
 */
static inline size_t
states_doublings(size_t number, size_t end)
{
    size_t count =
        number == 0 ? 0 : 8 * sizeof(long) - (size_t) __builtin_clzl(number);

    return count < end ? count : end - 1;
}

#endif
