/*
 * One contract, for every allocator of the table. One that is not there is
 * skipped, with its reason.
 *
 * usage: allocator_test [MALLOC PLUGIN]
 *
 * MALLOC is a malloc replacement, PLUGIN a plug-in against bench_plugin.h. Both
 * get a row in the table, as by bench's --malloc and --plugin.
 */
#include "allocator.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "allocators/extra.h"
#include "measure/heap.h"
#include "test/thread.h"
#include "workload.h"

#include <ngx_config.h>
#include <ngx_core.h>

enum {
    NAME_LENGTH = 96,

    /* Of fill(): more allocations than samples, with every remainder. */
    FILLED = 1000,
    FILL_PERIOD = 300,
    MIB = 1024 * 1024,

    MANY = 4000,

    /* Bytes that are allocated and given back in all, and those of them that
     * may be kept; a sanitizer keeps 256 MiB of freed memory. */
    CHURN_ROUNDS = 256,
    CHURN_OBJECTS = 64,
    CHURN_SIZE = 128 * 1024,
    CHURN_KEPT_MAX = 640 * MIB,

    /* Of a few MiB in a region's blocks, each allocator keeps that much. */
    TRIM_LEAST = 256 * 1024,

    /* A region that is larger than the kept memory, its objects, and the bytes
     * that a test cannot distinguish from kept memory. */
    KEPT_REGION = 64 * MIB,
    KEPT_SIZE = 1024,
    KEPT_SLACK = MIB / 4,

    ALIGNED_MAX = 512, /* sizes whose alignment is checked one by one */

    /* malloc() writes it over memory that trim() wrongly frees: no pointer. */
    TRIM_FILL = 0x5a,

    THREADS = 4,
    THREAD_REGIONS = 1000,
    THREAD_OBJECTS = 100,
    THREAD_SIZE = 200,
};

_Static_assert((uint64_t) CHURN_ROUNDS *CHURN_OBJECTS *CHURN_SIZE >
                   3 * (uint64_t) CHURN_KEPT_MAX,
               "a leak is distinguished from kept memory");

/* An object and the byte that fills it. */
struct object {
    unsigned char *p;
    size_t size;
    unsigned char fill;
};

/* An allocator, opened, and one region of it. */
struct fixture {
    const struct allocator *allocator;
    void *library;
    void *state;
};

/* Skips where the allocator is not there. */
static void
begin(struct fixture *fixture, void **state)
{
    char reason[ALLOCATOR_REASON_MAX] = "";

    fixture->allocator = *state;
    fixture->library = fixture->allocator->open(reason);
    if (fixture->library == NULL) {
        assert_true(reason[0] != '\0');
        print_message("no %s: %s\n", fixture->allocator->name, reason);
        skip();
    }
    fixture->state =
        fixture->allocator->create(fixture->library, 16 * MIB, MANY);
    assert_non_null(fixture->state);
}

static void
end(struct fixture *fixture)
{
    fixture->allocator->destroy(fixture->state);
}

static struct object
make(struct fixture *fixture, size_t size, unsigned char fill)
{
    struct object object = {.size = size, .fill = fill};

    object.p = fixture->allocator->alloc(fixture->state, size);
    assert_non_null(object.p);
    assert_int_equal((uintptr_t) object.p % fixture->allocator->alignment, 0);
    memset(object.p, fill, size);
    return object;
}

static void
check(const struct object *object)
{
    if (object->size != 0) {
        assert_int_equal(object->p[0], object->fill);
        assert_memory_equal(object->p, object->p + 1, object->size - 1);
    }
}

static void
release(struct fixture *fixture, const struct object *object)
{
    if (fixture->allocator->free != NULL) {
        fixture->allocator->free(fixture->state, object->p);
    }
}

/* Whether malloc() counts the memory that it has given out. A checker's does
 * not, and it keeps freed memory. */
