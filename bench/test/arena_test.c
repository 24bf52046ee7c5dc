#include "../arena.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "asan.h"

enum {
    OBJECTS = 500,
    STEPS = 20000,
    THREAD_OBJECTS = 2000,
    SEED = 12345,
};

struct object {
    unsigned char *p;
    size_t size;
    unsigned char fill;
};

/* What one thread hands to another. */
struct handover {
    struct arena *arena;
    void *objects[THREAD_OBJECTS];
};

static uint32_t
draw(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void
check_fill(const struct object *object)
{
    for (size_t i = 0; i < object->size; i++) {
        assert_int_equal(object->p[i], object->fill);
    }
}

static void
test_classes_rise_and_waste_an_eighth(void **state)
{
    size_t previous = 0;

    (void) state;
    for (size_t size = 1; size <= ARENA_SMALL_MAX; size++) {
        size_t class_size = arena_class_size(size);

        assert_true(class_size >= size);
        assert_true(class_size >= previous);
        assert_int_equal(arena_class_size(class_size), class_size);
        if (size > 128) {
            assert_true((class_size - size) * 8 <= class_size);
        } else if (size > 8) {
            assert_true(class_size - size < 16);
        }
        previous = class_size;
    }
    assert_int_equal(previous, ARENA_SMALL_MAX);
}

static void
test_alloc_aligns_every_size(void **state)
{
    struct arena *arena = arena_create();

    (void) state;
    assert_non_null(arena);
    for (size_t size = 0; size <= 2 * ARENA_SMALL_MAX; size += 7) {
        uintptr_t address = (uintptr_t) arena_alloc(arena, size);

        assert_true(address != 0);
        assert_int_equal(address % (size <= 8 ? 8 : ARENA_ALIGNMENT), 0);
    }
    arena_destroy(arena);
}

/* A random program; each object keeps what was written into it. */
static void
test_alloc_keeps_live_objects_apart(void **state)
{
    struct arena *arena = arena_create();
    struct object objects[OBJECTS] = {{0}};
    uint32_t random = SEED;

    (void) state;
    assert_non_null(arena);
    for (int step = 0; step < STEPS; step++) {
        struct object *object = &objects[draw(&random) % OBJECTS];

        if (object->p != NULL) {
            check_fill(object);
            arena_free(arena, object->p, object->size);
            object->p = NULL;
            continue;
        }
        object->size = draw(&random) % (draw(&random) % 20 ? 300 : 20000);
        object->fill = (unsigned char) step;
        object->p = arena_alloc(arena, object->size);
        assert_non_null(object->p);
        memset(object->p, object->fill, object->size);
    }
    for (size_t i = 0; i < OBJECTS; i++) {
        if (objects[i].p != NULL) {
            check_fill(&objects[i]);
        }
    }
    arena_destroy(arena);
}

static void
test_free_is_allocated_again_first(void **state)
{
    struct arena *arena = arena_create();
    void *first = arena_alloc(arena, 100);
    void *second = arena_alloc(arena, 100);

    (void) state;
    arena_free(arena, first, 100);
    arena_free(arena, second, 100);
    assert_ptr_equal(arena_alloc(arena, 112), second);
    assert_ptr_equal(arena_alloc(arena, 97), first);
    arena_destroy(arena);
}

/* 1, 2, 4, ... 64: six locks for 63 objects, one for each 64 more. */
static void
test_refill_grows_its_batches(void **state)
{
    struct arena *arena = arena_create();
    struct arena_stats stats;

    (void) state;
    for (int i = 0; i < 63; i++) {
        assert_non_null(arena_alloc(arena, 16));
    }
    arena_stats(arena, &stats);
    assert_int_equal(stats.refills, 6);
    for (int i = 0; i < 128; i++) {
        assert_non_null(arena_alloc(arena, 16));
    }
    arena_stats(arena, &stats);
    assert_int_equal(stats.refills, 8);
    arena_destroy(arena);
}

static void
test_free_gives_a_long_list_to_all(void **state)
{
    struct arena *arena = arena_create();
    struct arena_stats stats;
    void *objects[200];

    (void) state;
    for (int i = 0; i < 200; i++) {
        objects[i] = arena_alloc(arena, 16);
    }
    for (int i = 0; i < 200; i++) {
        arena_free(arena, objects[i], 16);
    }
    arena_stats(arena, &stats);
    assert_int_equal(stats.flushes, 2);
    arena_destroy(arena);
}

static void
test_reset_keeps_chunks_and_no_objects(void **state)
{
    struct arena *arena = arena_create();
    struct arena_stats before;
    struct arena_stats after;

    (void) state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1000; i++) {
            assert_non_null(arena_alloc(arena, 200));
        }
        assert_non_null(arena_alloc(arena, 100000));
        arena_stats(arena, round == 0 ? &before : &after);
        arena_reset(arena);
    }
    assert_true(before.chunks > 1);
    assert_int_equal(after.chunks, before.chunks);
    assert_int_equal(after.large, 1);
    assert_int_equal(after.system_size, before.system_size);
    arena_stats(arena, &after);
    assert_int_equal(after.large, 0);
    assert_int_equal(after.refills, 0);
    arena_destroy(arena);
}

