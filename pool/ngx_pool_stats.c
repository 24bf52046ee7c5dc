#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_pool_index.h>

void
ngx_pool_stats(const ngx_pool_t *pool, ngx_pool_stats_t *stats)
{
    const ngx_pool_t *block;
    const ngx_pool_large_t *large;
    const ngx_pool_cleanup_t *cleanup;
    size_t header = sizeof(ngx_pool_t);
    ngx_uint_t is_passed = 1;

    *stats = (ngx_pool_stats_t){0};
    for (block = pool; block != NULL; block = block->d.next) {
        size_t size = (size_t) (block->d.end - (const u_char *) block);
        size_t left = (size_t) (block->d.end - block->d.last);
        size_t used = size - header - left;

        is_passed = is_passed && block != pool->current;
        stats->blocks++;
        stats->unused += used == 0 && block->d.failed == 0;
        stats->size += size;
        stats->used += used;
        *(is_passed ? &stats->wasted : &stats->free) += left;
        header = sizeof(ngx_pool_data_t);
    }
    for (large = pool->large; large != NULL; large = large->next) {
        stats->large += large->alloc != NULL;
    }
    if (pool->index != NULL) {
        stats->index = sizeof(*pool->index) +
                       (pool->index->mask + 1) * sizeof(*pool->index->slots);
    }
    for (cleanup = pool->cleanup; cleanup != NULL; cleanup = cleanup->next) {
        stats->cleanups++;
    }
}