static int
is_counted(void)
{
    size_t before = mallinfo2().uordblks;
    void *p = malloc(TRIM_LEAST / 4);
    int counted = p != NULL && mallinfo2().uordblks > before;

    free(p);
    return counted;
}

/* No more and no less than it promises. A checker's build of the pool aligns to
 * more. */
static void
test_alignment_is_what_it_says(void **state)
{
    struct fixture fixture;
    uintptr_t bits = 0;

    begin(&fixture, state);
    for (size_t size = 1; size <= ALIGNED_MAX; size++) {
        struct object objects[8];

        for (size_t i = 0; i < 8; i++) {
            objects[i] = make(&fixture, size, 1);
            bits |= (uintptr_t) objects[i].p;
        }
        for (size_t i = 0; i < 8; i++) {
            release(&fixture, &objects[i]);
        }
    }
    if (is_counted()) {
        assert_int_equal(bits & -bits, fixture.allocator->alignment);
    }
    end(&fixture);
}

static void
test_alloc_gives_every_size_aligned(void **state)
{
    static const size_t large[] = {4095,  4096,  4097,      16384,
                                   65536, 65537, MIB - 100, MIB};
    struct fixture fixture;

    begin(&fixture, state);
    for (size_t size = 0; size <= 2048; size++) {
        struct object object = make(&fixture, size, 1);

        release(&fixture, &object);
    }
    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
        struct object object = make(&fixture, large[i], 1);

        release(&fixture, &object);
    }
    end(&fixture);
}

static int
compare(const void *a, const void *b)
{
    const struct object *x = a;
    const struct object *y = b;

    return (x->p > y->p) - (x->p < y->p);
}

static void
test_objects_keep_apart_and_intact(void **state)
{
    static struct object objects[MANY];
    struct fixture fixture;

    begin(&fixture, state);
    for (size_t i = 0; i < MANY; i++) {
        size_t size = i % 500 == 499 ? MIB : i * 37 % 1500;

        objects[i] = make(&fixture, size, (unsigned char) (i + 1));
    }
    for (size_t i = 0; i < MANY; i++) {
        check(&objects[i]);
    }
    qsort(objects, MANY, sizeof(objects[0]), compare);
    for (size_t i = 1; i < MANY; i++) {
        assert_true(objects[i - 1].p + objects[i - 1].size <= objects[i].p);
    }
    for (size_t i = 0; i < MANY; i++) {
        release(&fixture, &objects[i]);
    }
    end(&fixture);
}

static void
test_half_are_freed_and_the_rest_stays(void **state)
{
    static struct object objects[MANY];
    struct fixture fixture;

    begin(&fixture, state);
    if (fixture.allocator->free == NULL) {
        end(&fixture);
        skip();
    }
    for (size_t i = 0; i < MANY; i++) {
        objects[i] = make(&fixture, i * 37 % 1500, (unsigned char) (i + 1));
    }
    for (size_t i = 0; i < MANY; i += 2) {
        release(&fixture, &objects[i]);
        objects[i] = make(&fixture, i * 53 % 1500, (unsigned char) (i + 2));
    }
    for (size_t i = 0; i < MANY; i++) {
        check(&objects[i]);
        release(&fixture, &objects[i]);
    }
    end(&fixture);
}

static void
test_regions_are_independent(void **state)
{
    struct fixture first;
    struct fixture second;
    struct object objects[100];

    begin(&first, state);
    begin(&second, state);
    for (size_t i = 0; i < 100; i++) {
        struct object other = make(&second, 700, 0xff);

        objects[i] = make(&first, 700, (unsigned char) i);
        release(&second, &other);
    }
    end(&second);
    for (size_t i = 0; i < 100; i++) {
        check(&objects[i]);
        release(&first, &objects[i]);
    }
    end(&first);
}

