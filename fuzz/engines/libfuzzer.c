/*
 * libFuzzer's hooks for a custom mutator. FUZZ_USE is the target's ops: a value
 * of enum mutator_use. With NGXPOOL_MUTATOR=bytes in the environment all
 * mutations are libFuzzer's own, so that the two can be compared.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mutator.h"

enum {
    /* One in this number of mutations is libFuzzer's own mutation of bytes. It
     * uses values of the target's comparisons, and tries bytes that no encoder
     * writes. */
    BYTES_ONE_IN = 16,
};

/* libFuzzer's interface. Only libFuzzer calls the hooks. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max,
                               unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data, size_t size,
                                 const uint8_t *other, size_t other_size,
                                 uint8_t *out, size_t size_max, unsigned seed);

static int is_for_bytes(void);

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max,
                        unsigned seed)
{
    struct mutator mutator;

    if (seed % BYTES_ONE_IN == 0 || is_for_bytes()) {
        return LLVMFuzzerMutate(data, size, size_max);
    }
    mutator_init(&mutator, FUZZ_USE, seed);
    mutator_read(&mutator, data, size);
    mutator_mutate(&mutator, NULL, 0);
    return mutator_write(&mutator, data, size_max);
}

size_t
LLVMFuzzerCustomCrossOver(const uint8_t *data, size_t size,
                          const uint8_t *other, size_t other_size, uint8_t *out,
                          size_t size_max, unsigned seed)
{
    struct mutator mutator;

    if (is_for_bytes()) {
        size = size < size_max ? size : size_max;
        memcpy(out, data, size);
        return LLVMFuzzerMutate(out, size, size_max);
    }
    mutator_init(&mutator, FUZZ_USE, seed);
    mutator_read(&mutator, data, size);
    mutator_mutate(&mutator, other, other_size);
    return mutator_write(&mutator, out, size_max);
}

static int
is_for_bytes(void)
{
    const char *mutator = getenv("NGXPOOL_MUTATOR");

    return mutator != NULL && strcmp(mutator, "bytes") == 0;
}
