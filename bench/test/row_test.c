/*
 * Rows run through the shim on an allocator that counts, and that breaks on
 * demand: a row's own promises must not depend on the real allocators.
 */
#include "measure/row.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "called.h"

enum {
    N = 4,
    PERIOD = 6,
    REGIONS = 10,
    BATCH = 5,

    /* Regions apart from those in the loop: one before it, one after it. */
    REHEARSALS = 2,

    SLEEP_US = 2000,
    TRIES = 50, /* of a run that a busy machine may hold up */

    BLOCKS = 1000,
};

enum fault {
    FAULT_NONE,
    FAULT_CREATE,  /* the create_th create fails */
    FAULT_ALLOC,   /* the alloc_th allocation fails */
    FAULT_OVERLAP, /* from the alloc_th on all are the same object */
};

/* The allocator's books. */
struct books {
    enum fault fault;
    int fault_at;
    int creates;
    int allocs;
    int frees;
    int resets;
    int destroys;
    int trims;
    int destroys_before_trim;
    int live;
    size_t sizes[PERIOD];
    struct shim_result result;
    char error[ROW_REASON_MAX];
    double items_per_second;
    double bytes_per_second;
};

static struct books books;
static char arena[64 * 1024];
static size_t arena_used;

static void *
books_create(void *library, size_t size, size_t count)
{
    assert_ptr_equal(library, &books);
    assert_int_equal(size, 100 * (3 + 4 + 5 + 6));
    assert_int_equal(count, N);
    if (books.fault == FAULT_CREATE && books.creates == books.fault_at) {
        return NULL;
    }
    books.creates++;
    arena_used = 0;
    return &books;
}

static void *
books_alloc(void *state, size_t size)
{
    char *p = arena + arena_used;

    assert_ptr_equal(state, &books);
    if (books.allocs < PERIOD) {
        books.sizes[books.allocs] = size;
    }
    if (books.fault == FAULT_ALLOC && books.allocs == books.fault_at) {
        return NULL;
    }
    if (books.fault == FAULT_OVERLAP && books.allocs >= books.fault_at) {
        p = arena;
    }
    books.allocs++;
    books.live++;
    arena_used = (arena_used + size) % (sizeof(arena) / 2);
    return p;
}

static void
books_free(void *state, void *p)
{
    assert_ptr_equal(state, &books);
    assert_true((char *) p >= arena);
    books.frees++;
    books.live--;
}

static void
books_reset(void *state)
{
    assert_ptr_equal(state, &books);
    books.resets++;
    books.live = 0;
    arena_used = 0;
}

static void
books_destroy(void *state)
{
    assert_ptr_equal(state, &books);
    books.destroys++;
}

static void
books_trim(void *library)
{
    assert_ptr_equal(library, &books);
    books.trims++;
    books.destroys_before_trim = books.destroys;
}

static const struct allocator general = {
    .name = "general",
    .kind = ALLOCATOR_GENERAL,
    .create = books_create,
    .alloc = books_alloc,
    .free = books_free,
    .fill = called_fill,
    .empty = called_empty,
    .free_order = called_free_order,
    .exchange = called_exchange,
    .destroy = books_destroy,
    .trim = books_trim,
};

static void *
sleepy_alloc(void *state, size_t size)
{
    usleep(SLEEP_US);
    return books_alloc(state, size);
}

/* Its allocations take long, its frees do not. */
static const struct allocator sleepy = {
    .name = "sleepy",
    .kind = ALLOCATOR_GENERAL,
    .create = books_create,
    .alloc = sleepy_alloc,
    .free = books_free,
    .fill = called_fill,
    .empty = called_empty,
    .free_order = called_free_order,
    .exchange = called_exchange,
    .destroy = books_destroy,
};

/* Books that two threads keep: the first thread's, and the other's. */
static struct {
    pthread_t first;
    atomic_int creates;
    atomic_int destroys;
    atomic_int allocs[2];
    atomic_int frees;
    atomic_int trims[2];
    atomic_int fails_at; /* the other's allocation that fails; < 0: none */
} shared;

static void *
shared_create(void *library, size_t size, size_t count)
{
    (void) size;
    (void) count;
    shared.creates++;
    return library;
}

/* The other thread is the slower one, so that a row which does not wait for it
 * fails. */
