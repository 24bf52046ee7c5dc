#include "place.h"

#include "fixture.h"

static const u_char *place_start(const ngx_pool_t *pool,
                                 const ngx_pool_t *block);

struct place
place_of(const ngx_pool_t *pool, const void *p)
{
    struct place place = {0, 0};
    const ngx_pool_t *block;

    for (block = pool; block != NULL; block = block->d.next) {
        uintptr_t start = (uintptr_t) block;

        /* An empty allocation may lie at a block's very end. */
        if ((uintptr_t) p > start &&
            (uintptr_t) p <= (uintptr_t) block->d.end) {
            place.offset = (uintptr_t) p - start;
            return place;
        }
        place.block++;
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
    const ngx_pool_t *block;
    size_t count = 0;
    size_t used = 0;

    for (block = pool; block != NULL; block = block->d.next) {
        count++;
        if (block->d.last != place_start(pool, block) || block->d.failed != 0) {
            used = count;
        }
    }
    return used;
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
place_last(ngx_pool_t *pool, size_t n)
{
    const ngx_pool_t *block = place_block(pool, n);

    return (size_t) (block->d.last - (const u_char *) block);
}

size_t
place_block_size(ngx_pool_t *pool, size_t n)
{
    const ngx_pool_t *block = place_block(pool, n);

    return (size_t) (block->d.end - (const u_char *) block);
}

void
place_leave(ngx_pool_t *pool, size_t n, size_t left)
{
    ngx_pool_t *block = place_block(pool, n);

    block->d.last = block->d.end - left;
}

void
place_empty(ngx_pool_t *pool, size_t n)
{
    ngx_pool_t *block = place_block(pool, n);

    block->d.last = (u_char *) block +
                    (n == 0 ? sizeof(ngx_pool_t) : sizeof(ngx_pool_data_t));
}

void
place_check_empty(const ngx_pool_t *pool, size_t size)
{
    const ngx_pool_t *block;

    for (block = pool; block != NULL; block = block->d.next) {
        assert_ptr_equal(block->d.last, place_start(pool, block));
        assert_ptr_equal(block->d.end, (const u_char *) block + size);
        assert_int_equal(block->d.failed, 0);
    }
}

static const u_char *
place_start(const ngx_pool_t *pool, const ngx_pool_t *block)
{
    return (const u_char *) block +
           (block == pool ? sizeof(ngx_pool_t) : sizeof(ngx_pool_data_t));
}
