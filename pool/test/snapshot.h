/*
 * All that a pool is at one moment: its fields, each block's, its lists, and
 * the live memory of the seam's heap. A test takes one before a call that fails
 * and checks it afterwards. One thread.
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
        int is_failed; /* value is the field failed of a block */
    } words[SNAPSHOT_WORDS_MAX];
};

void snapshot_take(struct snapshot *snapshot, const ngx_pool_t *pool);

/* Fail the running cmocka test, naming the difference, unless pool is still as
 * in snapshot. */
void snapshot_check(const struct snapshot *snapshot, const ngx_pool_t *pool);

/* The same, but each block may have counted one more failure. */
void snapshot_check_missed(const struct snapshot *snapshot,
                           const ngx_pool_t *pool);

#endif