static void *
shared_alloc(void *state, size_t size)
{
    int other = !pthread_equal(pthread_self(), shared.first);

    (void) state;
    if (other) {
        usleep(SLEEP_US / 10);
        if (shared.allocs[other] == shared.fails_at) {
            return NULL;
        }
    }
    shared.allocs[other]++;
    return malloc(size);
}

static void
shared_free(void *state, void *p)
{
    (void) state;
    shared.frees++;
    free(p);
}

static void
shared_destroy(void *state)
{
    (void) state;
    shared.destroys++;
}

static void
shared_trim(void *library)
{
    assert_ptr_equal(library, &shared);
    shared.trims[!pthread_equal(pthread_self(), shared.first)]++;
}

static const struct allocator sharing = {
    .name = "sharing",
    .kind = ALLOCATOR_GENERAL,
    .create = shared_create,
    .alloc = shared_alloc,
    .free = shared_free,
    .fill = called_fill,
    .empty = called_empty,
    .free_order = called_free_order,
    .exchange = called_exchange,
    .destroy = shared_destroy,
    .trim = shared_trim,
};

static void
shared_reset(int fails_at)
{
    shared.first = pthread_self();
    shared.creates = 0;
    shared.destroys = 0;
    shared.allocs[0] = 0;
    shared.allocs[1] = 0;
    shared.frees = 0;
    shared.trims[0] = 0;
    shared.trims[1] = 0;
    shared.fails_at = fails_at;
}

static int fills;

static int
books_fill(struct region *region)
{
    fills++;
    return region_fill_with(region, books_alloc);
}

static const struct allocator inlined = {
    .name = "inlined",
    .kind = ALLOCATOR_REGION,
    .class = ALLOCATOR_INLINED,
    .create = books_create,
    .alloc = books_alloc,
    .fill = books_fill,
    .reset = books_reset,
    .destroy = books_destroy,
};

static const struct allocator regional = {
    .name = "regional",
    .kind = ALLOCATOR_REGION,
    .create = books_create,
    .alloc = books_alloc,
    .fill = called_fill,
    .reset = books_reset,
    .destroy = books_destroy,
    .trim = books_trim,
};

static void
keep(const struct shim_result *result, void *user)
{
    (void) user;
    books.result = *result;
    strcpy(books.error, result->error != NULL ? result->error : "");
    for (size_t i = 0; i < result->counters_count; i++) {
        if (strcmp(result->counters[i].name, "items_per_second") == 0) {
            books.items_per_second = result->counters[i].value;
        }
        if (strcmp(result->counters[i].name, "bytes_per_second") == 0) {
            books.bytes_per_second = result->counters[i].value;
        }
    }
}

/* Runs a row once, and keeps its result in the books. */
static void
run_row(const struct workload *workload, const struct allocator *allocator,
        void *library)
{
    /* A period that is no multiple of n: regions begin at 0, 4, 2, 0, ... */
    static const uint32_t sizes[PERIOD] = {100, 200, 300, 400, 500, 600};
    static void *pointers[N];
    uint64_t sums[PERIOD + 1] = {0};
    const struct samples samples = {sizes, sums, PERIOD};
    struct row row = {
        .name = "row",
        .workload = workload,
        .region = {.allocator = allocator,
                   .library = library,
                   .n = N,
                   .size = 100 * (3 + 4 + 5 + 6),
                   .samples = sizes,
                   .period = PERIOD,
                   .pointers = pointers},
        .samples = &samples,
        .largest = 600,
        .batch = BATCH,
        .slices = 1,
        .iterations = REGIONS,
    };

    for (size_t i = 0; i < PERIOD; i++) {
        sums[i + 1] = sums[i] + sizes[i];
    }
    shim_clear();
    assert_int_equal(row_register(&row, 0), 0);
    assert_int_equal(
        shim_run(&(struct shim_options){.filter = "^row", .on_result = keep}),
        1);
}

static void
run(const struct workload *workload, const struct allocator *allocator,
    enum fault fault, int fault_at)
{
    memset(&books, 0, sizeof(books));
    books.fault = fault;
    books.fault_at = fault_at;
    run_row(workload, allocator, &books);
}

