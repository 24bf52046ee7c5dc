#include "model.h"

#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_palloc.h>

#include "heap.h"

enum {
    FAILED_MAX = 4, /* a block that failed more often is passed */
    WALK_MAX = 16,  /* ngx_pfree() walks so many entries without an index */

    INDEX_MIN = 64,                    /* entries of the smallest index */
    INDEX_HEADER = 2 * sizeof(size_t), /* before its entries */
};

static int system_take(struct model *model, size_t size);
static void system_give(struct model *model, size_t size);
static int block_take(struct model *model, size_t size);
static void block_give(struct model *model, size_t size);
static struct model_bin *bin_of(struct model *model, size_t size);
static void bin_empty(struct model *model, struct model_bin *bin);

static struct model_spot small(struct model *model, struct model_pool *pool,
                               size_t size, size_t alignment);
static int block_use(struct model *model, struct model_pool *pool);
static struct model_spot spot_in(const struct model *model,
                                 struct model_pool *pool, size_t block,
                                 size_t size, size_t alignment);
static struct model_spot large(struct model *model, struct model_pool *pool,
                               size_t size, unsigned key);
static struct model_spot large_add(struct model *model, struct model_pool *pool,
                                   size_t size, unsigned key);
static void large_done(struct model *model, struct model_pool *pool);
static void index_build(struct model *model, struct model_pool *pool);
static size_t index_size(size_t entries);
static size_t align_up(size_t offset, size_t alignment);

void
model_init(struct model *model, size_t redzone)
{
    unsigned pool;

    model->redzone = redzone;
    for (pool = 0; pool < OP_POOLS; pool++) {
        model->pools[pool].exists = 0;
    }
    model->cache = (struct model_cache){0};
    model->system = (struct model_system){.fail_in = MODEL_NEVER};
}

int
model_create(struct model *model, unsigned pool, size_t size)
{
    struct model_pool *self = &model->pools[pool];
    size_t page = ngx_pagesize;

    if (size < sizeof(ngx_pool_t) || !block_take(model, size)) {
        return 0;
    }
    self->exists = 1;
    self->size = size;
    self->max = size - sizeof(ngx_pool_t);
    if (self->max > page - 1) {
        self->max = page - 1;
    }
    self->block_count = 1;
    self->used_count = 1;
    self->current = 0;
    self->blocks[0] = (struct model_block){.last = sizeof(ngx_pool_t)};
    self->large_count = 0;
    self->large_free = 0;
    self->large_bytes = 0;
    self->index_entries = 0;
    return 1;
}

int
model_cleanup(struct model *model, unsigned pool, size_t size, unsigned key,
              struct model_cleanup *ret_cleanup)
{
    struct model_pool *self = &model->pools[pool];
    struct model_spot node;
    struct model_spot data = {.place = MODEL_NOWHERE};
    int is_large = size > self->max;

    if (is_large && !system_take(model, size)) {
        return 0;
    }
    node = small(model, self, sizeof(ngx_pool_cleanup_t), NGX_ALIGNMENT);
    if (node.place == MODEL_NOWHERE) {
        if (is_large) {
            system_give(model, size);
        }
        return 0;
    }

    if (is_large) {
        data = large_add(model, self, size, key);
    } else if (size != 0) {
        data = small(model, self, size, NGX_ALIGNMENT);
    }
    if (size != 0 && data.place == MODEL_NOWHERE) {
        self->blocks[node.block].last = node.before;
        return 0;
    }
    ret_cleanup->node = node;
    ret_cleanup->data = data;
    return 1;
}

struct model_spot
model_palloc(struct model *model, unsigned pool, size_t size, unsigned key)
{
    struct model_pool *self = &model->pools[pool];

    return size <= self->max ? small(model, self, size, NGX_ALIGNMENT)
                             : large(model, self, size, key);
}

struct model_spot
model_pnalloc(struct model *model, unsigned pool, size_t size, unsigned key)
{
    struct model_pool *self = &model->pools[pool];
    /* A red zone ends where the marks' grain, of eight bytes, does. */
    size_t alignment = model->redzone == 0 ? 1 : 8;

    return size <= self->max ? small(model, self, size, alignment)
                             : large(model, self, size, key);
}

