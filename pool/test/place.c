#include "place.h"

#include "fixture.h"

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

const ngx_pool_t *
place_block(const ngx_pool_t *pool, size_t n)
{
    const ngx_pool_t *block = pool;

    while (n-- > 0) {
        block = block->d.next;
    }
    return block;
}

size_t
place_block_size(const ngx_pool_t *pool)
{
    return (size_t) (pool->d.end - (const u_char *) pool);
}