/* On an allocator of the table. */
static void
run_on(const struct workload *workload, const struct allocator *allocator)
{
    char reason[ALLOCATOR_REASON_MAX];
    void *library = allocator->open(reason);

    assert_non_null(library);
    memset(&books, 0, sizeof(books));
    run_row(workload, allocator, library);
}

static void
test_fill_makes_and_destroys_each_region(void **state)
{
    (void) state;
    run(&workload_fill, &regional, FAULT_NONE, 0);
    assert_string_equal(books.error, "");
    assert_int_equal(books.result.iterations, REGIONS);
    assert_int_equal(books.creates, REGIONS + REHEARSALS);
    assert_int_equal(books.destroys, REGIONS + REHEARSALS);
    assert_int_equal(books.allocs, N * (REGIONS + REHEARSALS));
    assert_int_equal(books.resets, 0);
}

/* The next row may be another allocator's, and finds nothing of this one's. */
static void
test_row_ends_with_a_trim(void **state)
{
    const struct workload *const all[] = {&workload_fill, &workload_fill_reset};

    (void) state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        run(all[i], &regional, FAULT_NONE, 0);
        assert_int_equal(books.trims, 1);
        assert_int_equal(books.destroys_before_trim, books.destroys);
        run(all[i], &regional, FAULT_CREATE, 0);
        assert_int_equal(books.trims, 1);
    }
}

static void
test_fill_reset_makes_one_region(void **state)
{
    (void) state;
    run(&workload_fill_reset, &regional, FAULT_NONE, 0);
    assert_string_equal(books.error, "");
    assert_int_equal(books.creates, 1);
    assert_int_equal(books.destroys, 1);
    assert_int_equal(books.resets, REGIONS + REHEARSALS);
    assert_int_equal(books.allocs, N * (REGIONS + REHEARSALS));
}

/* The books are kept by one thread, replay_test has replays, and workload_test
 * has the workloads that are for region allocators alone. */
static int
is_for_books(const struct workload *workload)
{
    return workload->threads <= 1 && !workload->is_replay &&
           (workload->refuse == NULL ||
            workload->refuse(&general, WORKLOAD_LARGE) == NULL);
}

static void
test_general_allocator_frees_each_object(void **state)
{
    (void) state;
    for (size_t i = 0; i < workloads_count; i++) {
        if (!is_for_books(workloads[i])) {
            continue;
        }
        run(workloads[i], &general, FAULT_NONE, 0);
        assert_string_equal(books.error, "");
        assert_int_equal(books.frees, books.allocs);
        assert_int_equal(books.live, 0);
    }
}

static void
test_regions_take_the_sizes_in_turn(void **state)
{
    static const size_t want[PERIOD] = {100, 200, 300, 400, 500, 600};

    (void) state;
    run(&workload_fill, &regional, FAULT_NONE, 0);
    assert_memory_equal(books.sizes, want, sizeof(want));
}

/* The loop's regions begin at 4, 2, 0, 4, ...: three ask for 1500 + 1800 ... */
static void
test_items_and_bytes_are_what_was_asked_for(void **state)
{
    double seconds;
    double bytes = 0;

    (void) state;
    run(&workload_fill, &general, FAULT_NONE, 0);
    for (int region = 1; region <= REGIONS; region++) {
        for (int i = 0; i < N; i++) {
            bytes += 100 * ((region * N + i) % PERIOD + 1);
        }
    }
    seconds = books.result.cpu_time * (double) books.result.iterations / 1e9;
    assert_float_equal(books.items_per_second * seconds, N * REGIONS, 1e-3);
    assert_float_equal(books.bytes_per_second * seconds, bytes, 1e-2);
}

static void
test_failed_allocation_is_reported_and_cleared_up(void **state)
{
    (void) state;
    for (size_t i = 0; i < workloads_count; i++) {
        if (!is_for_books(workloads[i])) {
            continue;
        }
        for (int at = 0; at < N * (REGIONS + REHEARSALS); at++) {
            run(workloads[i], &general, FAULT_ALLOC, at);
            assert_string_equal(books.error, "an allocation failed");
            assert_int_equal(books.frees, books.allocs);
            assert_int_equal(books.destroys, books.creates);
        }
    }
}

