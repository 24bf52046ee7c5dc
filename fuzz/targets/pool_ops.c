/*
 * pool_ops: a pool keeps every promise of fuzz/oracles/ for any ops in any
 * order. The input is a program, see pool/ops/program.h.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <ngx_pool_index.h>

#include "heap.h"
#include "replay.h"
#include "run.h"

/* A build for an odd system sets it: see odd.c. */
#ifndef FUZZ_KEEPS_NOTHING
#define FUZZ_KEEPS_NOTHING 0
#endif

/* The marks of the pool. A build that leaves them to the header sets the values
 * that it expects. */
#ifndef FUZZ_REDZONE
#define FUZZ_REDZONE NGX_POOL_REDZONE
#define FUZZ_POISON  NGX_POOL_POISON
#endif

#if defined(NGX_DEBUG)
#define POOL_OPS_DEBUG 1
#else
#define POOL_OPS_DEBUG 0
#endif

enum {
    DEFAULT_SIZE = 16 * 1024,
    UNIT = 16, /* the least useful size is a multiple of it */

    /* The pool, and the limit of kept memory, at the end of a process. */
    LEFT_SIZE = 4096,
    LEFT_MOST = 1024 * 1024,

    /* Large allocations: the most of a list without an index (pool/README.md),
     * and enough for an index with free entries. */
    LARGE_WALKED = 16,
    LARGE_COUNT = 30,
    LARGE_SIZE = 5003,

    LAST_PRIORITY = 101, /* of a destructor that runs after all others */

    /* One in this number of programs is run again, and each of its pools
     * alone. */
    AGAIN_ONE_IN = 256,
};

static void check_index(ngx_pool_t *pool);
static void add_large(ngx_pool_t *pool, size_t count);
static void free_last(ngx_pool_t *pool);
static void check(int holds, const char *words);

static const struct run_options options = {
    .redzone = FUZZ_REDZONE,
    .is_marked = FUZZ_POISON,
    .only = RUN_ALL,
    .is_debug = POOL_OPS_DEBUG,
    .all_large = NGX_DEBUG_PALLOC,
    .keeps_nothing = FUZZ_KEEPS_NOTHING,
    .palloc = FUZZ_INLINED ? ngx_palloc_inline : ngx_palloc,
    .pnalloc = FUZZ_INLINED ? ngx_pnalloc_inline : ngx_pnalloc,
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct run *run = run_program(data, size, &options);

    if ((run->hash >> 32) % AGAIN_ONE_IN == 1) {
        run_program_again(data, size, &options);
    }
    return 0;
}

void
replay_one(const uint8_t *data, size_t size)
{
    run_program_again(data, size, &options);
}

/* Checks that need no program. The pool's memory stays kept, and the library
 * must release it at the end of the process: see check_left(). */
void
replay_done(void)
{
    const size_t least = sizeof(ngx_pool_t) + 2 * sizeof(ngx_pool_large_t);
    ngx_pool_cache_stats_t kept;
    ngx_pool_t *pool;

    ngx_pool_cache_stats(&kept);
    check(!NGX_DEBUG_PALLOC || kept.limit == 0,
          "a build where every allocation is large keeps nothing at first");
    check(NGX_DEFAULT_POOL_SIZE == DEFAULT_SIZE && NGX_MIN_POOL_SIZE >= least &&
              NGX_MIN_POOL_SIZE < least + UNIT && NGX_MIN_POOL_SIZE % UNIT == 0,
          "NGX_DEFAULT_POOL_SIZE and NGX_MIN_POOL_SIZE are as documented");
    ngx_pool_cache_limit(LEFT_MOST);
    pool = ngx_create_pool(LEFT_SIZE, NULL);
    check(pool != NULL, "there is memory for a pool");
    check_index(pool);
    ngx_destroy_pool(pool);
}

/* Checks that a list of LARGE_WALKED large allocations has no index, and that a
 * longer list has one. The entries of the index may not all lie in a row: the
 * sizes, and so the addresses, are irregular. */
static void
check_index(ngx_pool_t *pool)
{
    const ngx_pool_index_t *index;
    size_t rows = 0;
    size_t i;

    add_large(pool, LARGE_WALKED);
    free_last(pool);
    check(pool->index == NULL, "a short list of large allocations is walked");
    add_large(pool, 2);
    free_last(pool);
    check(pool->index != NULL, "a list that is longer by one has an index");
    add_large(pool, LARGE_COUNT - LARGE_WALKED);
    index = pool->index;
    for (i = 0; i <= index->mask; i++) {
        rows += index->slots[i].next != NULL &&
                index->slots[(i + 1) & index->mask].next == NULL;
    }
    check(rows > 1, "an index spreads its entries");
}

static void
add_large(ngx_pool_t *pool, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        check(ngx_palloc(pool, LARGE_SIZE + i * i % LARGE_SIZE) != NULL,
              "there is memory for large allocations");
    }
}

/* A search for the last entry walks all of the list. */
static void
free_last(ngx_pool_t *pool)
{
    const ngx_pool_large_t *last = pool->large;

    while (last->next != NULL) {
        last = last->next;
    }
    check(ngx_pfree(pool, last->alloc) == NGX_OK,
          "a large allocation is freed");
}

__attribute__((destructor(LAST_PRIORITY))) static void
check_left(void)
{
    check(heap_live_blocks() == 0, "a process's end releases all memory");
}

static void
check(int holds, const char *words)
{
    if (!holds) {
        fprintf(stderr, "broken promise: %s\n", words);
        abort();
    }
}
