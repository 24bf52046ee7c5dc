/*
 * The data that rows are made from: samples of each distribution, and
 * recorded programs, decoded. They are made once a run, in one piece of shared
 * memory. Each round's process maps it and changes nothing there.
 */
#ifndef BENCH_PLAN_INPUTS_H
#define BENCH_PLAN_INPUTS_H

#include <stddef.h>
#include <stdint.h>

#include "plan/replay.h"
#include "plan/sizes.h"

/* Sizes sampled from a distribution. They are used in turn, again and again. */
struct samples {
    const uint32_t *sizes; /* period of them */
    const uint64_t *sums;  /* of all sizes before each: period + 1 of them */
    size_t period;
};

struct inputs {
    int fd; /* of the shared memory */
    void *memory;
    size_t size;

    struct samples *samples;
    size_t samples_count;
    struct replay *traces; /* their ops lie in the shared memory */
    size_t traces_count;
};

/*
 * Take samples of each distribution, and copy the traces. traces ends in NULL;
 * neither list is needed after that. Release with inputs_done().
 * Returns 0, or a negative errno.
 */
int inputs_init(struct inputs *inputs, struct sizes *const *sizes,
                size_t sizes_count, struct replay *const *traces);

/* Map the inputs that another process made, by the descriptor of their memory.
 * Release with inputs_done(). Returns 0, or a negative errno. */
int inputs_open(struct inputs *inputs, int fd);

/* Inputs of all bytes 0 are accepted. */
void inputs_done(struct inputs *inputs);

/* The sum of n samples from the one at at, in turn. */
uint64_t samples_sum(const struct samples *samples, size_t at, size_t n);

/* The bytes of the largest region of n samples. */
size_t samples_largest(const struct samples *samples, size_t n);

#endif
