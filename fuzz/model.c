#include "model.h"

#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_palloc.h>

enum {
    FAILED_MAX = 4, /* a block with more failures is not tried any more */
    LEFT_PART = 32, /* nor one with less than 1 / LEFT_PART of it free */
    NGINX_WALK = 5, /* nginx looks for an empty entry among the first 5 */
};

static struct model_spot small(struct model *model, struct model_pool *pool,
                               size_t size, size_t alignment,
                               const struct model_seen *seen);
static size_t block_fitting(const struct model *model,
                            const struct model_pool *pool, size_t size,
                            size_t alignment);
static int fits(const struct model *model, const struct model_block *block,
                size_t size, size_t alignment);
static void block_append(struct model_pool *pool);
static struct model_spot cut(const struct model *model, struct model_pool *pool,
                             size_t block, size_t size, size_t alignment);
static void fail_all(struct model_pool *pool, const struct model_seen *seen);
static void current_move(struct model_pool *pool, size_t block);
static struct model_spot large(struct model *model, struct model_pool *pool,
                               unsigned key, const struct model_seen *seen);
static struct model_spot large_add(struct model_pool *pool, unsigned key,
                                   int is_fresh, const struct model_seen *seen);
static struct model_large *large_find(struct model_pool *pool, unsigned key);
static void large_remove(struct model_pool *pool, struct model_large *entry);
static struct model_spot nginx_small(struct model *model,
                                     struct model_pool *pool, size_t size,
                                     size_t alignment,
                                     const struct model_seen *seen);
static struct model_spot nginx_entry(struct model *model,
                                     struct model_pool *pool, unsigned key,
                                     const struct model_seen *seen);
static size_t align_up(size_t offset, size_t alignment);

static const struct model_spot nowhere = {.place = MODEL_NOWHERE};

void
model_init(struct model *model, size_t redzone, int all_large)
{
    unsigned pool;

    model->redzone = redzone;
    model->all_large = all_large;
    for (pool = 0; pool < OP_POOLS; pool++) {
        model->pools[pool].exists = 0;
    }
}

int
model_create(struct model *model, unsigned pool, size_t size,
             const struct model_seen *seen)
{
    struct model_pool *self = &model->pools[pool];
    size_t page = ngx_pagesize;

    if (size < sizeof(ngx_pool_t) + 2 * model->redzone ||
        (seen->is_null && seen->is_refused)) {
        return 0;
    }
    self->exists = 1;
    self->max = size - sizeof(ngx_pool_t) - model->redzone;
    if (self->max > page - 1) {
        self->max = page - 1;
    }
    self->bytes = size;
    self->block_count = 1;
    self->current = 0;
    self->blocks[0] =
        (struct model_block){.size = size, .last = model_header(0)};
    self->large_count = 0;
    self->large_bytes = 0;
    self->large_peak = 0;
    self->spare_count = 0;
    self->empty_count = 0;
    return 1;
}

struct model_spot
model_palloc(struct model *model, unsigned pool, size_t size, unsigned key,
             const struct model_seen *seen)
{
    struct model_pool *self = &model->pools[pool];

    return model_is_small(model, pool, size)
               ? small(model, self, size, NGX_ALIGNMENT, seen)
               : large(model, self, key, seen);
}

struct model_spot
model_pnalloc(struct model *model, unsigned pool, size_t size, unsigned key,
              const struct model_seen *seen)
{
    struct model_pool *self = &model->pools[pool];
    /* A red zone ends at a multiple of 8 bytes, the unit of marks. */
    size_t alignment = model->redzone == 0 ? 1 : 8;

    return model_is_small(model, pool, size)
               ? small(model, self, size, alignment, seen)
               : large(model, self, key, seen);
}

struct model_spot
model_pmemalign(struct model *model, unsigned pool, unsigned key,
                const struct model_seen *seen)
{
    return large(model, &model->pools[pool], key, seen);
}

struct model_cleanup
model_cleanup(struct model *model, unsigned pool, size_t size, unsigned key,
              const struct model_seen *seen)
{
    struct model_pool *self = &model->pools[pool];
    size_t header =
        align_up(sizeof(ngx_pool_cleanup_t) + model->redzone, NGX_ALIGNMENT);
    struct model_cleanup cleanup = {0};

    cleanup.node = !model_is_small(model, pool, size)
                       ? large(model, self, key, seen)
                       : small(model, self, header + size, NGX_ALIGNMENT, seen);
    cleanup.data = cleanup.node;
    cleanup.data.offset += header;
    return cleanup;
}

int
model_free(struct model *model, unsigned pool, unsigned key,
           const struct model_seen *seen)
{
    struct model_pool *self = &model->pools[pool];
    struct model_large *entry = large_find(self, key);

    if (entry == NULL) {
        return 0;
    }
    large_remove(self, entry);
    self->spare_count += !seen->is_indexed;
    return 1;
}