static void
test_failed_create_is_reported(void **state)
{
    (void) state;
    for (int at = 0; at < REGIONS + REHEARSALS; at++) {
        run(&workload_fill, &regional, FAULT_CREATE, at);
        assert_string_equal(books.error, "an allocation failed");
        assert_int_equal(books.destroys, books.creates);
    }
    run(&workload_fill_reset, &regional, FAULT_CREATE, 0);
    assert_string_equal(books.error, "the region could not be made");
    assert_int_equal(books.destroys, 0);
}

static void
test_overlap_is_reported(void **state)
{
    (void) state;
    for (size_t i = 0; i < workloads_count; i++) {
        if (!is_for_books(workloads[i])) {
            continue;
        }
        run(workloads[i], &general, FAULT_OVERLAP, 0);
        assert_string_equal(books.error, "an allocation's contents changed");
        run(workloads[i], &general, FAULT_OVERLAP, N + 1);
        assert_string_equal(books.error, "an allocation's contents changed");
        assert_int_equal(books.frees, books.allocs);
    }
}

/* The wall clock, and both threads' allocations. */
static void
test_threads_2_counts_both(void **state)
{
    double seconds;

    (void) state;
    run_on(&workload_threads_2, allocator_find("pool"));
    assert_string_equal(books.error, "");
    seconds = books.result.real_time * (double) books.result.iterations / 1e9;
    assert_float_equal(books.items_per_second * seconds, 2 * N * REGIONS, 1e-3);
}

/* Both threads make each batch's regions, and a batch ends when both have. The
 * memory that the second one keeps goes with it. */
static void
test_threads_2_work_on_each_batch(void **state)
{
    static const uint32_t sizes[PERIOD] = {100, 200, 300, 400, 500, 600};
    static void *pointers[N];
    struct region region = {.allocator = &sharing,
                            .library = &shared,
                            .n = N,
                            .samples = sizes,
                            .period = PERIOD,
                            .pointers = pointers};

    (void) state;
    shared_reset(-1);
    assert_int_equal(workload_threads_2.start(&region), 0);
    for (int batch = 1; batch <= 3; batch++) {
        assert_int_equal(workload_threads_2.batch(&region, BATCH), 0);
        assert_int_equal(shared.allocs[0], batch * BATCH * N);
        assert_int_equal(shared.allocs[1], batch * BATCH * N);
        assert_int_equal(shared.frees, 2 * batch * BATCH * N);
        assert_int_equal(shared.destroys, 2 * batch * BATCH);
    }
    workload_threads_2.stop(&region);
    assert_int_equal(shared.trims[0], 0);
    assert_int_equal(shared.trims[1], 1);
}

static void
test_threads_2_reports_the_others_failure(void **state)
{
    (void) state;
    for (int at = 0; at < N * REGIONS; at += N + 1) {
        shared_reset(at);
        memset(&books, 0, sizeof(books));
        run_row(&workload_threads_2, &sharing, &shared);
        assert_string_equal(books.error, "an allocation failed");
        assert_int_equal(shared.frees, shared.allocs[0] + shared.allocs[1]);
        assert_int_equal(shared.destroys, shared.creates);
    }
}

/* Time in which a thread sleeps is not its CPU time. */
static void
test_threads_1_goes_by_the_wall_clock(void **state)
{
    double seconds;

    (void) state;
    run(&workload_threads_1, &sleepy, FAULT_NONE, 0);
    assert_string_equal(books.error, "");
    seconds = books.result.real_time * (double) books.result.iterations / 1e9;
    assert_float_equal(books.items_per_second * seconds, N * REGIONS, 1e-3);
}

static void
test_free_random_times_the_frees_alone(void **state)
{
    /* Less than one region's allocations of each batch. */
    const double most = N * SLEEP_US * 1e3 / (2 * BATCH);
    int tries = 0;

    (void) state;
    /* A busy machine may hold up any run, but not all of them. */
    do {
        run(&workload_free_random, &sleepy, FAULT_NONE, 0);
        assert_string_equal(books.error, "");
        assert_int_equal(books.frees, books.allocs);
    } while (!(books.result.real_time < most) && ++tries < TRIES);
    assert_true(books.result.real_time < most);
}

/* The objects that were freed, in order. */
static char blocks[BLOCKS];
static size_t blocks_made;
static size_t freed[BLOCKS];
static size_t freed_count;

static void *
block_create(void *library, size_t size, size_t count)
{
    (void) size;
    (void) count;
    blocks_made = 0;
    freed_count = 0;
    return library;
}