static void
test_reset_leaves_a_region_to_use(void **state)
{
    struct fixture fixture;
    struct object objects[100];

    begin(&fixture, state);
    if (fixture.allocator->reset == NULL) {
        end(&fixture);
        skip();
    }
    for (size_t round = 0; round < 5; round++) {
        for (size_t i = 0; i < 100; i++) {
            objects[i] = make(&fixture, 100 * i, (unsigned char) (round + i));
        }
        for (size_t i = 0; i < 100; i++) {
            check(&objects[i]);
        }
        fixture.allocator->reset(fixture.state);
    }
    end(&fixture);
}

/* The bytes of address space that the process takes, and those of them that lie
 * in memory. */
static size_t
mapped_and_resident(size_t *ret_resident)
{
    size_t page = (size_t) sysconf(_SC_PAGESIZE);
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long long mapped;
    unsigned long long resident;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%llu %llu", &mapped, &resident), 2);
    fclose(file);
    *ret_resident = (size_t) resident * page;
    return (size_t) mapped * page;
}

static size_t
mapped(void)
{
    size_t resident;

    return mapped_and_resident(&resident);
}

static size_t
resident(void)
{
    size_t bytes;

    (void) mapped_and_resident(&bytes);
    return bytes;
}

static void
churn(struct fixture *fixture)
{
    struct object objects[CHURN_OBJECTS];

    for (size_t i = 0; i < CHURN_OBJECTS; i++) {
        objects[i].p = fixture->allocator->alloc(fixture->state, CHURN_SIZE);
        assert_non_null(objects[i].p);
    }
    for (size_t i = 0; i < CHURN_OBJECTS; i++) {
        release(fixture, &objects[i]);
    }
}

static void
test_destroy_gives_all_back(void **state)
{
    struct fixture fixture;
    size_t before = mapped();

    for (size_t i = 0; i < CHURN_ROUNDS; i++) {
        begin(&fixture, state);
        churn(&fixture);
        end(&fixture);
    }
    assert_true(mapped() < before + CHURN_KEPT_MAX);
}

static void
test_reset_gives_all_back(void **state)
{
    struct fixture fixture;
    size_t before = mapped();

    begin(&fixture, state);
    if (fixture.allocator->kind == ALLOCATOR_REGION &&
        fixture.allocator->reset == NULL) {
        end(&fixture);
        skip();
    }
    for (size_t i = 0; i < CHURN_ROUNDS; i++) {
        churn(&fixture);
        if (fixture.allocator->reset != NULL) {
            fixture.allocator->reset(fixture.state);
        }
    }
    assert_true(mapped() < before + CHURN_KEPT_MAX);
    end(&fixture);
}

/* Whether each object of region is apart from the others, has its size, and
 * has the bytes that fill() writes. */
static void
check_filled(const struct region *region, size_t at)
{
    static struct object objects[FILLED];

    assert_int_equal(region->filled, FILLED);
    for (size_t i = 0; i < FILLED; i++) {
        objects[i].p = region->pointers[i];
        objects[i].size = region->samples[(at + i) % FILL_PERIOD];
        assert_int_equal(
            (uintptr_t) objects[i].p % region->allocator->alignment, 0);
        assert_int_equal(objects[i].p[0], region_mark(i));
        assert_int_equal(objects[i].p[objects[i].size - 1], region_mark(i));
    }
    qsort(objects, FILLED, sizeof(objects[0]), compare);
    for (size_t i = 1; i < FILLED; i++) {
        assert_true(objects[i - 1].p + objects[i - 1].size <= objects[i].p);
    }
}

static void
test_fill_keeps_the_contract(void **state)
{
    static void *pointers[FILLED];
    uint32_t samples[FILL_PERIOD];
    struct fixture fixture;
    struct object later;

    begin(&fixture, state);
    for (size_t i = 0; i < FILL_PERIOD; i++) {
        samples[i] = (uint32_t) (i + 1);
    }
    for (size_t at = 0; at < FILL_PERIOD; at += FILL_PERIOD - 1) {
        struct region region = {.allocator = fixture.allocator,
                                .n = FILLED,
                                .samples = samples,
                                .period = FILL_PERIOD,
                                .at = at,
                                .pointers = pointers,
                                .state = fixture.state};

        assert_int_equal(fixture.allocator->fill(&region), 0);
        assert_int_equal(region.at, (at + FILLED) % FILL_PERIOD);
        later = make(&fixture, 1000, 0);
        check_filled(&region, at);
        check(&later);
        release(&fixture, &later);
        region_free(&region);
        if (fixture.allocator->reset != NULL) {
            fixture.allocator->reset(fixture.state);
        }
    }
    end(&fixture);
}