struct model_spot
model_nginx_alloc(struct model *model, unsigned pool, size_t size,
                  size_t alignment, unsigned key, const struct model_seen *seen)
{
    struct model_pool *self = &model->pools[pool];

    return size <= self->max ? nginx_small(model, self, size, alignment, seen)
                             : model_nginx_large(model, pool, key, seen);
}

/* Appends a block. Every block but the last counts a failure. */
struct model_spot
model_nginx_block(struct model *model, unsigned pool, size_t size,
                  const struct model_seen *seen)
{
    struct model_pool *self = &model->pools[pool];
    struct model_spot spot;
    size_t block;

    if (seen->is_null && seen->is_refused) {
        return nowhere;
    }
    for (block = self->current; block + 1 < self->block_count; block++) {
        if (self->blocks[block].failed++ > FAILED_MAX) {
            self->current = block + 1;
        }
    }
    block_append(self);
    spot = cut(model, self, self->block_count - 1, size, NGX_ALIGNMENT);
    spot.is_fresh = 1;
    return spot;
}

struct model_spot
model_nginx_large(struct model *model, unsigned pool, unsigned key,
                  const struct model_seen *seen)
{
    struct model_pool *self = &model->pools[pool];

    if (seen->is_null && seen->is_refused) {
        return nowhere;
    }
    if (seen->empty_entry < NGINX_WALK) {
        self->empty_count -= self->empty_count != 0;
        return large_add(self, key, 0, seen);
    }
    return nginx_entry(model, self, key, seen);
}

struct model_spot
model_nginx_pmemalign(struct model *model, unsigned pool, unsigned key,
                      const struct model_seen *seen)
{
    if (seen->is_null && seen->is_refused) {
        return nowhere;
    }
    return nginx_entry(model, &model->pools[pool], key, seen);
}

/* When the data gets no memory, the node stays allocated. */
struct model_cleanup
model_nginx_cleanup(struct model *model, unsigned pool, size_t size,
                    unsigned key, const struct model_seen *seen)
{
    struct model_pool *self = &model->pools[pool];
    const struct model_seen granted = {0};
    struct model_cleanup cleanup = {0};

    if (seen->is_null && seen->is_refused && !seen->has_block &&
        block_fitting(model, self, sizeof(ngx_pool_cleanup_t), NGX_ALIGNMENT) ==
            self->block_count) {
        return cleanup;
    }
    cleanup.node = nginx_small(model, self, sizeof(ngx_pool_cleanup_t),
                               NGX_ALIGNMENT, &granted);
    if (size != 0) {
        cleanup.data =
            model_nginx_alloc(model, pool, size, NGX_ALIGNMENT, key, seen);
    }
    if (size != 0 && cleanup.data.place == MODEL_NOWHERE) {
        cleanup.node = nowhere;
    }
    return cleanup;
}

/* nginx leaves the entry on the list. */
int
model_nginx_free(struct model *model, unsigned pool, unsigned key)
{
    struct model_pool *self = &model->pools[pool];
    struct model_large *entry = large_find(self, key);

    if (entry == NULL) {
        return 0;
    }
    large_remove(self, entry);
    self->empty_count++;
    return 1;
}

void
model_reset(struct model *model, unsigned pool)
{
    struct model_pool *self = &model->pools[pool];
    size_t block;

    for (block = 0; block < self->block_count; block++) {
        self->blocks[block].last = model_header(block);
        self->blocks[block].failed = 0;
    }
    self->current = 0;
    self->large_count = 0;
    self->large_bytes = 0;
    self->large_peak = 0;
    self->spare_count = 0;
    self->empty_count = 0;
}

void
model_destroy(struct model *model, unsigned pool)
{
    model->pools[pool].exists = 0;
}

void
model_tail_move(struct model *model, unsigned pool, long bytes)
{
    model->pools[pool].blocks[0].last += (size_t) bytes;
}

size_t
model_left(const struct model *model, unsigned pool)
{
    const struct model_pool *self = &model->pools[pool];

    return self->blocks[self->current].size - self->blocks[self->current].last;
}

/* Makes a small allocation. Each block that is tried in vain counts a
 * failure. */
static struct model_spot
small(struct model *model, struct model_pool *pool, size_t size,
      size_t alignment, const struct model_seen *seen)
{
    size_t block = block_fitting(model, pool, size, alignment);
    struct model_spot spot;
    size_t tried;
    int is_fresh = block == pool->block_count;

    if (is_fresh && seen->is_null && seen->is_refused) {
        fail_all(pool, seen);
        return nowhere;
    }
    if (is_fresh) {
        block_append(pool);
    }
    for (tried = pool->current; tried < block; tried++) {
        pool->blocks[tried].failed++;
    }
    spot = cut(model, pool, block, size, alignment);
    spot.is_fresh = is_fresh;
    current_move(pool, block);
    return spot;
}

/* Returns the first block, from current on, that the allocation fits into, or
 * block_count. */
