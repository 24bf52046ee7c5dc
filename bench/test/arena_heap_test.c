/*
 * The arena's claims about the system's memory: malloc() is taken from
 * pool/test/heap.h, which counts and fails.
 */
#include "../arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heap.h"

static void
test_destroy_returns_all_but_the_kept(void **state)
{
    size_t blocks = heap_live_blocks();
    struct arena *arena = arena_create();

    (void) state;
    for (int i = 0; i < 20000; i++) {
        assert_non_null(arena_alloc(arena, 300));
    }
    assert_non_null(arena_alloc(arena, 100000));
    assert_true(heap_live_blocks() > blocks + ARENA_KEPT_CHUNKS_MAX);
    arena_destroy(arena);
    assert_int_equal(heap_live_blocks(), blocks + ARENA_KEPT_CHUNKS_MAX);
    arena_trim();
    assert_int_equal(heap_live_blocks(), blocks);
}

/* Each call fails once for want of memory, and succeeds right after. */
static void
test_alloc_survives_each_failure(void **state)
{
    struct arena *arena;
    int failures = 0;

    (void) state;
    heap_fail_at(0);
    assert_null(arena_create());
    arena = arena_create();
    assert_non_null(arena);
    for (int i = 0; i < 2000; i++) {
        size_t size = i % 100 == 0 ? 10000 : 100 + (size_t) i;
        struct arena_stats before;
        struct arena_stats after;

        arena_stats(arena, &before);
        heap_fail_at(0);
        if (arena_alloc(arena, size) == NULL) {
            failures++;
            arena_stats(arena, &after);
            assert_memory_equal(&before, &after, sizeof(before));
            assert_non_null(arena_alloc(arena, size));
        }
        heap_fail_at(HEAP_NEVER);
    }
    assert_true(failures > 20);
    arena_destroy(arena);
    arena_trim();
    assert_int_equal(heap_live_blocks(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_destroy_returns_all_but_the_kept),
        cmocka_unit_test(test_alloc_survives_each_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
