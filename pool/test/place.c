#include "place.h"

#include "fixture.h"

struct place
place_of(const ngx_pool_t *pool, const void *p)
{
    struct place place = {0, 0};
    size_t used = place_used(pool);
    const ngx_pool_t *block = pool;

    for (; place.block < used; place.block++) {
        uintptr_t start = (uintptr_t) block;

        /* An empty allocation may lie at a block's very end. */
        if ((uintptr_t) p > start &&
            (uintptr_t) p <=
                (uintptr_t) ngx_pool_block_data(pool, block)->end) {
            place.offset = (uintptr_t) p - start;
            return place;
        }
        block = block->d.next;
    }
    place.block = PLACE_LARGE;
    return place;
}

void
place_check(const ngx_pool_t *pool, const void *p, size_t block, size_t offset)
{
    struct place place = place_of(pool, p);

    assert_int_equal(place.block, block);
    assert_int_equal(place.offset, offset);
}

size_t
place_blocks(const ngx_pool_t *pool)
{
    const ngx_pool_t *block;
    size_t count = 0;

    for (block = pool; block != NULL; block = block->d.next) {
        count++;
    }
    return count;
}

ngx_pool_t *
place_block(ngx_pool_t *pool, size_t n)
{
    ngx_pool_t *block = pool;

    while (n-- > 0) {
        block = block->d.next;
    }
    return block;
}

size_t
place_used(const ngx_pool_t *pool)
{
    ngx_pool_stats_t stats;

    ngx_pool_stats(pool, &stats);
    return stats.blocks;
}

size_t
place_current(const ngx_pool_t *pool)
{
    const ngx_pool_t *block;
    size_t n = 0;

    for (block = pool; block != pool->current; block = block->d.next) {
        n++;
    }
    return n;
}

size_t
place_window(const ngx_pool_t *pool)
{
    return place_current(pool) + pool->d.window;
}

size_t
place_last(ngx_pool_t *pool, size_t n)
{
    const ngx_pool_t *block = place_block(pool, n);

    return (size_t) (ngx_pool_block_data(pool, block)->last -
                     (const u_char *) block);
}

void
place_leave(ngx_pool_t *pool, size_t n, size_t room)
{
    ngx_pool_data_t *data = (ngx_pool_data_t *) (uintptr_t) ngx_pool_block_data(
        pool, place_block(pool, n));

    data->last = data->end - room;
}

size_t
place_block_size(ngx_pool_t *pool, size_t n)
{
    const ngx_pool_t *block = place_block(pool, n);

    return (size_t) (ngx_pool_block_data(pool, block)->end -
                     (const u_char *) block);
}

/* Its first entry is no allocation's. */
int
place_has_index(const ngx_pool_t *pool)
{
    return pool->d.slots == UINT8_MAX && pool->large->alloc == NULL;
}
