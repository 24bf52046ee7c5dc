/*
 * All that a pool is at one moment: its fields, each block's, its lists, and
 * what the seam's heap has live. Two of them tell whether a failed call left
 * the pool as it was. One thread.
 */
#ifndef POOL_TEST_SNAPSHOT_H
#define POOL_TEST_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

#include <ngx_config.h>
#include <ngx_core.h>

enum {
    SNAPSHOT_WORDS_MAX = 4096, /* a pool with more fails the test */
};

struct snapshot {
    size_t count;
    struct {
        const char *name;
        uintptr_t value;
    } words[SNAPSHOT_WORDS_MAX];
};

void snapshot_take(struct snapshot *snapshot, const ngx_pool_t *pool);

/* Fail the running cmocka test, naming what differs, unless pool is still as
 * snapshot has it. */
void snapshot_check(const struct snapshot *snapshot, const ngx_pool_t *pool);

#endif
