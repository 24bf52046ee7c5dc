/*
 * Each workload on an allocator that counts: the calls of an iteration, object
 * by object. row_test tests the figures of a row, replay_test replays.
 */
#include "workload.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "called.h"
#include "plan/replay.h"
#include "workloads/order.h"

enum {
    N = 100,
    PERIOD = 256,
    BATCH = 3,

    SMALL = 16,
    LARGE = 8192,

    LITTER = 2048, /* objects of littered */

    OBJECTS_MAX = 64 * 1024,
};

/* The head of an object that is alive, before its bytes. */
struct object {
    size_t number; /* allocations before it */
    size_t size;
    struct books *books;
};

/* The calls of an allocator. Threads take turns. */
static struct books {
    pthread_mutex_t lock;
    size_t fails_at; /* the allocation that fails, from 0; SIZE_MAX: none */

    size_t creates;
    size_t destroys;
    size_t resets;
    size_t allocs;
    size_t frees;
    size_t cleanups;
    size_t trims;
    size_t alive;      /* objects */
    size_t most_alive; /* since books_mark() */
    size_t least_alive;
    size_t regions; /* alive */
    size_t most_regions;
    size_t made_elsewhere; /* regions and objects, on another thread */
    size_t ended_elsewhere;
    pthread_t thread;

    size_t freed[OBJECTS_MAX];     /* the numbers, in order of the frees */
    size_t lifetimes[OBJECTS_MAX]; /* in allocations, in the same order */
    size_t sizes[OBJECTS_MAX];     /* likewise */
} books;

/* A region, of a region allocator. */
struct pool {
    void *objects[OBJECTS_MAX];
    size_t count;
    size_t *ran[N];
    size_t cleanups;
};

static void
books_reset(void)
{
    memset(&books, 0, sizeof(books));
    (void) pthread_mutex_init(&books.lock, NULL);
    books.fails_at = SIZE_MAX;
    books.thread = pthread_self();
}

/* Count from here on. */
static void
books_mark(void)
{
    books.most_alive = books.alive;
    books.least_alive = books.alive;
    books.allocs = 0;
    books.frees = 0;
    books.creates = 0;
    books.destroys = 0;
    books.resets = 0;
    books.cleanups = 0;
}

static void
books_lives(size_t change)
{
    books.alive += change;
    if (books.alive > books.most_alive) {
        books.most_alive = books.alive;
    }
    if (books.alive < books.least_alive) {
        books.least_alive = books.alive;
    }
}

static void *
object_create(size_t size)
{
    struct object *object = NULL;

    (void) pthread_mutex_lock(&books.lock);
    if (books.allocs != books.fails_at) {
        object = malloc(sizeof(*object) + size);
        assert_non_null(object);
        *object = (struct object){
            .number = books.allocs++, .size = size, .books = &books};
        books.made_elsewhere += !pthread_equal(pthread_self(), books.thread);
        books_lives(1);
    }
    (void) pthread_mutex_unlock(&books.lock);
    return object != NULL ? object + 1 : NULL;
}

static void
object_destroy(void *p)
{
    struct object *object = (struct object *) p - 1;

    (void) pthread_mutex_lock(&books.lock);
    assert_ptr_equal(object->books, &books);
    if (books.frees < OBJECTS_MAX) {
        books.freed[books.frees] = object->number;
        books.lifetimes[books.frees] = books.allocs - object->number;
        books.sizes[books.frees] = object->size;
    }
    books.frees++;
    books.ended_elsewhere += !pthread_equal(pthread_self(), books.thread);
    books_lives((size_t) -1);
    object->books = NULL;
    free(object);
    (void) pthread_mutex_unlock(&books.lock);
}

static void
region_counts(int change)
{
    int is_elsewhere = !pthread_equal(pthread_self(), books.thread);

    (void) pthread_mutex_lock(&books.lock);
    books.regions += (size_t) change;
    if (books.regions > books.most_regions) {
        books.most_regions = books.regions;
    }
    if (change > 0) {
        books.creates++;
        books.made_elsewhere += (size_t) is_elsewhere;
    } else {
        books.destroys++;
        books.ended_elsewhere += (size_t) is_elsewhere;
    }
    (void) pthread_mutex_unlock(&books.lock);
}