/* Once each, at the end of the region, and none at a free before it. */
static void
test_cleanups_run_at_the_end(void **state)
{
    struct fixture fixture;
    size_t ran = 0;

    begin(&fixture, state);
    if (fixture.allocator->cleanup == NULL) {
        end(&fixture);
        skip();
    }
    for (size_t i = 0; i < MANY; i++) {
        struct object object = make(&fixture, i % 100, 1);

        if (i % 2 == 0) {
            release(&fixture, &object);
        }
        assert_int_equal(fixture.allocator->cleanup(fixture.state, &ran), 0);
    }
    assert_int_equal(ran, 0);
    end(&fixture);
    assert_int_equal(ran, MANY);
}

static void
test_free_early_gives_back(void **state)
{
    struct fixture fixture;
    size_t before = mapped();

    begin(&fixture, state);
    if (fixture.allocator->free_early == NULL) {
        end(&fixture);
        skip();
    }
    for (size_t i = 0; i < CHURN_ROUNDS * CHURN_OBJECTS; i++) {
        struct object object = {.size = CHURN_SIZE};

        object.p = fixture.allocator->alloc(fixture.state, object.size);
        assert_non_null(object.p);
        fixture.allocator->free_early(fixture.state, object.p);
    }
    assert_true(mapped() < before + CHURN_KEPT_MAX);
    end(&fixture);
}

static void
test_trim_keeps_what_lives(void **state)
{
    struct fixture fixture;
    struct object object;
    struct object other;

    begin(&fixture, state);
    object = make(&fixture, 1000, 7);
    churn(&fixture);
    (void) mallopt(M_PERTURB, TRIM_FILL); /* a sanitizer's does it anyway */
    if (fixture.allocator->trim != NULL) {
        fixture.allocator->trim(fixture.library);
    }
    check(&object);
    other = make(&fixture, 1000, 8);
    check(&other);
    release(&fixture, &other);
    release(&fixture, &object);
    end(&fixture);
    (void) mallopt(M_PERTURB, 0);
}

/* Bytes that the process has from malloc(), and those that it has mapped
 * itself. Freed memory that malloc() keeps is not counted. */
static size_t
held(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + mapped() - info.arena;
}

/* Fill a region with a few MiB of small objects, and give it back: a general
 * allocator's objects one by one. */
static void
fill_and_end(struct fixture *fixture)
{
    for (size_t i = 0; i < MANY; i++) {
        struct object object = make(fixture, 1000, (unsigned char) i);

        if (fixture->allocator->kind != ALLOCATOR_REGION) {
            release(fixture, &object);
        }
    }
    end(fixture);
}

/* trim() may give back memory alone: mimalloc 3 leaves the addresses mapped. */
static void
test_trim_gives_back_what_was_kept(void **state)
{
    struct fixture fixture;
    size_t kept_resident;
    size_t kept;

    begin(&fixture, state);
    if (fixture.allocator->trim == NULL || !is_counted()) {
        end(&fixture);
        skip();
    }
    fill_and_end(&fixture);
    kept_resident = resident();
    kept = held();
    fixture.allocator->trim(fixture.library);
    assert_true(held() + TRIM_LEAST < kept ||
                resident() + TRIM_LEAST < kept_resident);
}

/* The bytes that the process holds more once a region of KEPT_REGION has ended.
 */
