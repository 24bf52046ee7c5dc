#include "addresses.h"

#include <errno.h>
#include <stdlib.h>

enum {
    SLOTS_MIN = 1024,
    HASH_SHIFT = 32, /* the product's upper half is the hash */
};

/* 2^64 over the golden ratio (Knuth). */
#define HASH 0x9e3779b97f4a7c15u

struct addresses_slot {
    uint64_t address; /* 0: empty */
    uint64_t number;
};

static int grow(struct addresses *self);
static size_t home(const struct addresses *self, uint64_t address);
static size_t find(const struct addresses *self, uint64_t address);

void
addresses_done(struct addresses *self)
{
    free(self->slots);
    *self = (struct addresses){0};
}

int
addresses_put(struct addresses *self, uint64_t address, uint64_t number)
{
    size_t at;

    if (2 * (self->count + 1) > self->slot_count && grow(self) != 0) {
        return -ENOMEM;
    }
    at = find(self, address);
    self->count += self->slots[at].address == 0;
    self->slots[at] =
        (struct addresses_slot){.address = address, .number = number};
    return 0;
}

int
addresses_get(const struct addresses *self, uint64_t address,
              uint64_t *ret_number)
{
    size_t at;

    if (self->slot_count == 0) {
        return 0;
    }
    at = find(self, address);
    if (self->slots[at].address == 0) {
        return 0;
    }
    *ret_number = self->slots[at].number;
    return 1;
}

/* Those after it that a search would no longer reach move back (Knuth, vol. 3,
 * 6.4, algorithm R). */
int
addresses_take(struct addresses *self, uint64_t address, uint64_t *ret_number)
{
    size_t mask = self->slot_count - 1;
    size_t hole;
    size_t at;

    if (!addresses_get(self, address, ret_number)) {
        return 0;
    }
    hole = find(self, address);
    for (at = (hole + 1) & mask; self->slots[at].address != 0;
         at = (at + 1) & mask) {
        size_t wanted = home(self, self->slots[at].address);

        if (((at - wanted) & mask) >= ((at - hole) & mask)) {
            self->slots[hole] = self->slots[at];
            hole = at;
        }
    }
    self->slots[hole].address = 0;
    self->count--;
    return 1;
}

static int
grow(struct addresses *self)
{
    struct addresses old = *self;
    size_t count = old.slot_count == 0 ? SLOTS_MIN : 2 * old.slot_count;
    struct addresses_slot *slots = calloc(count, sizeof(*slots));
    size_t i;

    if (slots == NULL) {
        return -ENOMEM;
    }
    self->slots = slots;
    self->slot_count = count;
    for (i = 0; i < old.slot_count; i++) {
        if (old.slots[i].address != 0) {
            slots[find(self, old.slots[i].address)] = old.slots[i];
        }
    }
    free(old.slots);
    return 0;
}

static size_t
home(const struct addresses *self, uint64_t address)
{
    return (size_t) (address * HASH >> HASH_SHIFT) & (self->slot_count - 1);
}

/* Where address is, or the empty slot where it belongs. */
static size_t
find(const struct addresses *self, uint64_t address)
{
    size_t at = home(self, address);

    while (self->slots[at].address != 0 && self->slots[at].address != address) {
        at = (at + 1) & (self->slot_count - 1);
    }
    return at;
}