static void *
general_create(void *library, size_t size, size_t count)
{
    (void) size;
    (void) count;
    region_counts(1);
    return library;
}

static void *
general_alloc(void *state, size_t size)
{
    (void) state;
    return object_create(size);
}

static void
general_free(void *state, void *p)
{
    (void) state;
    object_destroy(p);
}

static void
general_destroy(void *state)
{
    (void) state;
    region_counts(-1);
}

static void
general_trim(void *library)
{
    (void) library;
    (void) pthread_mutex_lock(&books.lock);
    books.trims++;
    (void) pthread_mutex_unlock(&books.lock);
}

static int
general_replay(struct region *region)
{
    return replay_with(region, general_alloc, general_free);
}

static const struct allocator general = {
    .name = "general",
    .kind = ALLOCATOR_GENERAL,
    .create = general_create,
    .alloc = general_alloc,
    .free = general_free,
    .fill = called_fill,
    .empty = called_empty,
    .replay = general_replay,
    .free_order = called_free_order,
    .exchange = called_exchange,
    .destroy = general_destroy,
    .trim = general_trim,
};

static void *
pool_create(void *library, size_t size, size_t count)
{
    struct pool *pool = calloc(1, sizeof(*pool));

    (void) library;
    (void) size;
    (void) count;
    assert_non_null(pool);
    region_counts(1);
    return pool;
}

static void *
pool_alloc(void *state, size_t size)
{
    struct pool *pool = state;
    void *p = object_create(size);

    if (p != NULL) {
        assert_true(pool->count < OBJECTS_MAX);
        pool->objects[pool->count++] = p;
    }
    return p;
}

static void
pool_free_early(void *state, void *p)
{
    struct pool *pool = state;
    size_t i = pool->count - 1;

    while (pool->objects[i] != p) {
        assert_true(i > 0);
        i--;
    }
    pool->objects[i] = pool->objects[--pool->count];
    object_destroy(p);
}

static int
pool_cleanup(void *state, size_t *ran)
{
    struct pool *pool = state;

    assert_true(pool->cleanups < N);
    pool->ran[pool->cleanups++] = ran;
    books.cleanups++;
    return 0;
}

/* Objects that a region allocator has in a region are no frees. */
static void
pool_empty(struct pool *pool)
{
    for (size_t i = 0; i < pool->count; i++) {
        object_destroy(pool->objects[i]);
        (void) pthread_mutex_lock(&books.lock);
        books.frees--;
        (void) pthread_mutex_unlock(&books.lock);
    }
    pool->count = 0;
}

static void
pool_reset(void *state)
{
    books.resets++;
    pool_empty(state);
}

static void
pool_destroy(void *state)
{
    struct pool *pool = state;

    while (pool->cleanups != 0) {
        ++*pool->ran[--pool->cleanups];
    }
    pool_empty(pool);
    free(pool);
    region_counts(-1);
}

static int
pool_replay(struct region *region)
{
    return replay_with(region, pool_alloc, pool_free_early);
}

static const struct allocator regional = {
    .name = "regional",
    .kind = ALLOCATOR_REGION,
    .create = pool_create,
    .alloc = pool_alloc,
    .free_early = pool_free_early,
    .cleanup = pool_cleanup,
    .fill = called_fill,
    .replay = pool_replay,
    .free_order = called_free_order,
    .exchange = called_exchange,
    .fill_cleanup = called_fill_cleanup,
    .reset = pool_reset,
    .destroy = pool_destroy,
    .trim = general_trim,
};

/* It frees regions alone, and no cleanup ever runs. */
static void
forgetful_destroy(void *state)
{
    struct pool *pool = state;

    pool->cleanups = 0;
    pool_destroy(state);
}