static size_t
kept_by(const struct fixture *fixture)
{
    const struct allocator *allocator = fixture->allocator;
    size_t before = held();
    void *region = allocator->create(fixture->library, KEPT_REGION,
                                     KEPT_REGION / KEPT_SIZE);
    size_t now;

    assert_non_null(region);
    for (size_t size = 0; size < KEPT_REGION; size += KEPT_SIZE) {
        assert_non_null(allocator->alloc(region, KEPT_SIZE));
    }
    allocator->destroy(region);
    now = held();
    return now > before ? now - before : 0;
}

/* At most as much, and not much less: a limit that is never reached says
 * nothing. */
static void
test_keeps_is_what_it_says(void **state)
{
    struct fixture fixture;
    size_t keeps;
    size_t least;
    size_t kept;

    begin(&fixture, state);
    end(&fixture);
    keeps = fixture.allocator->keeps;
    if (fixture.allocator->trim != NULL) {
        fixture.allocator->trim(fixture.library);
    }
    if (!is_counted() || keeps == ALLOCATOR_KEEPS_DECAYS) {
        print_message("%s: no limit that can be checked\n",
                      fixture.allocator->name);
        skip();
    }
    kept = kept_by(&fixture);
    least = (keeps < KEPT_REGION ? keeps : KEPT_REGION) / 2;
    if (kept < least || (keeps != SIZE_MAX && kept > keeps + KEPT_SLACK)) {
        fail_msg("%s keeps %zu bytes, expected %zu to %zu",
                 fixture.allocator->name, kept, least, keeps);
    }
    if (fixture.allocator->trim != NULL) {
        fixture.allocator->trim(fixture.library);
    }
}

/* With the heap set for chunks of the size that is said, none is mapped. */
static void
check_chunk(const struct fixture *fixture, size_t count, size_t largest)
{
    const struct allocator *allocator = fixture->allocator;
    struct object *objects = calloc(count, sizeof(*objects));
    size_t size = 0;
    size_t before;
    struct fixture region = *fixture;

    assert_non_null(objects);
    for (size_t i = 0; i < count; i++) {
        objects[i].size = i * 7919 % largest + 1;
        size += objects[i].size;
    }
    heap_settle(allocator_chunk(allocator, size, count, largest));
    before = mallinfo2().hblks;
    region.state = allocator->create(fixture->library, size, count);
    assert_non_null(region.state);
    for (size_t i = 0; i < count; i++) {
        objects[i] = make(&region, objects[i].size, 1);
    }
    assert_int_equal(mallinfo2().hblks, before);
    for (size_t i = 0; i < count; i++) {
        release(&region, &objects[i]);
    }
    end(&region);
    free(objects);
}

static void
test_chunk_is_the_most_that_malloc_is_asked_for(void **state)
{
    struct fixture fixture;

    begin(&fixture, state);
    end(&fixture);
    if (!is_counted()) {
        skip();
    }
    check_chunk(&fixture, 1, 100);
    check_chunk(&fixture, 100, 1000);
    check_chunk(&fixture, MANY, 1000);
    check_chunk(&fixture, MANY, 5000);
    check_chunk(&fixture, 20, 200 * 1000);
    heap_settle(0);
}

static void
test_as_many_regions_live_as_it_says(void **state)
{
    struct fixture fixture;
    size_t count;
    void **regions;

    begin(&fixture, state);
    end(&fixture);
    count = fixture.allocator->regions_max;
    if (count == 0) {
        skip();
    }
    regions = calloc(count, sizeof(void *));
    assert_non_null(regions);
    for (size_t i = 0; i < count; i++) {
        regions[i] = fixture.allocator->create(fixture.library, 100, 1);
        assert_non_null(regions[i]);
        assert_non_null(fixture.allocator->alloc(regions[i], 100));
    }
    for (size_t i = 0; i < count; i++) {
        fixture.allocator->destroy(regions[i]);
    }
    free(regions);
    fixture.allocator->trim(fixture.library);
}

