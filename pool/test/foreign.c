/*
 * Other code that changes a pool by itself, between calls of ours: modules have
 * their own copies of nginx's functions. Those below know nginx's fields and
 * follow nginx's rules. Our functions have to respect their changes, and the
 * other way round.
 */
#include <string.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "fixture.h"
#include "heap.h"
#include "place.h"
#include "random_next.h"

enum {
    POOL_SIZE = 1024,
    LARGE = 3000,
    WALKED = 16, /* entries that pfree walks before it builds an index */
    LIVE_MAX = 400,
    STEPS = 4000,

    FOREIGN_FAILED_MAX = 4, /* nginx's rule for current */
    FOREIGN_REUSED = 5,     /* entries that are searched for a cleared one */
};

/* An allocation that the test watches: each byte is pattern. */
struct live {
    u_char *p;
    size_t size;
    u_char pattern;
};

/* A pool and all of its live allocations. */
struct watched {
    ngx_pool_t *pool;
    uint32_t seed;
    size_t count;
    struct live live[LIVE_MAX];
};

static void *foreign_palloc(ngx_pool_t *pool, size_t size, size_t alignment);
static void *foreign_small(ngx_pool_t *pool, size_t size, size_t alignment);
static void *foreign_block(ngx_pool_t *pool, size_t size);
static void *foreign_large(ngx_pool_t *pool, size_t size);
static ngx_int_t foreign_pfree(ngx_pool_t *pool, void *p);
static ngx_pool_cleanup_t *foreign_cleanup_add(ngx_pool_t *pool);

static void watch_allocate(struct watched *watched);
static void watch_pfree(struct watched *watched);
static void watch_give_back(struct watched *watched);
static void watch_check(const struct watched *watched);
static int is_large(const ngx_pool_t *pool, const void *p);
static size_t count_on_list(const ngx_pool_t *pool, const void *p);
static size_t count_live(const ngx_pool_t *pool);
static void build_index(ngx_pool_t *pool);

/* Ours and the foreign ones by turns, with resets. All live bytes keep their
 * contents, the list holds each live large allocation once, and a reset leaves
 * every block empty. */
static void
run_mixed(size_t size, uint32_t seed)
{
    static struct watched watched;
    size_t step;

    watched.pool = ngx_create_pool(size, NULL);
    watched.seed = seed;
    watched.count = 0;
    for (step = 0; step < STEPS; step++) {
        uint32_t random = random_next(&watched.seed) % 256;

        if (random == 0 || watched.count == LIVE_MAX) {
            watch_check(&watched);
            ngx_reset_pool(watched.pool);
            place_check_empty(watched.pool, size);
            assert_null(watched.pool->large);
            watched.count = 0;
        } else if (random < 50) {
            watch_pfree(&watched);
        } else if (random < 70) {
            watch_give_back(&watched);
        } else {
            watch_allocate(&watched);
        }
        if (step % 64 == 0) {
            watch_check(&watched);
        }
    }
    watch_check(&watched);
    ngx_destroy_pool(watched.pool);
}

static void
test_foreign_functions_and_ours_by_turns(void **state)
{
    uint32_t seed;

    (void) state;
    for (seed = 0; seed < 12; seed++) {
        run_mixed(POOL_SIZE, seed);
        run_mixed(300 + seed, seed);
        run_mixed(4096, seed);
    }
}

static void
test_foreign_block_is_cut_from(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    place_leave(pool, 0, 104);
    place_check(pool, foreign_palloc(pool, 200, NGX_ALIGNMENT), 1,
                sizeof(ngx_pool_data_t));
    place_check(pool, ngx_palloc(pool, 200), 1, sizeof(ngx_pool_data_t) + 200);
    place_check(pool, ngx_palloc(pool, 96), 0, POOL_SIZE - 104);
    ngx_destroy_pool(pool);
}