static void
test_alloc_refuses_what_wraps(void **state)
{
    struct arena *arena = arena_create();

    (void) state;
    for (size_t k = 0; k < 16; k++) {
        assert_null(arena_alloc(arena, SIZE_MAX - k));
        assert_null(arena_alloc(arena, PTRDIFF_MAX - k));
    }
    arena_destroy(arena);
}

static void *
free_all(void *data)
{
    struct handover *handover = data;

    for (int i = 0; i < THREAD_OBJECTS; i++) {
        arena_free(handover->arena, handover->objects[i], 48);
    }
    arena_flush(handover->arena);
    return NULL;
}

/* What another thread freed and flushed is all that is needed the second time. */
static void
test_flush_lends_to_other_threads(void **state)
{
    struct handover handover = {.arena = arena_create()};
    struct arena_stats before;
    struct arena_stats after;
    pthread_t thread;

    (void) state;
    for (int i = 0; i < THREAD_OBJECTS; i++) {
        handover.objects[i] = arena_alloc(handover.arena, 48);
    }
    assert_int_equal(pthread_create(&thread, NULL, free_all, &handover), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    arena_stats(handover.arena, &before);
    for (int i = 0; i < THREAD_OBJECTS; i++) {
        memset(arena_alloc(handover.arena, 48), 1, 48);
    }
    arena_stats(handover.arena, &after);
    assert_int_equal(after.chunks, before.chunks);
    arena_destroy(handover.arena);
}

static void *
work(void *data)
{
    struct arena *arena = data;
    struct object objects[64] = {{0}};
    uint32_t random = SEED;

    for (int step = 0; step < STEPS; step++) {
        struct object *object = &objects[draw(&random) % 64];

        if (object->p != NULL) {
            check_fill(object);
            arena_free(arena, object->p, object->size);
        }
        object->size = 1 + draw(&random) % 500;
        object->fill = (unsigned char) step;
        object->p = arena_alloc(arena, object->size);
        memset(object->p, object->fill, object->size);
    }
    return NULL;
}

static void
test_alloc_serves_threads_at_once(void **state)
{
    struct arena *arena = arena_create();
    pthread_t threads[2];

    (void) state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, arena), 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    arena_destroy(arena);
}

/* An arena made where another one lay must not find that one's objects. */
static void
test_create_knows_nothing_of_the_dead(void **state)
{
    (void) state;
    for (int round = 0; round < 100; round++) {
        struct arena *arena = arena_create();
        char *a = arena_alloc(arena, 64);
        char *b = arena_alloc(arena, 64);

        assert_true(a + 64 <= b || b + 64 <= a);
        arena_free(arena, a, 64);
        arena_destroy(arena);
    }
}

#if ASAN_ON

/* Bytes behind an object, freed ones, and all that a reset took are poisoned. */
static void
test_asan_sees_what_is_not_allocated(void **state)
{
    struct arena *arena = arena_create();
    char *p = arena_alloc(arena, 100);
    char *q = arena_alloc(arena, 100);

    (void) state;
    assert_false(__asan_address_is_poisoned(p + 99));
    assert_true(__asan_address_is_poisoned(p + 100));
    arena_free(arena, p, 100);
    assert_true(__asan_address_is_poisoned(p));
    assert_false(__asan_address_is_poisoned(q));
    arena_reset(arena);
    assert_true(__asan_address_is_poisoned(q));
    arena_destroy(arena);
}

#else

static void
test_asan_sees_what_is_not_allocated(void **state)
{
    (void) state;
    skip();
}

#endif

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes_rise_and_waste_an_eighth),
        cmocka_unit_test(test_alloc_aligns_every_size),
        cmocka_unit_test(test_alloc_keeps_live_objects_apart),
        cmocka_unit_test(test_free_is_allocated_again_first),
        cmocka_unit_test(test_refill_grows_its_batches),
        cmocka_unit_test(test_free_gives_a_long_list_to_all),
        cmocka_unit_test(test_reset_keeps_chunks_and_no_objects),
        cmocka_unit_test(test_alloc_refuses_what_wraps),
        cmocka_unit_test(test_flush_lends_to_other_threads),
        cmocka_unit_test(test_alloc_serves_threads_at_once),
        cmocka_unit_test(test_create_knows_nothing_of_the_dead),
        cmocka_unit_test(test_asan_sees_what_is_not_allocated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