static const struct allocator forgetful = {
    .name = "forgetful",
    .kind = ALLOCATOR_REGION,
    .create = pool_create,
    .alloc = pool_alloc,
    .cleanup = pool_cleanup,
    .fill = called_fill,
    .fill_cleanup = called_fill_cleanup,
    .reset = pool_reset,
    .destroy = forgetful_destroy,
};

/* A region of n whose sizes are small or large. */
static struct region
region_of(const struct allocator *allocator, size_t n, uint32_t least,
          uint32_t most)
{
    static uint32_t samples[PERIOD];
    static void *pointers[OBJECTS_MAX];

    /* As many of one size as of the other, in no simple order. */
    for (size_t i = 0; i < PERIOD; i++) {
        samples[i] = i * 7 % 16 < 8 ? least : most;
    }
    return (struct region){.allocator = allocator,
                           .library = &books,
                           .n = n,
                           .samples = samples,
                           .period = PERIOD,
                           .pointers = pointers};
}

static int
is_intact(const struct workload *workload, const struct region *region)
{
    return workload->check(region);
}

/* Start the workload as a row does, with one region that is checked. */
static void
begin(const struct workload *workload, struct region *region)
{
    books_reset();
    assert_int_equal(workload->start(region), 0);
    assert_int_equal(workload->take(region), 0);
    assert_true(is_intact(workload, region));
    workload->give(region);
    books_mark();
}

/* End it likewise. Nothing is left. */
static void
end(const struct workload *workload, struct region *region)
{
    assert_int_equal(workload->take(region), 0);
    assert_true(is_intact(workload, region));
    workload->give(region);
    workload->stop(region);
    assert_int_equal(books.alive, 0);
    assert_int_equal(books.regions, 0);
}

static void
test_pairs_free_in_their_order(void **state)
{
    static const struct {
        const struct workload *workload;
        enum order order;
    } all[] = {
        {&workload_pairs_fifo, ORDER_FIFO},
        {&workload_pairs_lifo, ORDER_LIFO},
        {&workload_pairs_random, ORDER_RANDOM},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct region region = region_of(&general, N, SMALL, LARGE);
        uint32_t *order = order_create(N, all[i].order);

        begin(all[i].workload, &region);
        assert_int_equal(all[i].workload->batch(&region, BATCH), 0);
        assert_int_equal(books.allocs, BATCH * N);
        assert_int_equal(books.frees, BATCH * N);
        assert_int_equal(books.most_alive, N);
        assert_int_equal(books.creates, 0);
        for (size_t k = 0; k < BATCH * N; k++) {
            assert_int_equal(books.freed[k], k / N * N + order[k % N]);
        }
        end(all[i].workload, &region);
        free(order);
    }
}

/* Each number once, and neither up nor down. */
static void
test_random_order_is_one(void **state)
{
    uint32_t *order = order_create(1000, ORDER_RANDOM);
    unsigned char seen[1000] = {0};
    size_t ups = 0;

    (void) state;
    for (size_t i = 0; i < 1000; i++) {
        assert_in_range(order[i], 0, 999);
        assert_int_equal(seen[order[i]]++, 0);
        ups += i != 0 && order[i] > order[i - 1];
    }
    assert_in_range(ups, 400, 600);
    free(order);
}

/* As many frees as allocations, one after the other, so that n are alive before
 * each free and n - 1 after it. */
static void
test_churn_keeps_n_alive(void **state)
{
    struct region region = region_of(&general, N, SMALL, LARGE);

    (void) state;
    begin(&workload_churn, &region);
    assert_int_equal(books.alive, N);
    for (size_t i = 1; i <= 3 * PERIOD / N; i++) {
        assert_int_equal(workload_churn.batch(&region, 1), 0);
        assert_int_equal(books.allocs, i * N);
        assert_int_equal(books.frees, i * N);
        assert_true(is_intact(&workload_churn, &region));
    }
    assert_int_equal(books.most_alive, N);
    assert_int_equal(books.least_alive, N - 1);
    assert_int_equal(books.creates, 0);
    end(&workload_churn, &region);
}