/* Ours appended a block and moved current; a foreign one finds both. */
static void
test_foreign_functions_cut_from_our_blocks(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    place_leave(pool, 0, 0);
    (void) ngx_palloc(pool, 200);
    place_check(pool, foreign_palloc(pool, 200, NGX_ALIGNMENT), 1,
                sizeof(ngx_pool_data_t) + 200);
    assert_int_equal(place_blocks(pool), 2);
    ngx_reset_pool(pool);
    place_check(pool, foreign_palloc(pool, pool->max, 1), 0,
                sizeof(ngx_pool_t));
    place_check(pool, foreign_palloc(pool, pool->max, 1), 1,
                sizeof(ngx_pool_data_t));
    assert_int_equal(place_blocks(pool), 2);
    ngx_destroy_pool(pool);
}

/* A foreign function counts no failure in the block that was the last. */
static void
test_foreign_blocks_are_emptied_by_a_reset(void **state)
{
    size_t blocks;
    size_t first;

    (void) state;
    for (blocks = 1; blocks < 12; blocks++) {
        for (first = 0; first < 4; first++) {
            ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
            size_t n;

            for (n = 0; n < blocks; n++) {
                (void) (n < first ? ngx_palloc(pool, pool->max)
                                  : foreign_palloc(pool, pool->max, 1));
            }
            /* The user of the last block but one has emptied it. */
            if (blocks > 1) {
                place_empty(pool, blocks - 2);
            }
            ngx_reset_pool(pool);
            place_check_empty(pool, POOL_SIZE);
            ngx_destroy_pool(pool);
        }
    }
}

static void
test_foreign_entry_is_found_by_pfree(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *ours = ngx_palloc(pool, LARGE);
    void *p = foreign_palloc(pool, LARGE, 1);

    (void) state;
    assert_int_equal(count_live(pool), 2);
    assert_int_equal(ngx_pfree(pool, p), NGX_OK);
    assert_int_equal(ngx_pfree(pool, p), NGX_DECLINED);
    assert_int_equal(count_on_list(pool, ours), 1);
    assert_int_equal(count_live(pool), 1);
    ngx_destroy_pool(pool);
}

static void
test_foreign_pfree_of_ours(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *p = ngx_palloc(pool, LARGE);
    size_t blocks = heap_live_blocks();

    (void) state;
    assert_int_equal(foreign_pfree(pool, p), NGX_OK);
    assert_int_equal(heap_live_blocks(), blocks - 1);
    assert_int_equal(ngx_pfree(pool, p), NGX_DECLINED);
    ngx_destroy_pool(pool);
}

/* So a loop of our ngx_palloc() and a foreign ngx_pfree() needs no more. */
static void
test_foreign_pfree_leaves_an_entry_that_ours_reuses(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t n;

    (void) state;
    for (n = 0; n < 1000; n++) {
        assert_int_equal(foreign_pfree(pool, ngx_palloc(pool, LARGE)), NGX_OK);
    }
    assert_int_equal(place_last(pool, 0),
                     sizeof(ngx_pool_t) + sizeof(ngx_pool_large_t));
    ngx_destroy_pool(pool);
}

static void
test_foreign_pfree_with_an_index(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *p = ngx_palloc(pool, LARGE);
    void *again;

    (void) state;
    build_index(pool);
    assert_int_equal(foreign_pfree(pool, p), NGX_OK);
    assert_int_equal(ngx_pfree(pool, p), NGX_DECLINED);
    again = ngx_palloc(pool, LARGE);
    assert_int_equal(count_on_list(pool, again), 1);
    assert_int_equal(ngx_pfree(pool, again), NGX_OK);
    assert_int_equal(count_on_list(pool, again), 0);
    ngx_destroy_pool(pool);
}

