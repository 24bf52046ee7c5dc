#include "measure/order.h"

#include <errno.h>
#include <stdlib.h>

#include "plan/generator.h"

/* A row on its way into the order. */
struct place {
    const struct row *row;
    uint32_t index;
    uint64_t cell; /* the position of its cell among all cells */
};

static uint64_t cell_hash(const struct row *row, uint64_t seed);
static int compare_places(const void *a, const void *b);
static size_t cell_end(const struct place *places, size_t count, size_t first);
static void order_cell(struct order *order, struct place *cell, size_t count,
                       struct generator *generator);
static void shuffle(struct place *places, size_t count,
                    struct generator *generator);

int
order_init(struct order *order, struct row *const *rows, size_t count,
           uint64_t seed)
{
    struct place *places = calloc(count + 1, sizeof(*places));
    struct generator generator;
    size_t turns = 0;

    for (size_t i = 0; i < count; i++) {
        turns += (size_t) rows[i]->slices;
    }
    *order = (struct order){.turns = calloc(turns + 1, sizeof(*order->turns))};
    if (places == NULL || order->turns == NULL) {
        free(places);
        order_done(order);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        places[i] = (struct place){.row = rows[i],
                                   .index = (uint32_t) i,
                                   .cell = cell_hash(rows[i], seed)};
    }
    qsort(places, count, sizeof(*places), compare_places);
    generator_init(&generator, seed);
    for (size_t first = 0; first < count;) {
        size_t end = cell_end(places, count, first);

        order_cell(order, &places[first], end - first, &generator);
        first = end;
    }
    free(places);
    return 0;
}

void
order_done(struct order *order)
{
    free(order->turns);
    *order = (struct order){0};
}

/* Rows that differ in the allocator alone have the same; cells are in random
 * order by it. */
static uint64_t
cell_hash(const struct row *row, uint64_t seed)
{
    const uint64_t parts[] = {(uint64_t) row->key.is_shim, row->key.workload,
                              row->key.input, row->region.n};
    struct generator generator;
    uint64_t hash = seed;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        generator_init(&generator, hash ^ parts[i]);
        hash = generator_next(&generator);
    }
    return hash;
}

/* By cell, then as in the plan. */
static int
compare_places(const void *a, const void *b)
{
    const struct place *left = a;
    const struct place *right = b;

    if (left->cell != right->cell) {
        return left->cell < right->cell ? -1 : 1;
    }
    return (left->index > right->index) - (left->index < right->index);
}

static size_t
cell_end(const struct place *places, size_t count, size_t first)
{
    size_t end = first;

    while (end < count && places[end].cell == places[first].cell) {
        end++;
    }
    return end;
}

/* Adds the cell's turns: a slice of each row, then the next slice of each. */
static void
order_cell(struct order *order, struct place *cell, size_t count,
           struct generator *generator)
{
    int most = 0;

    for (size_t i = 0; i < count; i++) {
        most = cell[i].row->slices > most ? cell[i].row->slices : most;
    }
    for (int slice = 0; slice < most; slice++) {
        shuffle(cell, count, generator);
        for (size_t i = 0; i < count; i++) {
            if (slice < cell[i].row->slices) {
                order->turns[order->count++] = cell[i].index;
            }
        }
    }
}

/* Fisher and Yates's. */
static void
shuffle(struct place *places, size_t count, struct generator *generator)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = generator_below(generator, i);
        struct place place = places[j];

        places[j] = places[i - 1];
        places[i - 1] = place;
    }
}