struct model_spot
model_pmemalign(struct model *model, unsigned pool, size_t size,
                size_t alignment, unsigned key)
{
    /* The fixture has no more for an alignment than for a size. */
    return large(model, &model->pools[pool],
                 alignment > HEAP_SIZE_MAX ? SIZE_MAX : size, key);
}

int
model_free(struct model *model, unsigned pool, unsigned key)
{
    struct model_pool *self = &model->pools[pool];
    size_t behind = 0; /* entries of the list before key's */
    size_t at = 0;

    while (behind < self->large_count) {
        at = self->large_count - 1 - behind;
        if (self->large_keys[at] == key) {
            break;
        }
        behind++;
    }

    if (self->index_entries == 0 && behind >= WALK_MAX) {
        index_build(model, self);
    }
    if (behind == self->large_count) {
        return 0;
    }

    system_give(model, self->larges[at]);
    self->large_bytes -= self->larges[at];
    self->large_count--;
    self->large_free++;
    self->larges[at] = self->larges[self->large_count];
    self->large_keys[at] = self->large_keys[self->large_count];
    return 1;
}

void
model_reset(struct model *model, unsigned pool)
{
    struct model_pool *self = &model->pools[pool];

    large_done(model, self);
    self->used_count = 1;
    self->current = 0;
    self->blocks[0] = (struct model_block){.last = sizeof(ngx_pool_t)};
}

void
model_destroy(struct model *model, unsigned pool)
{
    struct model_pool *self = &model->pools[pool];
    size_t block;

    large_done(model, self);
    for (block = 0; block < self->block_count; block++) {
        block_give(model, self->size);
    }
    self->exists = 0;
}

void
model_tail_move(struct model *model, unsigned pool, long bytes)
{
    model->pools[pool].blocks[0].last += (size_t) bytes;
}

void
model_cache_limit(struct model *model, size_t size)
{
    struct model_cache *cache = &model->cache;
    size_t i;

    cache->limit = size;
    for (i = 0; i < MODEL_BINS && cache->size > size; i++) {
        bin_empty(model, &cache->bins[i]);
    }
}

void
model_cache_trim(struct model *model)
{
    size_t i;

    for (i = 0; i < MODEL_BINS; i++) {
        bin_empty(model, &model->cache.bins[i]);
    }
}

size_t
model_left(const struct model *model, unsigned pool)
{
    const struct model_pool *self = &model->pools[pool];

    /* A red zone may pass the end of nothing, so last is never behind it. */
    return self->size - self->blocks[self->current].last;
}

static int
system_take(struct model *model, size_t size)
{
    struct model_system *system = &model->system;
    int fails = system->fail_in == 0 || size > HEAP_SIZE_MAX;

    if (system->fail_in != MODEL_NEVER) {
        system->fail_in =
            system->fail_in == 0 ? MODEL_NEVER : system->fail_in - 1;
    }
    if (fails) {
        system->failures++;
        return 0;
    }
    system->live_blocks++;
    system->live_bytes += size;
    return 1;
}

static void
system_give(struct model *model, size_t size)
{
    model->system.live_blocks--;
    model->system.live_bytes -= size;
}

/* A kept block where there is one of that size, else the system's. */
static int
block_take(struct model *model, size_t size)
{
    struct model_cache *cache = &model->cache;
    size_t i;

    for (i = 0; i < MODEL_BINS; i++) {
        if (cache->bins[i].size == size && cache->bins[i].count != 0) {
            cache->bins[i].count--;
            cache->size -= size;
            return 1;
        }
    }
    return system_take(model, size);
}

static void
block_give(struct model *model, size_t size)
{
    struct model_cache *cache = &model->cache;
    struct model_bin *bin;

    if (size > cache->limit) {
        system_give(model, size);
        return;
    }
    bin = bin_of(model, size);
    if (cache->size + size > cache->limit) {
        system_give(model, size);
        return;
    }
    bin->count++;
    cache->size += size;
}

/* The size's own bin, else the first empty one, else each bin in turn. */
static struct model_bin *
bin_of(struct model *model, size_t size)
{
    struct model_cache *cache = &model->cache;
    struct model_bin *bin = NULL;
    size_t i;

    for (i = 0; i < MODEL_BINS; i++) {
        if (cache->bins[i].size == size) {
            return &cache->bins[i];
        }
        if (bin == NULL && cache->bins[i].count == 0) {
            bin = &cache->bins[i];
        }
    }
    if (bin == NULL) {
        bin = &cache->bins[cache->victim];
        cache->victim = (cache->victim + 1) % MODEL_BINS;
        bin_empty(model, bin);
    }
    bin->size = size;
    return bin;
}