/* On a thread of its own. */
static void *
end_there(void *data)
{
    struct fixture *fixture = data;

    fixture->allocator->destroy(fixture->state);
    if (fixture->allocator->trim != NULL) {
        fixture->allocator->trim(fixture->library);
    }
    return NULL;
}

static void
test_region_ends_on_another_thread(void **state)
{
    struct fixture fixture;
    struct object object;

    begin(&fixture, state);
    if (fixture.allocator->is_bound_to_thread) {
        end(&fixture);
        skip();
    }
    for (size_t i = 0; i < 100; i++) {
        object = make(&fixture, 1000, 1);
        release(&fixture, &object);
        thread_run(end_there, &fixture);
        fixture.state = fixture.allocator->create(fixture.library, MIB, MANY);
        assert_non_null(fixture.state);
    }
    end(&fixture);
}

/* A thread's part of the next test. cmocka's checks work on the first thread
 * alone, so it counts. */
struct worker {
    const struct allocator *allocator;
    void *library;
    pthread_t thread;
    pthread_barrier_t *start; /* all at once */
    unsigned char fill;
    size_t wrong;
};

static int
is_filled(const unsigned char *p, unsigned char fill)
{
    for (size_t i = 0; i < THREAD_SIZE; i++) {
        if (p[i] != fill) {
            return 0;
        }
    }
    return 1;
}

static void
work_on_a_region(struct worker *worker)
{
    const struct allocator *allocator = worker->allocator;
    void *region = allocator->create(worker->library, MIB, THREAD_OBJECTS);
    unsigned char *objects[THREAD_OBJECTS];

    if (region == NULL) {
        worker->wrong++;
        return;
    }
    for (size_t i = 0; i < THREAD_OBJECTS; i++) {
        objects[i] = allocator->alloc(region, THREAD_SIZE);
        memset(objects[i], worker->fill, THREAD_SIZE);
    }
    for (size_t i = 0; i < THREAD_OBJECTS; i++) {
        worker->wrong += !is_filled(objects[i], worker->fill);
        if (allocator->free != NULL) {
            allocator->free(region, objects[i]);
        }
    }
    allocator->destroy(region);
}

static void *
worker_run(void *data)
{
    struct worker *worker = data;

    pthread_barrier_wait(worker->start);
    for (size_t i = 0; i < THREAD_REGIONS; i++) {
        work_on_a_region(worker);
    }
    if (worker->allocator->trim != NULL) {
        worker->allocator->trim(worker->library);
    }
    return NULL;
}

static void
test_threads_have_regions_of_their_own(void **state)
{
    struct fixture fixture;
    struct worker workers[THREADS];
    pthread_barrier_t start;

    begin(&fixture, state);
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.allocator = fixture.allocator,
                                     .library = fixture.library,
                                     .start = &start,
                                     .fill = (unsigned char) (i + 1)};
        assert_int_equal(
            pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]),
            0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].wrong, 0);
    }
    assert_int_equal(pthread_barrier_destroy(&start), 0);
    end(&fixture);
}

/* The heap's top is the C library's alone: see heap.h. */
static void
test_break_is_left_to_the_c_library(void **state)
{
    struct fixture fixture;
    char *before;
    size_t own;

    begin(&fixture, state);
    before = sbrk(0);
    own = mallinfo2().arena;
    churn(&fixture);
    assert_int_equal((char *) sbrk(0) - before,
                     (ptrdiff_t) (mallinfo2().arena - own));
    end(&fixture);
}