/* Half of the allocations are small. With endless samples the lifetimes would
 * be as 0.29 to 0.71, which is 1 - sqrt(1 / 2) to sqrt(1 / 2). */
static void
test_churn_frees_small_objects_first(void **state)
{
    struct region region = region_of(&general, N, SMALL, LARGE);
    double sums[2] = {0, 0};
    double counts[2] = {0, 0};
    double ratio;

    (void) state;
    begin(&workload_churn, &region);
    assert_int_equal(workload_churn.batch(&region, 100), 0);
    assert_int_equal(books.frees, 100 * N);
    for (size_t i = 20 * N; i < books.frees; i++) {
        int is_large = books.sizes[i] == LARGE;

        sums[is_large] += (double) books.lifetimes[i];
        counts[is_large]++;
    }
    ratio = sums[1] / counts[1] / (sums[0] / counts[0]);
    if (ratio < 1.5 || ratio > 3) {
        fail_msg("large objects live %.2f times as long as small ones", ratio);
    }
    end(&workload_churn, &region);
}

static void
test_churn_reports_changed_contents(void **state)
{
    struct region region = region_of(&general, N, SMALL, LARGE);
    unsigned char *p;

    (void) state;
    begin(&workload_churn, &region);
    for (size_t i = 0; i < N; i += N / 4) {
        p = region.pointers[i];
        p[0]++;
        assert_false(is_intact(&workload_churn, &region));
        p[0]--;
    }
    assert_true(is_intact(&workload_churn, &region));
    end(&workload_churn, &region);
}

/* Few objects are alive at a time where they can be freed. */
static void
test_large_frees_while_the_region_lives(void **state)
{
    static const struct {
        const struct allocator *allocator;
        size_t frees; /* of a region of N */
        size_t alive;
    } all[] = {
        {&general, N, 4},
        {&regional, N - 4, 4},
        {&forgetful, 0, N},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct region region = region_of(all[i].allocator, N, 4096, LARGE);

        begin(&workload_large, &region);
        assert_int_equal(workload_large.batch(&region, BATCH), 0);
        assert_int_equal(books.creates, BATCH);
        assert_int_equal(books.destroys, BATCH);
        assert_int_equal(books.allocs, BATCH * N);
        assert_int_equal(books.frees, BATCH * all[i].frees);
        assert_int_equal(books.most_alive, all[i].alive);
        end(&workload_large, &region);
    }
}

static void
test_large_takes_few_objects_too(void **state)
{
    (void) state;
    for (size_t n = 1; n < 12; n++) {
        struct region region = region_of(&regional, n, 4096, LARGE);

        begin(&workload_large, &region);
        for (size_t i = 0; i < PERIOD; i++) {
            assert_int_equal(workload_large.take(&region), 0);
            assert_true(is_intact(&workload_large, &region));
            workload_large.give(&region);
        }
        assert_int_equal(books.allocs, PERIOD * n);
        end(&workload_large, &region);
    }
}

static void
test_cleanups_are_added_and_run(void **state)
{
    struct region region = region_of(&regional, N, SMALL, LARGE);

    (void) state;
    begin(&workload_cleanup, &region);
    assert_int_equal(workload_cleanup.batch(&region, BATCH), 0);
    assert_int_equal(books.creates, BATCH);
    assert_int_equal(books.destroys, BATCH);
    assert_int_equal(books.allocs, BATCH * N);
    assert_int_equal(books.frees, 0);
    assert_int_equal(books.cleanups, BATCH * (N / CLEANUP_EACH));
    end(&workload_cleanup, &region);
}

static void
test_cleanup_that_does_not_run_is_reported(void **state)
{
    struct region region = region_of(&forgetful, N, SMALL, LARGE);

    (void) state;
    begin(&workload_cleanup, &region);
    assert_int_equal(workload_cleanup.take(&region), 0);
    assert_false(is_intact(&workload_cleanup, &region));
    workload_cleanup.give(&region);
    workload_cleanup.stop(&region);
    assert_int_equal(books.alive, 0);
}

