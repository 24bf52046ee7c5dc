/*
 * AFL++'s interface for a mutator of the user's own, as a shared library that
 * AFL_CUSTOM_MUTATOR_LIBRARY names. AFL++ mutates bytes as well, by itself.
 * FUZZ_USE says which ops the target is for: enum mutator_use.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "mutator.h"

enum {
    /* Where AFL++'s own limit is not set. */
    SIZE_MAX_DEFAULT = 4096,
};

struct state {
    struct mutator mutator;
    size_t size_max; /* of an output */
    uint8_t *out;
};

/* AFL++'s: docs/custom_mutators.md of its sources. One thread. */
void *afl_custom_init(void *afl, unsigned seed);
size_t afl_custom_fuzz(void *data, uint8_t *buf, size_t size, uint8_t **ret_out,
                       uint8_t *other, size_t other_size, size_t size_max);
void afl_custom_deinit(void *data);

static size_t size_limit(void);

/* NULL when memory runs out: AFL++ then stops. */
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
    state->out = malloc(state->size_max);
    if (state->out == NULL) {
        free(state);
        return NULL;
    }
    return state;
}

/* The output is the state's, until the next call. AFL++ does not apply its own
 * limit to size_max. */
size_t
afl_custom_fuzz(void *data, uint8_t *buf, size_t size, uint8_t **ret_out,
                uint8_t *other, size_t other_size, size_t size_max)
{
    struct state *state = data;

    if (size_max > state->size_max) {
        size_max = state->size_max;
    }
    mutator_read(&state->mutator, buf, size);
    mutator_mutate(&state->mutator, other, other_size);
    *ret_out = state->out;
    return mutator_write(&state->mutator, state->out, size_max);
}

void
afl_custom_deinit(void *data)
{
    struct state *state = data;

    free(state->out);
    free(state);
}

/* In bytes: the limit that AFL++ itself reads from the environment. */
static size_t
size_limit(void)
{
    const char *text = getenv("AFL_INPUT_LEN_MAX");
    unsigned long limit = text != NULL ? strtoul(text, NULL, 10) : 0;

    return limit != 0 ? limit : SIZE_MAX_DEFAULT;
}
