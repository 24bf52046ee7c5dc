/*
 * A hash table from addresses to numbers. One thread per struct addresses.
 */
#ifndef BENCH_RECORD_ADDRESSES_H
#define BENCH_RECORD_ADDRESSES_H

#include <stddef.h>
#include <stdint.h>

struct addresses {
    struct addresses_slot *slots;
    size_t slot_count; /* a power of two, or 0 */
    size_t count;      /* of slots that are taken */
};

/* An empty one is all zeros. Its memory goes with done(). */
void addresses_done(struct addresses *addresses);

/* Let address, which is not 0, have number. Returns 0, or -ENOMEM. */
int addresses_put(struct addresses *addresses, uint64_t address,
                  uint64_t number);

/* Returns whether address has a number, and gives it. */
int addresses_get(const struct addresses *addresses, uint64_t address,
                  uint64_t *ret_number);

/* As get(), and address has none any more. */
int addresses_take(struct addresses *addresses, uint64_t address,
                   uint64_t *ret_number);

#endif