/* All regions are made here and end elsewhere, and few are on the way. */
static void
test_handoff_ends_regions_on_the_other_thread(void **state)
{
    static const struct allocator *const both[] = {&general, &regional};

    (void) state;
    for (size_t i = 0; i < 2; i++) {
        struct region region = region_of(both[i], N, SMALL, LARGE);
        int is_general = both[i]->kind == ALLOCATOR_GENERAL;

        begin(&workload_handoff, &region);
        books.made_elsewhere = 0;
        books.ended_elsewhere = 0;
        assert_int_equal(workload_handoff.batch(&region, 10 * BATCH), 0);
        assert_int_equal(books.alive, 0);
        assert_int_equal(books.creates, 10 * BATCH);
        assert_int_equal(books.destroys, 10 * BATCH);
        assert_int_equal(books.allocs, 10 * BATCH * N);
        assert_int_equal(books.frees, is_general ? 10 * BATCH * N : 0);
        assert_int_equal(books.made_elsewhere, 0);
        assert_int_equal(books.ended_elsewhere, 10 * BATCH * (1 + N));
        assert_in_range(books.most_regions, 1, workload_handoff.at_once);
        assert_int_equal(books.trims, 0);
        end(&workload_handoff, &region);
        assert_int_equal(books.trims, 1);
    }
}

/* After any failure the regions that were made end, and no more are made. */
static void
test_handoff_reports_a_failure(void **state)
{
    (void) state;
    for (size_t at = 0; at < 3 * N; at += N / 4 - 1) {
        struct region region = region_of(&general, N, SMALL, LARGE);

        begin(&workload_handoff, &region);
        books.fails_at = at;
        assert_int_equal(workload_handoff.batch(&region, BATCH + 1), -ENOMEM);
        assert_int_equal(books.alive, 0);
        assert_int_equal(books.creates, at / N + 1);
        assert_int_equal(books.destroys, books.creates);
        workload_handoff.stop(&region);
    }
}

/* The litter of the row's own allocator: as much for each, half of it alive. */
static void
test_litter_is_the_same_for_all(void **state)
{
    static const struct {
        const struct allocator *allocator;
        size_t litter;
    } all[] = {
        {&general, LITTER},
        {&general, LITTER},
        {&regional, 0},
    };
    static size_t sizes[OBJECTS_MAX];

    (void) state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct region region = region_of(all[i].allocator, N, SMALL, LARGE);

        books_reset();
        assert_int_equal(workload_littered.start(&region), 0);
        assert_int_equal(books.allocs, all[i].litter);
        assert_int_equal(books.frees, all[i].litter / 2);
        assert_int_equal(books.alive, all[i].litter / 2);
        if (i == 0) {
            memcpy(sizes, books.sizes, sizeof(sizes));
        } else if (all[i].litter != 0) {
            assert_memory_equal(sizes, books.sizes, sizeof(sizes));
        }
        books_mark();
        assert_int_equal(workload_littered.batch(&region, BATCH), 0);
        assert_int_equal(books.creates, BATCH);
        assert_int_equal(books.allocs, BATCH * N);
        assert_int_equal(books.least_alive, all[i].litter / 2);
        end(&workload_littered, &region);
    }
}

/* The start of a server, ten connections with one request each, its stop. */
static const char server[] = "create p0 1024\n"
                             "palloc p0 100\n"
                             "create p3 1024\n"
                             "palloc p3 10\n"
                             "destroy p3\n"
                             "palloc p0 200\n"
                             "%s"
                             "palloc p0 300\n"
                             "create p4 1024\n"
                             "palloc p4 40\n";
static const char connection[] = "create p1 1024\n"
                                 "palloc p1 20\n"
                                 "create p2 1024\n"
                                 "palloc p2 30\n"
                                 "palloc p2 5000\n"
                                 "free #0\n"
                                 "destroy p2\n"
                                 "destroy p1\n";

enum {
    CONNECTIONS = 10,
};