/* The index does not know them until it is built again. */
static void
test_foreign_entries_pushed_while_there_is_an_index(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *foreign[20];
    void *ours[100];
    size_t live;
    size_t i;

    (void) state;
    build_index(pool);
    live = count_live(pool);
    for (i = 0; i < 20; i++) {
        foreign[i] = foreign_palloc(pool, LARGE, 1);
    }
    assert_int_equal(ngx_pfree(pool, foreign[0]), NGX_OK);
    for (i = 0; i < 100; i++) { /* enough for the index to grow */
        ours[i] = ngx_palloc(pool, LARGE);
    }
    assert_int_equal(count_live(pool), live + 19 + 100);
    for (i = 1; i < 20; i++) {
        assert_int_equal(count_on_list(pool, foreign[i]), 1);
        assert_int_equal(ngx_pfree(pool, foreign[i]), NGX_OK);
        assert_int_equal(ngx_pfree(pool, foreign[i]), NGX_DECLINED);
    }
    for (i = 0; i < 100; i++) {
        assert_int_equal(ngx_pfree(pool, ours[i]), NGX_OK);
    }
    assert_int_equal(count_live(pool), live);
    ngx_destroy_pool(pool);
}

/* The slot is then not where the hash of the new allocation would have it. */
static void
test_foreign_refill_of_a_slot_of_the_index(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *p;
    size_t live;
    size_t n;

    (void) state;
    build_index(pool);
    live = count_live(pool);
    p = pool->large->alloc;
    for (n = 1; n < 200; n++) {
        assert_int_equal(ngx_pfree(pool, p), NGX_OK);
        assert_int_equal(ngx_pfree(pool, p), NGX_DECLINED);
        p = foreign_palloc(pool, LARGE + n * 100, 1);
        assert_ptr_equal(pool->large->alloc, p);
        assert_int_equal(count_on_list(pool, p), 1);
        assert_int_equal(count_live(pool), live);
    }
    for (n = 0; n < 100; n++) { /* the index is built again */
        (void) ngx_palloc(pool, LARGE);
    }
    assert_int_equal(count_on_list(pool, p), 1);
    assert_int_equal(ngx_pfree(pool, p), NGX_OK);
    assert_int_equal(ngx_pfree(pool, p), NGX_DECLINED);
    assert_int_equal(count_live(pool), live - 1 + 100);
    ngx_destroy_pool(pool);
}

/* The entry that ends the list of an index looks like a cleared one. */
static void
test_foreign_refill_of_the_end_of_the_index(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *p[2 * WALKED];
    void *refilled;
    size_t i;

    (void) state;
    for (i = 0; i < 2 * WALKED; i++) {
        p[i] = ngx_palloc(pool, LARGE);
    }
    for (i = 2; i < 2 * WALKED; i++) {
        assert_int_equal(foreign_pfree(pool, p[i]), NGX_OK);
    }
    assert_int_equal(ngx_pfree(pool, pool), NGX_DECLINED);
    assert_non_null(pool->index);
    refilled = foreign_palloc(pool, LARGE, 1);
    assert_ptr_equal(pool->large->next->next->alloc, refilled);
    assert_null(pool->large->next->next->next);

    for (i = 2; i < 2 * WALKED; i++) {
        p[i] = ngx_palloc(pool, LARGE);
    }
    for (i = 0; i < 100; i++) { /* the index is built again */
        (void) ngx_palloc(pool, LARGE);
    }
    assert_int_equal(count_on_list(pool, refilled), 1);
    assert_int_equal(ngx_pfree(pool, refilled), NGX_OK);
    assert_int_equal(ngx_pfree(pool, refilled), NGX_DECLINED);
    refilled = foreign_palloc(pool, LARGE, 1);
    assert_int_equal(count_on_list(pool, refilled), 1);
    ngx_reset_pool(pool);
    place_check_empty(pool, POOL_SIZE);
    ngx_destroy_pool(pool);
}

static void
count_run(void *data)
{
    ++*(size_t *) data;
}

static void
test_foreign_cleanups_run_with_ours(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t runs = 0;
    size_t n;

    (void) state;
    for (n = 0; n < 100; n++) {
        ngx_pool_cleanup_t *cleanup = n % 2 == 0
                                          ? foreign_cleanup_add(pool)
                                          : ngx_pool_cleanup_add(pool, 0);

        cleanup->handler = count_run;
        cleanup->data = &runs;
    }
    ngx_reset_pool(pool);
    assert_int_equal(runs, 100);
    ngx_destroy_pool(pool);
    assert_int_equal(runs, 100);
}

