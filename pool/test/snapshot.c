#include "snapshot.h"

#include "fixture.h"
#include "heap.h"
#include "place.h"

static void snapshot_add(struct snapshot *snapshot, const char *name,
                         uintptr_t value);
static void snapshot_blocks(struct snapshot *snapshot, const ngx_pool_t *pool);
static void snapshot_larges(struct snapshot *snapshot,
                            const ngx_pool_large_t *large);
static void snapshot_cleanups(struct snapshot *snapshot,
                              const ngx_pool_cleanup_t *cleanup);

void
snapshot_take(struct snapshot *snapshot, const ngx_pool_t *pool)
{
    snapshot->count = 0;
    snapshot_add(snapshot, "max", pool->max);
    snapshot_add(snapshot, "current", (uintptr_t) pool->current);
    snapshot_add(snapshot, "chain", (uintptr_t) pool->chain);
    snapshot_add(snapshot, "log", (uintptr_t) pool->log);
    snapshot_add(snapshot, "tried", pool->d.tried);
    snapshot_add(snapshot, "slots", pool->d.slots);
    snapshot_blocks(snapshot, pool);
    snapshot_larges(snapshot, pool->large);
    snapshot_cleanups(snapshot, pool->cleanup);
    snapshot_add(snapshot, "live blocks", heap_live_blocks());
    snapshot_add(snapshot, "live bytes", heap_live_bytes());
    snapshot_add(snapshot, "kept bytes", ngx_pool_cache_size());
}

void
snapshot_check(const struct snapshot *snapshot, const ngx_pool_t *pool)
{
    static struct snapshot now;
    size_t i;

    snapshot_take(&now, pool);
    for (i = 0; i < snapshot->count && i < now.count; i++) {
        if (snapshot->words[i].value != now.words[i].value) {
            fail_msg("%s was %#zx, is %#zx", snapshot->words[i].name,
                     (size_t) snapshot->words[i].value,
                     (size_t) now.words[i].value);
        }
    }
    assert_int_equal(snapshot->count, now.count);
}

static void
snapshot_add(struct snapshot *snapshot, const char *name, uintptr_t value)
{
    assert_true(snapshot->count < SNAPSHOT_WORDS_MAX);
    snapshot->words[snapshot->count].name = name;
    snapshot->words[snapshot->count].value = value;
    snapshot->count++;
}

static void
snapshot_blocks(struct snapshot *snapshot, const ngx_pool_t *pool)
{
    size_t used = place_used(pool);
    const ngx_pool_t *block;

    for (block = pool; block != NULL; block = block->d.next) {
        snapshot_add(snapshot, "block", (uintptr_t) block);
        if (used > 0) {
            const ngx_pool_data_t *data = ngx_pool_block_data(pool, block);

            snapshot_add(snapshot, "last", (uintptr_t) data->last);
            snapshot_add(snapshot, "end", (uintptr_t) data->end);
            snapshot_add(snapshot, "failed", block->d.failed);
            used--;
        }
    }
    snapshot_add(snapshot, "end of blocks", 0);
}

static void
snapshot_larges(struct snapshot *snapshot, const ngx_pool_large_t *large)
{
    for (; large != NULL; large = large->next) {
        snapshot_add(snapshot, "large", (uintptr_t) large);
        snapshot_add(snapshot, "large's alloc", (uintptr_t) large->alloc);
    }
    snapshot_add(snapshot, "end of larges", 0);
}

static void
snapshot_cleanups(struct snapshot *snapshot, const ngx_pool_cleanup_t *cleanup)
{
    for (; cleanup != NULL; cleanup = cleanup->next) {
        snapshot_add(snapshot, "cleanup", (uintptr_t) cleanup);
        snapshot_add(snapshot, "handler", (uintptr_t) cleanup->handler);
        snapshot_add(snapshot, "data", (uintptr_t) cleanup->data);
    }
    snapshot_add(snapshot, "end of cleanups", 0);
}
