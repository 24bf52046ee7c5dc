/*
 * A distribution of allocation sizes, loaded from a CSV file: lines of
 * "bytes,weight" under that header, comments from "#" to the line's end, and
 * the source of the figures among them. A comment "# order: sequence" makes the
 * lines a recorded sequence: they are played as they stand, each weight times
 * in a row, and begin again after the last. Without it sizes are sampled by
 * weight from a fixed seed: the same sequence on every machine. Any thread.
 */
#ifndef BENCH_PLAN_SIZES_H
#define BENCH_PLAN_SIZES_H

#include <stddef.h>
#include <stdint.h>

enum {
    /* The largest size; a line with a larger one is an error. */
    SIZES_BYTES_MAX = 16 * 1024 * 1024,

    SIZES_NAME_MAX = 32, /* bytes, the NUL included */
    SIZES_ERROR_MAX = 512,
};

struct sizes {
    char name[SIZES_NAME_MAX]; /* the file's, without ".csv" */
    int is_sequence;
    size_t count; /* lines, > 0 */
    uint32_t *bytes;
    double *until; /* the weights up to each line, its own included */
};

/*
 * Load the file at path. Owned by the caller: release with sizes_destroy().
 * Returns NULL on failure; error then says what is wrong and where, in at most
 * SIZES_ERROR_MAX bytes.
 */
struct sizes *sizes_create(const char *path, char *error);

/* NULL is ignored. */
void sizes_destroy(struct sizes *sizes);

/*
 * Load every *.csv of the folder at path, in the names' order; their number
 * goes into *ret_count. Owned by the caller: release with sizes_list_destroy().
 * Returns NULL on failure, or where there is none; error then says why.
 */
struct sizes **sizes_list_create(const char *path, size_t *ret_count,
                                 char *error);

/* list may be NULL where count is 0. */
void sizes_list_destroy(struct sizes **list, size_t count);

/* The average size, in bytes. */
double sizes_mean(const struct sizes *sizes);

/* The least and the largest size, in bytes. */
size_t sizes_min(const struct sizes *sizes);
size_t sizes_max(const struct sizes *sizes);

/* The number of samples, wanted or a few more, after which a sequence that is
 * cut there ends with its last line; where sizes are sampled, wanted. */
size_t sizes_period(const struct sizes *sizes, size_t wanted);

/* Fill samples with the first count of the sequence. */
void sizes_sample(const struct sizes *sizes, uint32_t *samples, size_t count);

#endif