static struct replay *
load_server(void)
{
    char path[] = "/tmp/workload_test_XXXXXX.ops";
    char requests[CONNECTIONS * sizeof(connection)] = "";
    char error[REPLAY_ERROR_MAX];
    FILE *file = fdopen(mkstemps(path, 4), "w");
    struct replay *replay;

    for (int i = 0; i < CONNECTIONS; i++) {
        strcat(requests, connection);
    }
    assert_non_null(file);
    assert_true(fprintf(file, server, requests) > 0);
    assert_int_equal(fclose(file), 0);
    replay = replay_create(path, error);
    assert_int_equal(unlink(path), 0);
    assert_non_null(replay);
    return replay;
}

static void
test_request_plays_the_requests_alone(void **state)
{
    static const struct allocator *const both[] = {&general, &regional};
    struct replay *replay = load_server();

    (void) state;
    assert_int_equal(replay->allocations, 5 + 3 * CONNECTIONS);
    assert_int_equal(replay->request_allocations, 3 * CONNECTIONS);
    assert_int_equal(replay->request_bytes, (20 + 30 + 5000) * CONNECTIONS);
    for (size_t i = 0; i < 2; i++) {
        struct replay_run run = {.replay = replay};
        struct region region = {
            .allocator = both[i], .library = &books, .own = &run};
        int is_general = both[i]->kind == ALLOCATOR_GENERAL;

        begin(&workload_request, &region);
        assert_int_equal(books.alive, 2);
        assert_int_equal(books.regions, 1);
        assert_int_equal(workload_request.batch(&region, BATCH), 0);
        assert_int_equal(books.creates, BATCH * 2 * CONNECTIONS);
        assert_int_equal(books.destroys, BATCH * 2 * CONNECTIONS);
        assert_int_equal(books.allocs, BATCH * 3 * CONNECTIONS);
        assert_int_equal(books.frees,
                         BATCH * (is_general ? 3 : 1) * CONNECTIONS);
        assert_int_equal(books.least_alive, 2);
        assert_int_equal(books.most_alive, 5);
        end(&workload_request, &region);
        assert_int_equal(books.allocs, (BATCH + 1) * 3 * CONNECTIONS + 2);
    }
    replay_destroy(replay);
}

/* The server's own objects are looked at as well as the requests'. */
static void
test_request_reports_changed_contents(void **state)
{
    struct replay *replay = load_server();
    struct replay_run run = {.replay = replay};
    struct region region = {
        .allocator = &general, .library = &books, .own = &run};
    unsigned char *p;

    (void) state;
    begin(&workload_request, &region);
    assert_int_equal(workload_request.take(&region), 0);
    assert_true(is_intact(&workload_request, &region));
    p = run.objects[0];
    p[50]++;
    assert_false(is_intact(&workload_request, &region));
    p[50]--;
    workload_request.give(&region);
    end(&workload_request, &region);
    replay_destroy(replay);
}

static void
test_request_reports_a_failure(void **state)
{
    struct replay *replay = load_server();

    (void) state;
    for (size_t at = 0; at < 3 * CONNECTIONS; at++) {
        struct replay_run run = {.replay = replay};
        struct region region = {
            .allocator = &regional, .library = &books, .own = &run};

        begin(&workload_request, &region);
        books.fails_at = at;
        assert_int_equal(workload_request.batch(&region, BATCH), -ENOMEM);
        assert_int_equal(workload_request.take(&region), -ENOMEM);
        workload_request.give(&region);
        workload_request.stop(&region);
        assert_int_equal(books.regions, 0);
        assert_int_equal(books.alive, 0);
    }
    replay_destroy(replay);
}

static void
test_request_cannot_begin_without_memory(void **state)
{
    struct replay *replay = load_server();

    (void) state;
    for (size_t at = 0; at < 3; at++) {
        struct replay_run run = {.replay = replay};
        struct region region = {
            .allocator = &regional, .library = &books, .own = &run};

        books_reset();
        books.fails_at = at;
        assert_int_equal(workload_request.start(&region), -ENOMEM);
        assert_int_equal(books.regions, 0);
    }
    replay_destroy(replay);
}

