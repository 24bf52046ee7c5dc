#include "snapshot.h"

#include "fixture.h"
#include "heap.h"

static void snapshot_compare(const struct snapshot *snapshot,
                             const ngx_pool_t *pool, uintptr_t failed_more);
static void snapshot_add(struct snapshot *snapshot, const char *name,
                         uintptr_t value);
static void snapshot_blocks(struct snapshot *snapshot, const ngx_pool_t *pool);
static void snapshot_larges(struct snapshot *snapshot, const char *name,
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
    snapshot_add(snapshot, "index", (uintptr_t) pool->index);
    snapshot_blocks(snapshot, pool);
    snapshot_larges(snapshot, "large", pool->large);
    snapshot_larges(snapshot, "spare", pool->spare);
    snapshot_cleanups(snapshot, pool->cleanup);
    snapshot_add(snapshot, "live blocks", heap_live_blocks());
    snapshot_add(snapshot, "live bytes", heap_live_bytes());
    snapshot_add(snapshot, "kept bytes", ngx_pool_cache_size());
}

void
snapshot_check(const struct snapshot *snapshot, const ngx_pool_t *pool)
{
    snapshot_compare(snapshot, pool, 0);
}

void
snapshot_check_missed(const struct snapshot *snapshot, const ngx_pool_t *pool)
{
    snapshot_compare(snapshot, pool, 1);
}

static void
snapshot_compare(const struct snapshot *snapshot, const ngx_pool_t *pool,
                 uintptr_t failed_more)
{
    static struct snapshot now;
    size_t i;

    snapshot_take(&now, pool);
    for (i = 0; i < snapshot->count && i < now.count; i++) {
        uintptr_t more = now.words[i].value - snapshot->words[i].value;

        if (more > (snapshot->words[i].is_failed ? failed_more : 0)) {
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
    snapshot->words[snapshot->count].is_failed = 0;
    snapshot->count++;
}

static void
snapshot_blocks(struct snapshot *snapshot, const ngx_pool_t *pool)
{
    const ngx_pool_t *block;

    for (block = pool; block != NULL; block = block->d.next) {
        snapshot_add(snapshot, "block", (uintptr_t) block);
        snapshot_add(snapshot, "last", (uintptr_t) block->d.last);
        snapshot_add(snapshot, "end", (uintptr_t) block->d.end);
        snapshot_add(snapshot, "failed", block->d.failed);
        snapshot->words[snapshot->count - 1].is_failed = 1;
    }
    snapshot_add(snapshot, "end of blocks", 0);
}

static void
snapshot_larges(struct snapshot *snapshot, const char *name,
                const ngx_pool_large_t *large)
{
    for (; large != NULL; large = large->next) {
        snapshot_add(snapshot, name, (uintptr_t) large);
        snapshot_add(snapshot, "alloc", (uintptr_t) large->alloc);
    }
    snapshot_add(snapshot, "end of entries", 0);
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