static void
test_struct_fits_its_kind(void **state)
{
    const struct allocator *allocator = *state;
    int is_region = allocator->kind == ALLOCATOR_REGION;
    int frees;
    struct fixture fixture;

    assert_int_equal(
        allocator->name[strspn(allocator->name, "abcdefghijklmnopqrstuvwxyz"
                                                "0123456789_")],
        '\0');
    begin(&fixture, state);
    assert_true(is_region || allocator->reset == NULL);
    assert_non_null(allocator->policy);
    assert_true(allocator->policy[0] != '\0');
    assert_true(allocator->alignment >= ALLOCATOR_ALIGNMENT);
    assert_int_equal(allocator->alignment & (allocator->alignment - 1), 0);
    assert_true(allocator_class_name(allocator->class)[0] != '\0');
    frees = (allocator->free != NULL) + (allocator->free_early != NULL) +
            (allocator->free_newest != NULL);
    assert_true(is_region || allocator->free != NULL);
    assert_in_range(frees, 0, 1);
    assert_int_equal(allocator->free_order != NULL, frees);
    assert_int_equal(allocator->exchange != NULL, frees);
    assert_int_equal(allocator->cleanup != NULL,
                     allocator->fill_cleanup != NULL);
    assert_non_null(allocator->fill);
    assert_int_equal(allocator->empty == NULL, is_region);
    end(&fixture);
}

/* An allocator without a file of its own is compiled into this program. */
static void
test_path_is_the_allocators_own(void **state)
{
    struct fixture fixture;
    char path[ALLOCATOR_PATH_MAX];
    char own[ALLOCATOR_PATH_MAX];
    char version[ALLOCATOR_VERSION_MAX] = "";
    const char *expected;

    begin(&fixture, state);
    allocator_path((const void *) (uintptr_t) test_path_is_the_allocators_own,
                   own);
    expected = fixture.allocator->file ? fixture.allocator->file : own;
    allocator_path(fixture.allocator->entry(fixture.library), path);
    if (strstr(path, expected) == NULL) {
        fail_msg("%s is served by %s, expected %s", fixture.allocator->name,
                 path, expected);
    }
    fixture.allocator->version(fixture.library, version);
    assert_true(version[0] != '\0');
    end(&fixture);
}

/* For each number of bytes before the end, and each alignment of the end. */
static void
test_bump_memory_ends_with_its_memory(void **state)
{
    const struct allocator *bump = allocator_find("bump_memory");
    char reason[ALLOCATOR_REASON_MAX];

    (void) state;
    for (size_t size = 1; size <= 32; size++) {
        void *region = bump->create(bump->open(reason), size, 1);
        const char *first = bump->alloc(region, 1);
        const char *next = first;
        const char *last;

        do {
            last = next;
            next = bump->alloc(region, 1);
        } while (next != NULL && next < first + 4 * ALLOCATOR_ALIGNMENT + size);
        assert_null(next);
        assert_true(last + 1 <= first + size + 2 * ALLOCATOR_ALIGNMENT);
        assert_null(bump->alloc(region, SIZE_MAX));
        bump->destroy(region);
    }
}

/* The pool's limit on this thread. */
static size_t
limit(void)
{
    ngx_pool_cache_stats_t stats;

    ngx_pool_cache_stats(&stats);
    return stats.limit;
}

static void
test_pool_unbounded_restores_the_limit(void **state)
{
    const struct allocator *pool = allocator_find("pool_unbounded");
    char reason[ALLOCATOR_REASON_MAX];
    void *library = pool->open(reason);

    (void) state;
    ngx_pool_cache_limit(MIB);
    for (int round = 0; round < 2; round++) {
        void *region = pool->create(library, MIB, 1);

        assert_int_equal(limit(), SIZE_MAX);
        pool->destroy(region);
        region = pool->create(library, MIB, 1);
        assert_int_equal(limit(), SIZE_MAX);
        pool->destroy(region);
        pool->trim(library);
        assert_int_equal(limit(), MIB);
        pool->trim(library);
        assert_int_equal(limit(), MIB);
    }
    ngx_pool_cache_limit(NGX_POOL_CACHE_SIZE);
}

static void
test_find_knows_no_other(void **state)
{
    (void) state;
    assert_null(allocator_find("no such"));
    assert_null(allocator_find(""));
}

