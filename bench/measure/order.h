/*
 * The order of a round. Rows of one cell, which differ in the allocator alone,
 * run one after the other, so that all of them meet the same disturbances.
 * Cells come in random order, and so do the rows within one. A row runs in
 * several slices. The slices of a cell's rows alternate.
 *
 * This is a randomized block design: see Box, Hunter and Hunter, "Statistics
 * for Experimenters", 2nd ed., chapter 4.
 */
#ifndef BENCH_MEASURE_ORDER_H
#define BENCH_MEASURE_ORDER_H

#include "measure/row.h"

struct order {
    uint32_t *turns; /* indexes of rows */
    size_t count;
};

/*
 * Order count rows, each as many times as it has slices. It depends on the rows
 * and seed alone. Release with order_done(). Returns 0 or -ENOMEM.
 */
int order_init(struct order *order, struct row *const *rows, size_t count,
               uint64_t seed);

/* An order of all bytes 0 is accepted. */
void order_done(struct order *order);

#endif
