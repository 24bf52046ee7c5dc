#include "model.h"

#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_palloc.h>

#include "heap.h"

enum {
    FAILED_MAX = 4, /* a block that failed more often is passed */
    WALK_MAX = 16,  /* ngx_pfree() walks so many entries without an index */
    LARGE_MANY = 4, /* for each later block: then these are not kept */

    KEPT_LARGE = 64, /* of a pool: of one with more none is kept */
    KEPT_SIZE_MIN = sizeof(ngx_pool_data_t), /* of each */
    KEPT_SIZE_MAX = 64 * 1024,
    KEPT_SLACK = 32, /* what is kept serves so many bytes less */

    INDEX_MIN = 64,                    /* places of the smallest index */
    INDEX_HEADER = 4 * sizeof(size_t), /* before them */
    SLOTS_MAX = 254,                   /* free entries that a list knows of */
};

static int system_take(struct model *model, size_t size);
static void system_give(struct model *model, size_t size);
static int block_take(struct model *model, size_t size);
static void block_give(struct model *model, size_t size);
static size_t large_take(struct model *model, size_t size);
static void large_give(struct model *model, size_t size);
static void keep(struct model *model, struct model_bins *bins, size_t size);
static void unkeep(struct model *model, struct model_bins *bins,
                   struct model_bin *bin);
static void shrink(struct model *model, struct model_bins *bins, size_t size);
static struct model_bin *bin_find(struct model_bins *bins, size_t size);
static struct model_bin *bin_first(struct model_bins *bins,
                                   struct model_bin bin);
static void bin_empty(struct model *model, struct model_bins *bins,
                      struct model_bin *bin);

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
static struct model_large *entry_find(struct model_pool *pool, unsigned key,
                                      size_t *ret_behind);
static struct model_large *entry_free(struct model_pool *pool);
static void index_build(struct model *model, struct model_pool *pool);
static int index_has_room(struct model *model, struct model_pool *pool);
static size_t index_places(size_t count);
static size_t index_size(size_t places);
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

    if (size < sizeof(ngx_pool_t) + 2 * model->redzone ||
        !block_take(model, size)) {
        return 0;
    }
    self->exists = 1;
    self->growth = 0;
    self->max = size - sizeof(ngx_pool_t) - model->redzone;
    if (self->max > page - 1) {
        self->max = page - 1;
    }
    self->bytes = size;
    self->block_count = 1;
    self->used_count = 1;
    self->current = 0;
    self->blocks[0] =
        (struct model_block){.size = size, .last = sizeof(ngx_pool_t)};
    self->entry_count = 0;
    self->large_count = 0;
    self->slots = 0;
    self->large_bytes = 0;
    self->index_places = 0;
    self->cleanup_count = 0;
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

    if (is_large && (size = large_take(model, size)) == 0) {
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
    self->cleanup_count++;
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
    if (!system_take(model, alignment > HEAP_SIZE_MAX ? SIZE_MAX : size)) {
        return (struct model_spot){.place = MODEL_NOWHERE};
    }
    return large_add(model, &model->pools[pool], size, key);
}

int
model_free(struct model *model, unsigned pool, unsigned key)
{
    struct model_pool *self = &model->pools[pool];
    size_t behind = 0; /* entries of the list before key's */
    struct model_large *entry = entry_find(self, key, &behind);

    if (self->index_places == 0 && behind >= WALK_MAX) {
        index_build(model, self);
        entry = entry_find(self, key, &behind);
    }
    if (entry == NULL) {
        return 0;
    }

    system_give(model, entry->size);
    self->large_bytes -= entry->size;
    self->large_count--;
    if (self->index_places != 0) {
        *entry = self->entries[--self->entry_count];
    } else {
        entry->key = MODEL_NO_KEY;
        self->slots += self->slots < SLOTS_MAX;
    }
    return 1;
}

void
model_reset(struct model *model, unsigned pool)
{
    struct model_pool *self = &model->pools[pool];

    large_done(model, self);
    self->used_count = 1;
    self->current = 0;
    self->blocks[0].last = sizeof(ngx_pool_t);
    self->blocks[0].failed = 0;
}

void
model_destroy(struct model *model, unsigned pool)
{
    struct model_pool *self = &model->pools[pool];
    int is_kept = self->large_count < LARGE_MANY * (self->block_count - 1);
    size_t block;

    large_done(model, self);
    block_give(model, self->blocks[0].size);
    for (block = 1; block < self->block_count; block++) {
        size_t size = self->blocks[block].size;

        if (is_kept) {
            block_give(model, size);
        } else {
            system_give(model, size);
        }
    }
    self->exists = 0;
}

void
model_grow(struct model *model, unsigned pool, size_t most)
{
    model->pools[pool].growth = most;
}

