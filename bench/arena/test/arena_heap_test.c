/*
 * The arena's claims about the system's memory: malloc() is taken from
 * pool/test/heap.h, which counts and fails. It knows one thread: where there
 * are two, one waits for the other.
 */
#include "arena/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"
#include "thread.h"

enum {
    STEPS = 300, /* of a program in which each malloc() fails once */
    LARGE = 10000,
    THREADS = 5,
};

/* The data that one thread hands to another. */
struct handover {
    struct arena *arena;
    void *p;
    size_t size;
};

static void
check_all_returned(void)
{
    arena_trim();
    assert_int_equal(heap_live_blocks(), 0);
    assert_int_equal(heap_live_bytes(), 0);
}

static void
test_create_takes_a_kept_chunk(void **state)
{
    size_t calls;

    (void) state;
    arena_destroy(arena_create());
    calls = heap_calls();
    for (int round = 0; round < 100; round++) {
        struct arena *arena = arena_create();

        for (size_t size = 1; size <= 1024; size *= 2) {
            assert_non_null(arena_alloc(arena, size));
        }
        arena_destroy(arena);
    }
    assert_int_equal(heap_calls(), calls);
    check_all_returned();
}

static void
test_destroy_returns_all_but_the_kept(void **state)
{
    struct arena *arena = arena_create();

    (void) state;
    for (int i = 0; i < 20000; i++) {
        assert_non_null(arena_alloc(arena, 300));
    }
    assert_non_null(arena_alloc(arena, 100000));
    assert_true(heap_live_blocks() > ARENA_KEPT_CHUNKS_MAX);
    arena_destroy(arena);
    assert_int_equal(heap_live_blocks(), ARENA_KEPT_CHUNKS_MAX);
    assert_int_equal(heap_live_bytes(),
                     ARENA_KEPT_CHUNKS_MAX * ARENA_CHUNK_SIZE);
    arena_destroy(NULL);
    check_all_returned();
}

static void
test_reset_needs_nothing_of_the_system_again(void **state)
{
    struct arena *arena = arena_create();
    size_t calls = 0;

    (void) state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 20000; i++) {
            assert_non_null(arena_alloc(arena, 1 + (size_t) i % 300));
        }
        assert_true(round == 0 || heap_calls() == calls);
        calls = heap_calls();
        arena_reset(arena);
    }
    arena_destroy(arena);
    check_all_returned();
}

static void
test_large_objects_are_returned_at_once(void **state)
{
    struct arena *arena = arena_create();
    void *large = arena_alloc(arena, LARGE);

    (void) state;
    assert_non_null(large);
    assert_non_null(arena_alloc(arena, ARENA_SMALL_MAX + 1));
    assert_int_equal(heap_live_blocks(), 3);
    arena_free(arena, large, LARGE);
    assert_int_equal(heap_live_blocks(), 2);
    arena_reset(arena);
    assert_int_equal(heap_live_blocks(), 1);
    arena_destroy(arena);
    check_all_returned();
}

static void *
destroy(void *data)
{
    arena_destroy(data);
    arena_trim();
    return NULL;
}

static void
test_destroy_is_for_any_thread(void **state)
{
    struct arena *arena = arena_create();

    (void) state;
    for (int i = 0; i < 2000; i++) {
        assert_non_null(arena_alloc(arena, 100));
    }
    thread_run(destroy, arena);
    assert_int_equal(heap_live_blocks(), 0);
}

static void *
alloc_and_free(void *data)
{
    void *p = arena_alloc(data, 100);

    assert_non_null(p);
    arena_free(data, p, 100);
    return NULL;
}

/* Each thread's first call takes a chunk, which no other thread uses after the
 * thread's end, until the reset. */
static void
test_thread_takes_a_chunk_until_the_reset(void **state)
{
    struct arena *arena = arena_create();

    (void) state;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < THREADS; i++) {
            thread_run(alloc_and_free, arena);
            assert_true(round > 0 || heap_live_blocks() == 2 + i);
        }
        assert_int_equal(heap_live_blocks(), 1 + THREADS);
        arena_reset(arena);
    }
    arena_destroy(arena);
    check_all_returned();
}

static void *
free_it(void *data)
{
    struct handover *handover = data;

    arena_free(handover->arena, handover->p, handover->size);
    return NULL;
}

static void
test_free_needs_no_memory(void **state)
{
    struct handover handover = {.arena = arena_create(), .size = 100};
    size_t calls = heap_calls();

    (void) state;
    handover.p = arena_alloc(handover.arena, handover.size);
    thread_run(free_it, &handover);
    assert_int_equal(heap_calls(), calls);
    arena_destroy(handover.arena);
    check_all_returned();
}

/* Allocates where malloc() may fail once. Then nothing has changed, and a
 * second try succeeds. Returns how many tries failed. */
static int
alloc_twice(struct arena *arena, size_t size)
{
    size_t blocks = heap_live_blocks();
    size_t bytes = heap_live_bytes();
    void *p = arena_alloc(arena, size);
    int failures = p == NULL;

    if (failures) {
        assert_int_equal(heap_live_blocks(), blocks);
        assert_int_equal(heap_live_bytes(), bytes);
        p = arena_alloc(arena, size);
        assert_non_null(p);
    }
    memset(p, 1, size);
    return failures;
}

/* Runs a program whose nth call of malloc() fails. Returns whether one did. */
static int
fails_at(size_t nth)
{
    struct arena *arena;
    int failures = 0;

    heap_fail_at(nth);
    arena = arena_create();
    if (arena == NULL) {
        failures++;
        assert_int_equal(heap_live_blocks(), 0);
        arena = arena_create();
        assert_non_null(arena);
    }
    for (size_t i = 0; i < STEPS; i++) {
        failures += alloc_twice(arena, i % 10 == 0 ? LARGE : 16 * i);
        if (i == STEPS / 2) {
            arena_reset(arena);
        }
    }
    heap_fail_at(HEAP_NEVER);
    assert_in_range(failures, 0, 1);
    arena_destroy(arena);
    check_all_returned();
    return failures;
}

static void
test_alloc_survives_each_failure(void **state)
{
    size_t nth = 0;

    (void) state;
    while (fails_at(nth)) {
        nth++;
    }
    assert_true(nth > 20);
}

static void *
alloc_without_memory(void *data)
{
    heap_fail_at(0);
    assert_int_equal(alloc_twice(data, ARENA_SMALL_MAX), 1);
    return NULL;
}

static void
test_first_alloc_of_a_thread_survives_a_failure(void **state)
{
    struct arena *arena = arena_create();

    (void) state;
    assert_non_null(arena_alloc(arena, 100));
    thread_run(alloc_without_memory, arena);
    arena_destroy(arena);
    check_all_returned();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_takes_a_kept_chunk),
        cmocka_unit_test(test_destroy_returns_all_but_the_kept),
        cmocka_unit_test(test_reset_needs_nothing_of_the_system_again),
        cmocka_unit_test(test_large_objects_are_returned_at_once),
        cmocka_unit_test(test_destroy_is_for_any_thread),
        cmocka_unit_test(test_thread_takes_a_chunk_until_the_reset),
        cmocka_unit_test(test_free_needs_no_memory),
        cmocka_unit_test(test_alloc_survives_each_failure),
        cmocka_unit_test(test_first_alloc_of_a_thread_survives_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