static size_t
block_fitting(const struct model *model, const struct model_pool *pool,
              size_t size, size_t alignment)
{
    size_t block = pool->current;

    while (block < pool->block_count &&
           !fits(model, &pool->blocks[block], size, alignment)) {
        block++;
    }
    return block;
}

static int
fits(const struct model *model, const struct model_block *block, size_t size,
     size_t alignment)
{
    return align_up(block->last, alignment) + size + model->redzone <=
           block->size;
}

static void
block_append(struct model_pool *pool)
{
    size_t size = pool->blocks[0].size;
    size_t block = pool->block_count++;

    pool->blocks[block] =
        (struct model_block){.size = size, .last = model_header(block)};
    pool->bytes += size;
}

static struct model_spot
cut(const struct model *model, struct model_pool *pool, size_t block,
    size_t size, size_t alignment)
{
    size_t last = pool->blocks[block].last;
    size_t offset = align_up(last, alignment);

    pool->blocks[block].last = offset + size + model->redzone;
    return (struct model_spot){
        .place = MODEL_SMALL, .block = block, .offset = offset, .before = last};
}

/* No block had enough free bytes, and the call returned NULL: then either all
 * blocks have counted the failure, or none has. */
static void
fail_all(struct model_pool *pool, const struct model_seen *seen)
{
    size_t block = pool->current;

    if (seen->failed == pool->blocks[block].failed) {
        return;
    }
    for (; block < pool->block_count; block++) {
        pool->blocks[block].failed++;
    }
}

/* Moves current towards block, past the blocks that are not tried any more. */
static void
current_move(struct model_pool *pool, size_t block)
{
    while (pool->current < block) {
        const struct model_block *current = &pool->blocks[pool->current];

        if (current->failed <= FAILED_MAX &&
            current->size - current->last >= current->size / LEFT_PART) {
            return;
        }
        pool->current++;
    }
}

/*
 * Makes a large allocation and its entry. The entry is one of the index, the
 * list's first entry if that is empty, a spare one, or cut from a block.
 */
static struct model_spot
large(struct model *model, struct model_pool *pool, unsigned key,
      const struct model_seen *seen)
{
    int is_first = !seen->has_index && seen->empty_entry == 0;
    int is_indexed = seen->has_index && (!seen->is_refused || seen->is_indexed);
    const size_t entry = sizeof(ngx_pool_large_t);
    struct model_spot spot = {0};

    if (seen->is_null && seen->is_refused) {
        if (!is_first && pool->spare_count == 0 &&
            block_fitting(model, pool, entry, NGX_ALIGNMENT) ==
                pool->block_count) {
            fail_all(pool, seen);
        }
        return nowhere;
    }
    if (is_first) {
        pool->empty_count--;
    } else if (!is_indexed && pool->spare_count != 0) {
        pool->spare_count--;
    } else if (!is_indexed) {
        spot = small(model, pool, entry, NGX_ALIGNMENT, seen);
    }
    return large_add(pool, key, spot.is_fresh, seen);
}

static struct model_spot
large_add(struct model_pool *pool, unsigned key, int is_fresh,
          const struct model_seen *seen)
{
    pool->large[pool->large_count++] =
        (struct model_large){.size = seen->taken, .key = key};
    pool->large_bytes += seen->taken;
    if (pool->large_count > pool->large_peak) {
        pool->large_peak = pool->large_count;
    }
    return (struct model_spot){.place = MODEL_LARGE, .is_fresh = is_fresh};
}

/* Returns NULL when key is no live large allocation. */
static struct model_large *
large_find(struct model_pool *pool, unsigned key)
{
    size_t i;

    for (i = pool->large_count; i-- != 0 && key != MODEL_NO_KEY;) {
        if (pool->large[i].key == key) {
            return &pool->large[i];
        }
    }
    return NULL;
}

static void
large_remove(struct model_pool *pool, struct model_large *entry)
{
    pool->large_bytes -= entry->size;
    *entry = pool->large[--pool->large_count];
}

static struct model_spot
nginx_small(struct model *model, struct model_pool *pool, size_t size,
            size_t alignment, const struct model_seen *seen)
{
    size_t block = block_fitting(model, pool, size, alignment);

    return block < pool->block_count
               ? cut(model, pool, block, size, alignment)
               : model_nginx_block(model, (unsigned) (pool - model->pools),
                                   size, seen);
}

/* Makes a large allocation whose entry is cut from a block. */
static struct model_spot
nginx_entry(struct model *model, struct model_pool *pool, unsigned key,
            const struct model_seen *seen)
{
    struct model_spot spot =
        nginx_small(model, pool, sizeof(ngx_pool_large_t), NGX_ALIGNMENT, seen);

    return large_add(pool, key, spot.is_fresh, seen);
}

static size_t
align_up(size_t offset, size_t alignment)
{
    return (offset + alignment - 1) / alignment * alignment;
}
