/*
 * Orders in which objects are freed. Any thread.
 */
#ifndef BENCH_WORKLOADS_ORDER_H
#define BENCH_WORKLOADS_ORDER_H

#include <stddef.h>
#include <stdint.h>

enum order {
    ORDER_FIFO,   /* oldest first */
    ORDER_LIFO,   /* newest first */
    ORDER_RANDOM, /* the same for each n at every call */
};

/* The numbers below n, in that order. Owned by the caller: release with free().
 * Returns NULL when memory runs out. */
uint32_t *order_create(size_t n, enum order order);

#endif