/* One allocation in the region that is checked first fails. */
static void
test_first_region_may_fail(void **state)
{
    static const struct workload *const all[] = {
        &workload_pairs_lifo, &workload_churn,   &workload_large,
        &workload_littered,   &workload_handoff, &workload_fill_reset,
    };

    (void) state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        size_t litter = all[i] == &workload_littered ? LITTER : 0;

        for (size_t at = 0; at < N; at += 3) {
            struct region region = region_of(&general, N, 4096, LARGE);

            books_reset();
            books.fails_at = litter + at;
            assert_int_equal(all[i]->start(&region), 0);
            assert_int_equal(all[i]->take(&region), -ENOMEM);
            all[i]->give(&region);
            all[i]->stop(&region);
            assert_int_equal(books.alive, 0);
            assert_int_equal(books.regions, 0);
        }
    }
}

/* With the reason, in words. */
static void
test_workloads_refuse_what_cannot_be_done(void **state)
{
    static const struct allocator newest = {.free_newest = pool_free_early,
                                            .free_order = called_free_order};
    static const struct allocator bound = {.is_bound_to_thread = 1};
    static const struct {
        const struct workload *workload;
        const struct allocator *allocator;
        size_t least;
        const char *words; /* NULL: it has a row */
    } all[] = {
        {&workload_pairs_fifo, &general, 1, NULL},
        {&workload_pairs_fifo, &forgetful, 1, "as a whole"},
        {&workload_pairs_fifo, &regional, 4096, NULL},
        {&workload_pairs_fifo, &regional, 4095, "4096 bytes and more alone"},
        {&workload_pairs_fifo, &newest, 1, "the newest object alone"},
        {&workload_pairs_lifo, &newest, 1, NULL},
        {&workload_pairs_random, &newest, 1, "the newest object alone"},
        {&workload_churn, &forgetful, 1, "as a whole"},
        {&workload_free_random, &forgetful, 4096, "as a whole"},
        {&workload_free_random, &regional, 4096, NULL},
        {&workload_cleanup, &regional, 1, NULL},
        {&workload_cleanup, &general, 1, "of which none has a cleanup"},
        {&workload_cleanup, &bound, 1, "of which none has a cleanup"},
        {&workload_handoff, &general, 1, NULL},
        {&workload_handoff, &bound, 1, "the thread that made them"},
        {&workload_fill_reset, &general, 1, "as under fill"},
        {&workload_fill_reset, &regional, 1, NULL},
        {&workload_request, &forgetful, 1, "grow"},
        {&workload_request, &regional, 1, NULL},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        const char *reason =
            all[i].workload->refuse(all[i].allocator, all[i].least);

        if (all[i].words == NULL) {
            assert_null(reason);
        } else {
            assert_non_null(reason);
            assert_non_null(strstr(reason, all[i].words));
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_churn_frees_small_objects_first),
        cmocka_unit_test(test_churn_keeps_n_alive),
        cmocka_unit_test(test_churn_reports_changed_contents),
        cmocka_unit_test(test_cleanup_that_does_not_run_is_reported),
        cmocka_unit_test(test_cleanups_are_added_and_run),
        cmocka_unit_test(test_first_region_may_fail),
        cmocka_unit_test(test_handoff_ends_regions_on_the_other_thread),
        cmocka_unit_test(test_handoff_reports_a_failure),
        cmocka_unit_test(test_large_frees_while_the_region_lives),
        cmocka_unit_test(test_large_takes_few_objects_too),
        cmocka_unit_test(test_litter_is_the_same_for_all),
        cmocka_unit_test(test_pairs_free_in_their_order),
        cmocka_unit_test(test_random_order_is_one),
        cmocka_unit_test(test_request_cannot_begin_without_memory),
        cmocka_unit_test(test_request_plays_the_requests_alone),
        cmocka_unit_test(test_request_reports_a_failure),
        cmocka_unit_test(test_request_reports_changed_contents),
        cmocka_unit_test(test_workloads_refuse_what_cannot_be_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