/* Either a small allocation or a large one. */
static void *
foreign_palloc(ngx_pool_t *pool, size_t size, size_t alignment)
{
    return size > pool->max ? foreign_large(pool, size)
                            : foreign_small(pool, size, alignment);
}

/* Cuts from the first block that fits, from current on. Counts nothing. */
static void *
foreign_small(ngx_pool_t *pool, size_t size, size_t alignment)
{
    ngx_pool_t *block;

    for (block = pool->current; block != NULL; block = block->d.next) {
        u_char *m = ngx_align_ptr(block->d.last, alignment);

        if (m <= block->d.end && (size_t) (block->d.end - m) >= size) {
            block->d.last = m + size;
            return m;
        }
    }
    return foreign_block(pool, size);
}

/* Appends a block and cuts from it. Then each block from current on, except the
 * one that was the last, counts a failure. */
static void *
foreign_block(ngx_pool_t *pool, size_t size)
{
    size_t bytes = (size_t) (pool->d.end - (u_char *) pool);
    ngx_pool_t *block = ngx_memalign(NGX_POOL_ALIGNMENT, bytes, NULL);
    ngx_pool_t *passed = pool->current;
    u_char *m;

    assert_non_null(block);
    m = (u_char *) block + sizeof(ngx_pool_data_t);
    block->d.last = m + size;
    block->d.end = (u_char *) block + bytes;
    block->d.next = NULL;
    block->d.failed = 0;
    while (passed->d.next != NULL) {
        if (passed->d.failed > FOREIGN_FAILED_MAX) {
            pool->current = passed->d.next;
        }
        passed->d.failed++;
        passed = passed->d.next;
    }
    passed->d.next = block;
    return m;
}

/* Uses a cleared entry if the first five have one, else pushes a new one. */
static void *
foreign_large(ngx_pool_t *pool, size_t size)
{
    void *p = ngx_alloc(size, NULL);
    ngx_pool_large_t *large = pool->large;
    size_t n;

    assert_non_null(p);
    for (n = 0; n < FOREIGN_REUSED && large != NULL; n++) {
        if (large->alloc == NULL) {
            large->alloc = p;
            return p;
        }
        large = large->next;
    }
    large = foreign_small(pool, sizeof(*large), NGX_ALIGNMENT);
    large->alloc = p;
    large->next = pool->large;
    pool->large = large;
    return p;
}

/* Clears the entry, which stays on the list. */
static ngx_int_t
foreign_pfree(ngx_pool_t *pool, void *p)
{
    ngx_pool_large_t *large;

    for (large = pool->large; large != NULL; large = large->next) {
        if (large->alloc == p) {
            ngx_free(p);
            large->alloc = NULL;
            return NGX_OK;
        }
    }
    return NGX_DECLINED;
}

static ngx_pool_cleanup_t *
foreign_cleanup_add(ngx_pool_t *pool)
{
    ngx_pool_cleanup_t *cleanup =
        foreign_small(pool, sizeof(*cleanup), NGX_ALIGNMENT);

    cleanup->handler = NULL;
    cleanup->data = NULL;
    cleanup->next = pool->cleanup;
    pool->cleanup = cleanup;
    return cleanup;
}

static void
watch_allocate(struct watched *watched)
{
    ngx_pool_t *pool = watched->pool;
    uint32_t random = random_next(&watched->seed);
    struct live live;

    live.size = random_next(&watched->seed) % (random % 8 == 0 ? LARGE : 150);
    live.pattern = (u_char) (random >> 8);
    switch (random / 8 % 4) {
    case 0:
        live.p = ngx_palloc(pool, live.size);
        break;
    case 1:
        live.p = ngx_pnalloc(pool, live.size);
        break;
    case 2:
        live.p = foreign_palloc(pool, live.size, NGX_ALIGNMENT);
        break;
    default:
        live.p = foreign_palloc(pool, live.size, 1);
    }
    assert_non_null(live.p);
    memset(live.p, live.pattern, live.size);
    watched->live[watched->count++] = live;
}