void
model_tail_move(struct model *model, unsigned pool, size_t block, long bytes)
{
    model->pools[pool].blocks[block].last += (size_t) bytes;
}

void
model_cache_limit(struct model *model, size_t size)
{
    struct model_cache *cache = &model->cache;

    cache->limit = size;
    shrink(model, &cache->large, size);
    shrink(model, &cache->blocks, size);
}

void
model_cache_trim(struct model *model)
{
    shrink(model, &model->cache.large, 0);
    shrink(model, &model->cache.blocks, 0);
}

size_t
model_left(const struct model *model, unsigned pool)
{
    const struct model_pool *self = &model->pools[pool];

    /* A red zone may pass the end of nothing, so last is never behind it. */
    return self->blocks[self->current].size - self->blocks[self->current].last;
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
    system->allocated++;
    return 1;
}

static void
system_give(struct model *model, size_t size)
{
    model->system.live_blocks--;
    model->system.live_bytes -= size;
    model->system.given_back++;
}

/* A kept block where there is one of that size, else the system's. */
static int
block_take(struct model *model, size_t size)
{
    struct model_bins *bins = &model->cache.blocks;
    struct model_bin *bin = bin_find(bins, size);

    if (bin == NULL) {
        return system_take(model, size);
    }
    unkeep(model, bins, bin);
    return 1;
}

static void
block_give(struct model *model, size_t size)
{
    keep(model, &model->cache.blocks, size);
}

/* The bytes of what is kept and is no more than KEPT_SLACK too large, else of
 * the system's, or 0. */
static size_t
large_take(struct model *model, size_t size)
{
    struct model_bins *bins = &model->cache.large;
    size_t i;

    for (i = 0; i < bins->count; i++) {
        size_t kept = bins->bins[i].size;

        if (kept >= size && kept - size <= KEPT_SLACK) {
            unkeep(model, bins, &bins->bins[i]);
            return kept;
        }
    }
    return system_take(model, size) ? size : 0;
}

/* Of a pool that ends. */
static void
large_give(struct model *model, size_t size)
{
    if (size < KEPT_SIZE_MIN || size > KEPT_SIZE_MAX) {
        system_give(model, size);
    } else {
        keep(model, &model->cache.large, size);
    }
}

/* For another size than the kept ones, the one used longest ago may go. */
static void
keep(struct model *model, struct model_bins *bins, size_t size)
{
    struct model_cache *cache = &model->cache;
    struct model_bin *bin = bin_find(bins, size);

    if (size > cache->limit) {
        system_give(model, size);
        return;
    }
    if (bin == NULL && bins->count == MODEL_BINS) {
        bin_empty(model, bins, &bins->bins[MODEL_BINS - 1]);
    }
    if (bin != NULL) {
        bin = bin_first(bins, *bin);
    }
    if (cache->size + size > cache->limit) {
        system_give(model, size);
        return;
    }
    if (bin == NULL) {
        bin = bin_first(bins, (struct model_bin){.size = size});
    }
    bin->count++;
    cache->size += size;
}

static void
unkeep(struct model *model, struct model_bins *bins, struct model_bin *bin)
{
    bin = bin_first(bins, *bin);
    model->cache.size -= bin->size;
    if (--bin->count == 0) {
        bin_empty(model, bins, bin);
    }
}

static void
shrink(struct model *model, struct model_bins *bins, size_t size)
{
    while (model->cache.size > size && bins->count != 0) {
        bin_empty(model, bins, &bins->bins[bins->count - 1]);
    }
}

static struct model_bin *
bin_find(struct model_bins *bins, size_t size)
{
    size_t i;

    for (i = 0; i < bins->count; i++) {
        if (bins->bins[i].size == size) {
            return &bins->bins[i];
        }
    }
    return NULL;
}

/* Makes bin, which may be one of them, the first. */
static struct model_bin *
bin_first(struct model_bins *bins, struct model_bin bin)
{
    size_t i;

    for (i = 0; i < bins->count && bins->bins[i].size != bin.size; i++) {
    }
    if (i == bins->count) {
        bins->count++;
    }
    for (; i != 0; i--) {
        bins->bins[i] = bins->bins[i - 1];
    }
    bins->bins[0] = bin;
    return &bins->bins[0];
}