static void
test_extras_open_names_the_file(void **state)
{
    char error[EXTRA_ERROR_MAX];
    struct extras none;

    (void) state;
    assert_int_equal(extras_open(&none, "", "", error), 0);
    assert_int_equal(none.count, 0);
    assert_int_equal(extras_open(&none, "no/such.so", "", error), -EINVAL);
    assert_string_equal(error, "no/such.so: No such file or directory");
    assert_int_equal(extras_open(&none, "", "no/such.so", error), -EINVAL);
    assert_int_equal(none.count, 0);
}

/* A clause of the contract. */
struct clause {
    const char *name;
    CMUnitTestFunction fn;
};

int
main(int argc, char **argv)
{
    static const struct clause clauses[] = {
        {"alignment_is_what_it_says", test_alignment_is_what_it_says},
        {"alloc_gives_every_size_aligned", test_alloc_gives_every_size_aligned},
        {"as_many_regions_live_as_it_says",
         test_as_many_regions_live_as_it_says},
        {"break_is_left_to_the_c_library", test_break_is_left_to_the_c_library},
        {"chunk_is_the_most_that_malloc_is_asked_for",
         test_chunk_is_the_most_that_malloc_is_asked_for},
        {"cleanups_run_at_the_end", test_cleanups_run_at_the_end},
        {"destroy_gives_all_back", test_destroy_gives_all_back},
        {"fill_keeps_the_contract", test_fill_keeps_the_contract},
        {"free_early_gives_back", test_free_early_gives_back},
        {"half_are_freed_and_the_rest_stays",
         test_half_are_freed_and_the_rest_stays},
        {"keeps_is_what_it_says", test_keeps_is_what_it_says},
        {"objects_keep_apart_and_intact", test_objects_keep_apart_and_intact},
        {"path_is_the_allocators_own", test_path_is_the_allocators_own},
        {"region_ends_on_another_thread", test_region_ends_on_another_thread},
        {"regions_are_independent", test_regions_are_independent},
        {"reset_gives_all_back", test_reset_gives_all_back},
        {"reset_leaves_a_region_to_use", test_reset_leaves_a_region_to_use},
        {"struct_fits_its_kind", test_struct_fits_its_kind},
        {"threads_have_regions_of_their_own",
         test_threads_have_regions_of_their_own},
        {"trim_gives_back_what_was_kept", test_trim_gives_back_what_was_kept},
        {"trim_keeps_what_lives", test_trim_keeps_what_lives},
    };
    enum {
        CLAUSES = sizeof(clauses) / sizeof(clauses[0]),
    };
    const struct CMUnitTest once[] = {
        cmocka_unit_test(test_bump_memory_ends_with_its_memory),
        cmocka_unit_test(test_extras_open_names_the_file),
        cmocka_unit_test(test_find_knows_no_other),
        cmocka_unit_test(test_pool_unbounded_restores_the_limit),
    };
    struct extras extras = {.count = 0};
    char error[EXTRA_ERROR_MAX];
    int failed = 0;

    if (argc == 3 && extras_open(&extras, argv[1], argv[2], error) != 0) {
        fprintf(stderr, "allocator_test: %s\n", error);
        return EXIT_FAILURE;
    }
    failed += cmocka_run_group_tests_name("table", once, NULL, NULL);

    for (size_t a = 0; a < allocators_count + extras.count; a++) {
        const struct allocator *allocator =
            a < allocators_count ? allocators[a]
                                 : extras.list[a - allocators_count];
        struct CMUnitTest tests[CLAUSES] = {0};
        char names[CLAUSES][NAME_LENGTH];

        if (allocator->is_null) {
            continue; /* its objects are not apart */
        }
        for (size_t i = 0; i < CLAUSES; i++) {
            snprintf(names[i], NAME_LENGTH, "%s: %s", allocator->name,
                     clauses[i].name);
            tests[i].name = names[i];
            tests[i].test_func = clauses[i].fn;
            tests[i].initial_state = (void *) (uintptr_t) allocator;
        }
        failed +=
            cmocka_run_group_tests_name(allocator->name, tests, NULL, NULL);
    }
    return failed;
}
