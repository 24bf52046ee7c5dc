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
    STEPS = 300, /* of a program that runs out of memory at each place */
    LARGE = 10000,
};

static void
check_all_returned(void)
{
    arena_trim();
    assert_int_equal(heap_live_blocks(), 0);
    assert_int_equal(heap_live_bytes(), 0);
}

static void
test_stats_count_what_the_system_gave(void **state)
{
    struct arena *arena = arena_create();
    struct arena_stats stats;
    void *large;

    (void) state;
    for (int i = 0; i < 2000; i++) {
        assert_non_null(arena_alloc(arena, 100));
    }
    large = arena_alloc(arena, LARGE);
    assert_non_null(arena_alloc(arena, LARGE));
    arena_stats(arena, &stats);
    assert_int_equal(stats.large, 2);
    assert_int_equal(stats.chunks + stats.large, heap_live_blocks());
    assert_int_equal(stats.system_size, heap_live_bytes());

    arena_free(arena, large, LARGE);
    arena_stats(arena, &stats);
    assert_int_equal(stats.system_size, heap_live_bytes());

    arena_reset(arena);
    arena_stats(arena, &stats);
    assert_int_equal(stats.large, 0);
    assert_int_equal(stats.system_size, heap_live_bytes());
    arena_destroy(arena);
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
    check_all_returned();
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

static void *
use_and_end(void *data)
{
    struct arena *arena = data;
    struct arena *own = arena_create();

    memset(arena_alloc(arena, 100), 1, 100);
    memset(arena_alloc(own, 100), 1, 100);
    arena_destroy(own);
    return NULL;
}

static void
test_thread_end_returns_what_it_kept(void **state)
{
    struct arena *arena = arena_create();
    struct arena_stats stats;

    (void) state;
    thread_run(use_and_end, arena);
    arena_stats(arena, &stats);
    assert_int_equal(heap_live_blocks(), stats.chunks);
    arena_destroy(arena);
    check_all_returned();
}

static void *
destroy(void *data)
{
    arena_destroy(data);
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
free_without_memory(void *data)
{
    void **arena_and_object = data;

    heap_fail_at(0);
    arena_free(arena_and_object[0], arena_and_object[1], ARENA_SMALL_MAX);
    heap_fail_at(HEAP_NEVER);
    return NULL;
}

static void
test_free_needs_no_memory(void **state)
{
    struct arena *arena = arena_create();
    void *arena_and_object[] = {arena, arena_alloc(arena, ARENA_SMALL_MAX)};
    size_t calls = heap_calls();

    (void) state;
    thread_run(free_without_memory, arena_and_object);
    assert_int_equal(heap_calls(), calls + 1);
    assert_ptr_equal(arena_alloc(arena, ARENA_SMALL_MAX), arena_and_object[1]);
    arena_destroy(arena);
    check_all_returned();
}

/* Runs a program whose nth call of malloc() fails. A call that fails says so,
 * leaves the arena as it was, and succeeds when asked again. Returns whether
 * one failed. */
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
        size_t size = i % 10 == 0 ? LARGE : 16 * i;
        struct arena_stats before;
        struct arena_stats after;
        void *p;

        arena_stats(arena, &before);
        p = arena_alloc(arena, size);
        if (p == NULL) {
            failures++;
            arena_stats(arena, &after);
            assert_memory_equal(&before, &after, sizeof(before));
            p = arena_alloc(arena, size);
            assert_non_null(p);
        }
        memset(p, 1, size);
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
    struct arena *arena = data;
    struct arena_stats before;
    struct arena_stats after;

    arena_stats(arena, &before);
    heap_fail_at(0);
    assert_null(arena_alloc(arena, ARENA_SMALL_MAX));
    arena_stats(arena, &after);
    assert_memory_equal(&before, &after, sizeof(before));
    memset(arena_alloc(arena, 100), 1, 100);
    return NULL;
}

/* There is no memory for what a second thread holds of the arena. */
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

/* What one thread hands to another. */
struct handover {
    struct arena *arena;
    void *p;
};

static void *
alloc_most_of_a_chunk(void *data)
{
    struct handover *handover = data;

    for (int i = 0; i < 7; i++) {
        assert_non_null(arena_alloc(handover->arena, ARENA_SMALL_MAX));
    }
    return NULL;
}

static void *
take_over_and_run_another(void *data)
{
    struct handover *handover = data;

    arena_free(handover->arena, handover->p, 100);
    thread_run(alloc_without_memory, handover->arena);
    return NULL;
}

/* The rest of an ended thread's chunk would do for what a thread holds of the
 * arena, but then not for an object. */
static void
test_first_alloc_of_a_thread_takes_no_small_rest(void **state)
{
    struct handover handover = {.arena = arena_create()};
    struct arena_stats stats;

    (void) state;
    handover.p = arena_alloc(handover.arena, 100);
    thread_run(alloc_most_of_a_chunk, &handover);
    do {
        assert_non_null(arena_alloc(handover.arena, ARENA_SMALL_MAX));
        arena_stats(handover.arena, &stats);
    } while (stats.chunks == 2);
    thread_run(take_over_and_run_another, &handover);
    arena_destroy(handover.arena);
    check_all_returned();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stats_count_what_the_system_gave),
        cmocka_unit_test(test_destroy_returns_all_but_the_kept),
        cmocka_unit_test(test_create_takes_a_kept_chunk),
        cmocka_unit_test(test_reset_needs_nothing_of_the_system_again),
        cmocka_unit_test(test_thread_end_returns_what_it_kept),
        cmocka_unit_test(test_destroy_is_for_any_thread),
        cmocka_unit_test(test_free_needs_no_memory),
        cmocka_unit_test(test_alloc_survives_each_failure),
        cmocka_unit_test(test_first_alloc_of_a_thread_survives_a_failure),
        cmocka_unit_test(test_first_alloc_of_a_thread_takes_no_small_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