static void *
block_alloc(void *state, size_t size)
{
    (void) state;
    assert_int_equal(size, 1);
    assert_true(blocks_made < BLOCKS);
    return &blocks[blocks_made++];
}

static void
block_free(void *state, void *p)
{
    (void) state;
    assert_true(freed_count < BLOCKS);
    freed[freed_count++] = (size_t) ((char *) p - blocks);
}

static void
block_destroy(void *state)
{
    (void) state;
}

static const struct allocator of_blocks = {
    .name = "of_blocks",
    .kind = ALLOCATOR_REGION,
    .create = block_create,
    .alloc = block_alloc,
    .fill = called_fill,
    .free_early = block_free,
    .free_order = called_free_order,
    .destroy = block_destroy,
};

/* Each block once, up and down alike, and in every region the same. */
static void
test_free_random_has_one_order(void **state)
{
    static const uint32_t sizes[] = {1};
    static void *pointers[BLOCKS];
    static size_t first[BLOCKS];
    unsigned char seen[BLOCKS] = {0};
    size_t ups = 0;
    struct region region = {.allocator = &of_blocks,
                            .library = &books,
                            .n = BLOCKS,
                            .samples = sizes,
                            .period = 1,
                            .pointers = pointers};

    (void) state;
    assert_int_equal(workload_free_random.start(&region), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(workload_free_random.take(&region), 0);
        assert_int_equal(freed_count, 0);
        workload_free_random.time(&region);
        workload_free_random.give(&region);
        assert_int_equal(freed_count, BLOCKS);
        if (i == 0) {
            memcpy(first, freed, sizeof(first));
        }
    }
    workload_free_random.stop(&region);

    assert_memory_equal(first, freed, sizeof(first));
    for (size_t i = 0; i < BLOCKS; i++) {
        seen[freed[i]]++;
        ups += i > 0 && freed[i] > freed[i - 1];
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        assert_int_equal(seen[i], 1);
    }
    assert_in_range(ups, BLOCKS * 2 / 5, BLOCKS * 3 / 5);
}

static void
test_fill_of_an_inlined_allocator_is_its_own(void **state)
{
    (void) state;
    run(&workload_fill_reset, &inlined, FAULT_NONE, 0);
    assert_string_equal(books.error, "");
    assert_int_equal(fills, REGIONS + REHEARSALS);
}

/* With the limits' own loops: each region's bytes are where they should be. */
static void
test_limits_hold_what_is_written(void **state)
{
    static const char *const names[] = {"bump_register", "bump_memory",
                                        "pool_inline"};

    (void) state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        run_on(&workload_fill, allocator_find(names[i]));
        assert_string_equal(books.error, "");
        run_on(&workload_fill_reset, allocator_find(names[i]));
        assert_string_equal(books.error, "");
    }
}

static void
test_workload_find_knows_its_table(void **state)
{
    (void) state;
    assert_ptr_equal(workload_find("fill"), &workload_fill);
    assert_ptr_equal(workload_find("fill_reset"), &workload_fill_reset);
    assert_null(workload_find("fil"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed_allocation_is_reported_and_cleared_up),
        cmocka_unit_test(test_failed_create_is_reported),
        cmocka_unit_test(test_fill_makes_and_destroys_each_region),
        cmocka_unit_test(test_row_ends_with_a_trim),
        cmocka_unit_test(test_fill_of_an_inlined_allocator_is_its_own),
        cmocka_unit_test(test_fill_reset_makes_one_region),
        cmocka_unit_test(test_free_random_has_one_order),
        cmocka_unit_test(test_free_random_times_the_frees_alone),
        cmocka_unit_test(test_general_allocator_frees_each_object),
        cmocka_unit_test(test_items_and_bytes_are_what_was_asked_for),
        cmocka_unit_test(test_limits_hold_what_is_written),
        cmocka_unit_test(test_overlap_is_reported),
        cmocka_unit_test(test_regions_take_the_sizes_in_turn),
        cmocka_unit_test(test_threads_1_goes_by_the_wall_clock),
        cmocka_unit_test(test_threads_2_counts_both),
        cmocka_unit_test(test_threads_2_reports_the_others_failure),
        cmocka_unit_test(test_threads_2_work_on_each_batch),
        cmocka_unit_test(test_workload_find_knows_its_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