/* What it has goes, and itself. */
static void
bin_empty(struct model *model, struct model_bins *bins, struct model_bin *bin)
{
    model->cache.size -= bin->count * bin->size;
    for (; bin->count != 0; bin->count--) {
        system_give(model, bin->size);
    }
    bins->count--;
    for (; bin != &bins->bins[bins->count]; bin++) {
        bin[0] = bin[1];
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
    size_t size = pool->blocks[tail].size;
    size_t block;

    if (pool->used_count == pool->block_count) {
        if (2 * size <= pool->growth) {
            size *= 2;
        }
        if (!block_take(model, size)) {
            return 0;
        }
        pool->block_count++;
        pool->bytes += size;
        pool->blocks[pool->used_count].size = size;
    }
    pool->blocks[pool->used_count].last = sizeof(ngx_pool_data_t);
    pool->blocks[pool->used_count].failed = 0;
    pool->used_count++;

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

    if (offset + size + model->redzone > pool->blocks[block].size) {
        return (struct model_spot){.place = MODEL_NOWHERE};
    }
    pool->blocks[block].last = offset + size + model->redzone;
    return (struct model_spot){
        .place = MODEL_SMALL, .block = block, .offset = offset, .before = last};
}

static struct model_spot
large(struct model *model, struct model_pool *pool, size_t size, unsigned key)
{
    size = large_take(model, size);
    if (size == 0) {
        return (struct model_spot){.place = MODEL_NOWHERE};
    }
    return large_add(model, pool, size, key);
}

/* An entry for what the system gave; without one it goes back. */
static struct model_spot
large_add(struct model *model, struct model_pool *pool, size_t size,
          unsigned key)
{
    struct model_large *entry = NULL;

    if (pool->index_places != 0) {
        if (!index_has_room(model, pool)) {
            system_give(model, size);
            return (struct model_spot){.place = MODEL_NOWHERE};
        }
    } else if (pool->slots != 0) {
        pool->slots--;
        entry = entry_free(pool);
    } else {
        struct model_spot spot =
            small(model, pool, sizeof(ngx_pool_large_t), NGX_ALIGNMENT);

        if (spot.place == MODEL_NOWHERE) {
            system_give(model, size);
            return spot;
        }
    }
    if (entry == NULL) {
        entry = &pool->entries[pool->entry_count++];
    }

    *entry = (struct model_large){.size = size, .key = key};
    pool->large_count++;
    pool->large_bytes += size;
    return (struct model_spot){.place = MODEL_LARGE};
}

/* key's entry, or NULL, and how many stand before it, or in all. */
static struct model_large *
entry_find(struct model_pool *pool, unsigned key, size_t *ret_behind)
{
    size_t behind;

    for (behind = 0; behind < pool->entry_count; behind++) {
        struct model_large *entry =
            &pool->entries[pool->entry_count - 1 - behind];

        if (entry->key == key && key != MODEL_NO_KEY) {
            *ret_behind = behind;
            return entry;
        }
    }
    *ret_behind = behind;
    return NULL;
}

/* The first free one of the list. */
static struct model_large *
entry_free(struct model_pool *pool)
{
    struct model_large *entry = &pool->entries[pool->entry_count - 1];

    while (entry->key != MODEL_NO_KEY) {
        entry--;
    }
    return entry;
}

static void
large_done(struct model *model, struct model_pool *pool)
{
    int is_kept = pool->large_count <= KEPT_LARGE && pool->index_places == 0;
    size_t i;

    for (i = pool->entry_count; i-- != 0;) {
        const struct model_large *entry = &pool->entries[i];

        if (entry->key != MODEL_NO_KEY && is_kept) {
            large_give(model, entry->size);
        } else if (entry->key != MODEL_NO_KEY) {
            system_give(model, entry->size);
        }
    }
    if (pool->index_places != 0) {
        system_give(model, index_size(pool->index_places));
    }
    pool->index_places = 0;
    pool->entry_count = 0;
    pool->large_count = 0;
    pool->slots = 0;
    pool->large_bytes = 0;
    pool->cleanup_count = 0;
}

/* The list's entries are used no more. */
static void
index_build(struct model *model, struct model_pool *pool)
{
    size_t places = index_places(pool->large_count);
    size_t i;
    size_t live = 0;

    if (!system_take(model, index_size(places))) {
        return;
    }
    pool->index_places = places;
    pool->slots = 0;
    for (i = 0; i < pool->entry_count; i++) {
        if (pool->entries[i].key != MODEL_NO_KEY) {
            pool->entries[live++] = pool->entries[i];
        }
    }
    pool->entry_count = live;
}

/* For one more; it grows, or else is filled but for one place. */
static int
index_has_room(struct model *model, struct model_pool *pool)
{
    size_t places = index_places(pool->large_count + 1);

    if (places <= pool->index_places) {
        return 1;
    }
    if (!system_take(model, index_size(places))) {
        return pool->large_count + 1 < pool->index_places;
    }
    system_give(model, index_size(pool->index_places));
    pool->index_places = places;
    return 1;
}

/* At most four fifths are taken. */
static size_t
index_places(size_t count)
{
    size_t places = INDEX_MIN;

    while (5 * count > 4 * places) {
        places *= 2;
    }
    return places;
}

static size_t
index_size(size_t places)
{
    return INDEX_HEADER + places * sizeof(void *);
}

static size_t
align_up(size_t offset, size_t alignment)
{
    return (offset + alignment - 1) / alignment * alignment;
}
