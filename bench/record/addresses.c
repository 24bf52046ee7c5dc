#include "addresses.h"

#include <errno.h>
#include <stdlib.h>

enum {
    FIRST_ROOM = 1024,
    HASH_SHIFT = 32, /* the product's upper half is the hash */
};

/* 2^64 over the golden ratio (Knuth). */
#define HASH 0x9e3779b97f4a7c15u

struct addresses_place {
    uint64_t address; /* 0: empty */
    uint64_t number;
};

static int grow(struct addresses *self);
static size_t home(const struct addresses *self, uint64_t address);
static size_t find(const struct addresses *self, uint64_t address);

void
addresses_done(struct addresses *self)
{
    free(self->places);
    *self = (struct addresses){0};
}

int
addresses_put(struct addresses *self, uint64_t address, uint64_t number)
{
    size_t at;

    if (2 * (self->count + 1) > self->room && grow(self) != 0) {
        return -ENOMEM;
    }
    at = find(self, address);
    self->count += self->places[at].address == 0;
    self->places[at] =
        (struct addresses_place){.address = address, .number = number};
    return 0;
}

int
addresses_get(const struct addresses *self, uint64_t address,
              uint64_t *ret_number)
{
    size_t at;

    if (self->room == 0) {
        return 0;
    }
    at = find(self, address);
    if (self->places[at].address == 0) {
        return 0;
    }
    *ret_number = self->places[at].number;
    return 1;
}

/* Those after it that a search would no longer reach move back (Knuth, vol. 3,
 * 6.4, algorithm R). */
int
addresses_take(struct addresses *self, uint64_t address, uint64_t *ret_number)
{
    size_t mask = self->room - 1;
    size_t hole;
    size_t at;

    if (!addresses_get(self, address, ret_number)) {
        return 0;
    }
    hole = find(self, address);
    for (at = (hole + 1) & mask; self->places[at].address != 0;
         at = (at + 1) & mask) {
        size_t wanted = home(self, self->places[at].address);

        if (((at - wanted) & mask) >= ((at - hole) & mask)) {
            self->places[hole] = self->places[at];
            hole = at;
        }
    }
    self->places[hole].address = 0;
    self->count--;
    return 1;
}

static int
grow(struct addresses *self)
{
    struct addresses old = *self;
    size_t room = old.room == 0 ? FIRST_ROOM : 2 * old.room;
    struct addresses_place *places = calloc(room, sizeof(*places));
    size_t i;

    if (places == NULL) {
        return -ENOMEM;
    }
    self->places = places;
    self->room = room;
    for (i = 0; i < old.room; i++) {
        if (old.places[i].address != 0) {
            places[find(self, old.places[i].address)] = old.places[i];
        }
    }
    free(old.places);
    return 0;
}

static size_t
home(const struct addresses *self, uint64_t address)
{
    return (size_t) (address * HASH >> HASH_SHIFT) & (self->room - 1);
}

/* Where address is, or the empty place where it belongs. */
static size_t
find(const struct addresses *self, uint64_t address)
{
    size_t at = home(self, address);

    while (self->places[at].address != 0 &&
           self->places[at].address != address) {
        at = (at + 1) & (self->room - 1);
    }
    return at;
}