/* Frees one, by our function or by the foreign one. */
static void
watch_pfree(struct watched *watched)
{
    ngx_int_t (*pfree)(ngx_pool_t *, void *) =
        random_next(&watched->seed) % 2 == 0 ? ngx_pfree : foreign_pfree;
    struct live *live;

    if (watched->count == 0) {
        return;
    }
    live = &watched->live[random_next(&watched->seed) % watched->count];
    if (is_large(watched->pool, live->p)) {
        assert_int_equal(pfree(watched->pool, live->p), NGX_OK);
        assert_int_equal(pfree(watched->pool, live->p), NGX_DECLINED);
        *live = watched->live[--watched->count];
    } else {
        assert_int_equal(pfree(watched->pool, live->p), NGX_DECLINED);
    }
}

/* If the newest allocation ends where its block's last is, moves last back. */
static void
watch_give_back(struct watched *watched)
{
    ngx_pool_t *block;
    const struct live *live;

    if (watched->count == 0) {
        return;
    }
    live = &watched->live[watched->count - 1];
    for (block = watched->pool; block != NULL; block = block->d.next) {
        if (live->size != 0 && block->d.last == live->p + live->size) {
            block->d.last = live->p;
            watched->count--;
            return;
        }
    }
}

static void
watch_check(const struct watched *watched)
{
    size_t larges = 0;
    size_t i;
    size_t j;

    for (i = 0; i < watched->count; i++) {
        const struct live *live = &watched->live[i];

        for (j = 0; j < live->size; j++) {
            if (live->p[j] != live->pattern) {
                fail_msg("byte %zu of an allocation of %zu was overwritten", j,
                         live->size);
            }
        }
        if (is_large(watched->pool, live->p)) {
            assert_int_equal(count_on_list(watched->pool, live->p), 1);
            larges++;
        }
    }
    assert_int_equal(count_live(watched->pool), larges);
}

static int
is_large(const ngx_pool_t *pool, const void *p)
{
    return place_of(pool, p).block == PLACE_LARGE;
}

static size_t
count_on_list(const ngx_pool_t *pool, const void *p)
{
    const ngx_pool_large_t *large;
    size_t count = 0;

    for (large = pool->large; large != NULL; large = large->next) {
        count += large->alloc == p;
    }
    return count;
}

static size_t
count_live(const ngx_pool_t *pool)
{
    const ngx_pool_large_t *large;
    size_t count = 0;

    for (large = pool->large; large != NULL; large = large->next) {
        count += large->alloc != NULL;
    }
    return count;
}

static void
build_index(ngx_pool_t *pool)
{
    size_t n;

    for (n = 0; n < 2 * WALKED; n++) {
        (void) ngx_palloc(pool, LARGE);
    }
    assert_int_equal(ngx_pfree(pool, pool), NGX_DECLINED);
    assert_non_null(pool->index);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_foreign_functions_and_ours_by_turns),
        FIXTURE_TEST(test_foreign_block_is_cut_from),
        FIXTURE_TEST(test_foreign_functions_cut_from_our_blocks),
        FIXTURE_TEST(test_foreign_blocks_are_emptied_by_a_reset),
        FIXTURE_TEST(test_foreign_entry_is_found_by_pfree),
        FIXTURE_TEST(test_foreign_pfree_of_ours),
        FIXTURE_TEST(test_foreign_pfree_leaves_an_entry_that_ours_reuses),
        FIXTURE_TEST(test_foreign_pfree_with_an_index),
        FIXTURE_TEST(test_foreign_entries_pushed_while_there_is_an_index),
        FIXTURE_TEST(test_foreign_refill_of_a_slot_of_the_index),
        FIXTURE_TEST(test_foreign_refill_of_the_end_of_the_index),
        FIXTURE_TEST(test_foreign_cleanups_run_with_ours),
    };

    return GROUP_RUN(tests);
}
