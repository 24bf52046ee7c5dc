#include "measure/heap.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "allocators/adapters.h"
#include "called.h"
#include "measure/row.h"

enum {
    KIB = 1024,
    MIB = 1024 * KIB,
    OBJECTS = 2048,
    OBJECT = 2 * KIB,
};

/* All of this is about the C library's malloc. */
static void
need_glibc(void)
{
    char reason[ALLOCATOR_REASON_MAX];

    if (allocator_glibc.open(reason) == NULL) {
        print_message("%s\n", reason);
        skip();
    }
}

/* Allocates 4 MiB in small objects and frees them, under a pin or not. Returns
 * the bytes that the heap then still has from the system. */
static size_t
arena_after_region(enum heap_top top)
{
    static void *objects[OBJECTS];
    void *pin = NULL;
    size_t arena;

    heap_settle(OBJECT);
    for (size_t i = 0; i < OBJECTS; i++) {
        objects[i] = malloc(OBJECT);
        assert_non_null(objects[i]);
    }
    /* A hole that the pin must not fill. */
    free(objects[OBJECTS / 2]);
    objects[OBJECTS / 2] = NULL;
    if (top == HEAP_TOP_PINNED) {
        pin = heap_pin();
        assert_non_null(pin);
        for (size_t i = 0; i < OBJECTS; i++) {
            assert_true((char *) pin > (char *) objects[i]);
        }
    }
    for (size_t i = 0; i < OBJECTS; i++) {
        free(objects[i]);
    }
    arena = mallinfo2().arena;
    free(pin);
    return arena;
}

static void
test_pin_keeps_the_heap_from_shrinking(void **state)
{
    size_t pinned;
    size_t freed;

    (void) state;
    need_glibc();
    pinned = arena_after_region(HEAP_TOP_PINNED);
    freed = arena_after_region(HEAP_TOP_FREE);
    assert_true(pinned > freed + 3 * MIB);
}

/* Holes as large as the region, below an object that stays. */
static void
test_plug_leaves_no_hole_for_a_region(void **state)
{
    static void *objects[OBJECTS];
    struct heap_plug *plugs;
    void *pin;
    void *p;

    (void) state;
    need_glibc();
    heap_settle(OBJECT);
    for (size_t i = 0; i < OBJECTS; i++) {
        objects[i] = malloc(OBJECT);
    }
    pin = malloc(OBJECT);
    for (size_t i = 0; i < OBJECTS; i++) {
        free(objects[i]);
    }
    plugs = heap_plug();
    p = malloc(OBJECTS * OBJECT / 64);
    assert_true((char *) p > (char *) pin);
    free(p);
    heap_unplug(plugs);

    p = malloc(OBJECT);
    assert_true((char *) p < (char *) pin);
    free(p);
    free(pin);
}

/* Whether a block of size bytes comes from mmap(). */
static int
is_mapped(size_t size)
{
    size_t before = mallinfo2().hblks;
    void *p = malloc(size);
    int mapped;

    assert_non_null(p);
    mapped = mallinfo2().hblks != before;
    free(p);
    return mapped;
}

static void
test_settle_sets_the_threshold_whatever_came_before(void **state)
{
    (void) state;
    need_glibc();
    for (int i = 0; i < 2; i++) {
        heap_settle(16);
        assert_true(is_mapped(256 * KIB));
        assert_true(is_mapped(MIB));
        assert_true(is_mapped(256 * KIB));
        heap_settle(MIB);
        assert_false(is_mapped(256 * KIB));
        assert_false(is_mapped(MIB));
        assert_true(is_mapped(2 * MIB));
    }
}

/* The thresholds that the C library itself sets when a process frees 1 MiB. */
static void
test_settle_is_what_freeing_brings_about(void **state)
{
    (void) state;
    need_glibc();
    assert_true(is_mapped(MIB));
    assert_false(is_mapped(MIB));
    assert_true(is_mapped(2 * MIB));
}

/* The bytes that the heap has from the system once a region is freed, the last
 * one of the row's loop: the region after the loop is one more. */
static size_t arenas[2];

static void *
watched_alloc(void *state, size_t size)
{
    (void) state;
    return malloc(size);
}

static void
watched_free(void *state, void *p)
{
    (void) state;
    free(p);
}

static void
watched_destroy(void *state)
{
    (void) state;
    arenas[0] = arenas[1];
    arenas[1] = mallinfo2().arena;
}

static const struct allocator watched = {
    .name = "watched",
    .kind = ALLOCATOR_GENERAL,
    .create = adapter_no_region,
    .alloc = watched_alloc,
    .free = watched_free,
    .fill = called_fill,
    .empty = called_empty,
    .destroy = watched_destroy,
};

/* A row of 4 MiB a region. */
static size_t
arena_after_row(const struct workload *workload)
{
    static const uint32_t sizes[] = {OBJECT};
    static const uint64_t sums[] = {0, OBJECT};
    static const struct samples samples = {sizes, sums, 1};
    static void *pointers[OBJECTS];
    struct row row = {.name = "row",
                      .workload = workload,
                      .region = {.allocator = &watched,
                                 .library = &row,
                                 .n = OBJECTS,
                                 .samples = sizes,
                                 .period = 1,
                                 .pointers = pointers},
                      .samples = &samples,
                      .largest = OBJECT,
                      .batch = 1,
                      .slices = 1,
                      .iterations = 4};

    shim_clear();
    assert_int_equal(row_register(&row, 0), 0);
    assert_int_equal(shim_run(&(struct shim_options){.filter = "^row"}), 1);
    return arenas[0];
}

static void
test_rows_have_the_heap_of_their_workload(void **state)
{
    size_t trimmed;

    (void) state;
    need_glibc();
    trimmed = arena_after_row(&workload_fill_trim);
    assert_true(arena_after_row(&workload_fill) > trimmed + 3 * MIB);
}

int
main(void)
{
    /* The first one needs thresholds that no row has set yet. */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settle_is_what_freeing_brings_about),
        cmocka_unit_test(test_pin_keeps_the_heap_from_shrinking),
        cmocka_unit_test(test_plug_leaves_no_hole_for_a_region),
        cmocka_unit_test(test_rows_have_the_heap_of_their_workload),
        cmocka_unit_test(test_settle_sets_the_threshold_whatever_came_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
