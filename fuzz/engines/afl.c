/*
 * AFL++'s interface for a custom mutator: a shared library that
 * AFL_CUSTOM_MUTATOR_LIBRARY names. FUZZ_USE is the target's ops: a value of
 * enum mutator_use.
 *
 * AFL++'s own mutations of bytes do not know ops. campaign/afl.py turns them
 * off by AFL_CUSTOM_MUTATOR_ONLY, so this file mutates some inputs as bytes.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "mutator.h"

enum {
    /* When AFL++'s own limit is not set. */
    SIZE_MAX_DEFAULT = 4096,

    /* One in this number of mutations is of bytes, as in libfuzzer.c. */
    BYTES_ONE_IN = 16,
};

struct state {
    struct mutator mutator;
    size_t size_max; /* of an output */
    size_t count;    /* of outputs so far */
    uint8_t *out;
};

/* AFL++ calls these functions, in one thread: docs/custom_mutators.md of its
 * sources. */
void *afl_custom_init(void *afl, unsigned seed);
size_t afl_custom_fuzz(void *data, uint8_t *buf, size_t size, uint8_t **ret_out,
                       uint8_t *other, size_t other_size, size_t size_max);
void afl_custom_deinit(void *data);

static size_t size_limit(void);

/* Returns NULL when memory runs out. AFL++ then stops. */
void *
afl_custom_init(void *afl, unsigned seed)
{
    struct state *state = malloc(sizeof(*state));

    (void) afl;
    if (state == NULL) {
        return NULL;
    }
    mutator_init(&state->mutator, FUZZ_USE, seed);
    state->size_max = size_limit();
    state->count = 0;
    state->out = malloc(state->size_max);
    if (state->out == NULL) {
        free(state);
        return NULL;
    }
    return state;
}

/* The output is valid until the next call. size_max may be above AFL++'s own
 * limit, so that limit is applied here. */
size_t
afl_custom_fuzz(void *data, uint8_t *buf, size_t size, uint8_t **ret_out,
                uint8_t *other, size_t other_size, size_t size_max)
{
    struct state *state = data;

    if (size_max > state->size_max) {
        size_max = state->size_max;
    }
    *ret_out = state->out;
    if (state->count++ % BYTES_ONE_IN == 0) {
        return mutator_bytes(&state->mutator, buf, size, state->out, size_max);
    }
    mutator_read(&state->mutator, buf, size);
    mutator_mutate(&state->mutator, other, other_size);
    return mutator_write(&state->mutator, state->out, size_max);
}

void
afl_custom_deinit(void *data)
{
    struct state *state = data;

    free(state->out);
    free(state);
}

/* Returns AFL++'s limit of an input in bytes, which it reads from the
 * environment. */
static size_t
size_limit(void)
{
    const char *text = getenv("AFL_INPUT_LEN_MAX");
    unsigned long limit = text != NULL ? strtoul(text, NULL, 10) : 0;

    return limit != 0 ? limit : SIZE_MAX_DEFAULT;
}
