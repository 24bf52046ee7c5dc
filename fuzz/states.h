/*
 * How far a program has brought what it is done to, as states that libFuzzer
 * counts like edges. Of a pool and its thread: how much is kept, and after how
 * many regions; how long a list of large allocations is, and how full its
 * index; how many blocks there are, and how often current has failed. An input
 * that reaches a new state is kept, and others are made of it. So state goes
 * deeper from input to input, also where no branch of the pool notices it.
 *
 * Without libFuzzer nothing reads the states. One thread at a time.
 */
#ifndef FUZZ_STATES_H
#define FUZZ_STATES_H

#include <stddef.h>

/* Of a variable whose bytes are states. libFuzzer clears them before each input
 * and then counts those that are not 0. It clears whole words, so the first
 * member of the variable's struct is aligned as a word is. Without used the
 * compiler drops a variable that is only written. */
#define STATES __attribute__((used, section("__libfuzzer_extra_counters")))

struct run;

/* Note the states of the pool, which may not exist, and of the thread. */
void states_note(const struct run *run, unsigned pool);

/* A region has ended with so many bytes. Which region it is matters: what a
 * thread keeps may depend on the last 32 ones. */
void states_note_end(const struct run *run, size_t ended);

/*
 * Numbers are counted by their doublings: 0 for 0, else 1 more than the
 * logarithm to base 2; less than end. Which number it is exactly makes a
 * difference where a branch compares it, and then that is an edge.
 */
static inline size_t
states_doublings(size_t number, size_t end)
{
    size_t count =
        number == 0 ? 0 : 8 * sizeof(long) - (size_t) __builtin_clzl(number);

    return count < end ? count : end - 1;
}

#endif