static void
bin_empty(struct model *model, struct model_bin *bin)
{
    model->cache.size -= bin->count * bin->size;
    for (; bin->count != 0; bin->count--) {
        system_give(model, bin->size);
    }
}

static struct model_spot
small(struct model *model, struct model_pool *pool, size_t size,
      size_t alignment)
{
    struct model_spot spot;
    size_t block;

    for (block = pool->current; block < pool->used_count; block++) {
        spot = spot_in(model, pool, block, size, alignment);
        if (spot.place == MODEL_SMALL) {
            return spot;
        }
    }
    if (!block_use(model, pool)) {
        return (struct model_spot){.place = MODEL_NOWHERE};
    }
    return spot_in(model, pool, pool->used_count - 1, size, alignment);
}

/* Another block behind those in use; each one tried, but for the last, has
 * failed once more. */
static int
block_use(struct model *model, struct model_pool *pool)
{
    size_t tail = pool->used_count - 1;
    size_t block;

    if (pool->used_count == pool->block_count) {
        if (!block_take(model, pool->size)) {
            return 0;
        }
        pool->block_count++;
    }
    pool->blocks[pool->used_count++] =
        (struct model_block){.last = sizeof(ngx_pool_data_t)};

    for (block = pool->current; block < tail; block++) {
        if (pool->blocks[block].failed++ > FAILED_MAX) {
            pool->current = block + 1;
        }
    }
    return 1;
}

static struct model_spot
spot_in(const struct model *model, struct model_pool *pool, size_t block,
        size_t size, size_t alignment)
{
    size_t last = pool->blocks[block].last;
    size_t offset = align_up(last, alignment);

    if (offset + size + model->redzone > pool->size) {
        return (struct model_spot){.place = MODEL_NOWHERE};
    }
    pool->blocks[block].last = offset + size + model->redzone;
    return (struct model_spot){
        .place = MODEL_SMALL, .block = block, .offset = offset, .before = last};
}

static struct model_spot
large(struct model *model, struct model_pool *pool, size_t size, unsigned key)
{
    if (!system_take(model, size)) {
        return (struct model_spot){.place = MODEL_NOWHERE};
    }
    return large_add(model, pool, size, key);
}

/* An entry for what the system gave; without one it goes back. */
static struct model_spot
large_add(struct model *model, struct model_pool *pool, size_t size,
          unsigned key)
{
    if (pool->large_free != 0) {
        pool->large_free--;
    } else {
        struct model_spot entry =
            small(model, pool, sizeof(ngx_pool_large_t), NGX_ALIGNMENT);

        if (entry.place == MODEL_NOWHERE) {
            system_give(model, size);
            return entry;
        }
    }

    pool->larges[pool->large_count] = size;
    pool->large_keys[pool->large_count] = key;
    pool->large_count++;
    pool->large_bytes += size;
    if (pool->index_entries != 0 &&
        2 * pool->large_count > pool->index_entries) {
        index_build(model, pool);
    }
    return (struct model_spot){.place = MODEL_LARGE};
}

static void
large_done(struct model *model, struct model_pool *pool)
{
    while (pool->large_count != 0) {
        system_give(model, pool->larges[--pool->large_count]);
    }
    if (pool->index_entries != 0) {
        system_give(model, index_size(pool->index_entries));
    }
    pool->index_entries = 0;
    pool->large_free = 0;
    pool->large_bytes = 0;
}

/* In place of the one that stands, if any, which goes first. */
static void
index_build(struct model *model, struct model_pool *pool)
{
    size_t entries = INDEX_MIN;

    while (entries < 2 * pool->large_count) {
        entries *= 2;
    }
    if (pool->index_entries != 0) {
        system_give(model, index_size(pool->index_entries));
    }
    pool->index_entries = system_take(model, index_size(entries)) ? entries : 0;
}

static size_t
index_size(size_t entries)
{
    return INDEX_HEADER + entries * sizeof(ngx_pool_large_t *);
}

static size_t
align_up(size_t offset, size_t alignment)
{
    return (offset + alignment - 1) / alignment * alignment;
}
