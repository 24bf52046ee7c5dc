#include "arena/arena.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "thread.h"

enum {
    OBJECTS = 500,
    STEPS = 20000,
    THREADS = 50,
    SEED = 12345,
};

struct object {
    unsigned char *p;
    size_t size;
    unsigned char fill;
};

/* The data that one thread hands to another. */
struct handover {
    struct arena *arena;
    void *p;
    size_t size;
};

/* Objects that any of the threads may take out and free. */
struct exchange {
    struct arena *arena;
    pthread_mutex_t lock;
    struct object objects[OBJECTS];
};

static uint32_t
sample(uint32_t *state)
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
object_make(struct object *object, struct arena *arena, size_t size,
            unsigned char fill)
{
    object->size = size;
    object->fill = fill;
    object->p = arena_alloc(arena, size);
    assert_non_null(object->p);
    memset(object->p, fill, size);
}

static void
check_apart(const struct object *objects, const struct object *object)
{
    for (size_t i = 0; i < OBJECTS; i++) {
        const struct object *other = &objects[i];

        if (other != object && other->p != NULL) {
            assert_true(other->p + other->size <= object->p ||
                        object->p + object->size <= other->p);
        }
    }
}

/* Allocates more objects than there are in any span, and expects that none of
 * them is p. */
static void
check_not_found(struct arena *arena, const void *p, size_t size)
{
    for (int i = 0; i < OBJECTS; i++) {
        assert_ptr_not_equal(arena_alloc(arena, size), p);
    }
}

/* A freed object is not found by an allocation that is too large for a class
 * within the limits. */
static void
test_alloc_wastes_15_bytes_or_an_eighth(void **state)
{
    struct arena *arena = arena_create();
    void *p;

    (void) state;
    for (size_t size = 1; size <= ARENA_SMALL_MAX; size++) {
        size_t most = size * 8 / 7;

        p = arena_alloc(arena, size);
        if (most < size + 15) {
            most = size + 15;
        }
        arena_free(arena, p, size);
        if (most < ARENA_SMALL_MAX) {
            assert_ptr_not_equal(arena_alloc(arena, most + 1), p);
        }
        assert_ptr_equal(arena_alloc(arena, size), p);
        arena_reset(arena);
    }
    p = arena_alloc(arena, 0);
    arena_free(arena, p, 0);
    assert_ptr_equal(arena_alloc(arena, 1), p);
    arena_destroy(arena);
}

/* Sets size to the first that is not aligned, or to one beyond all. */
static void *
find_unaligned(void *data)
{
    struct handover *handover = data;

    for (handover->size = 0; handover->size <= 2 * ARENA_SMALL_MAX;
         handover->size++) {
        handover->p = arena_alloc(handover->arena, handover->size);
        if (handover->p == NULL ||
            (uintptr_t) handover->p % ARENA_ALIGNMENT != 0) {
            break;
        }
    }
    return NULL;
}

/* Also on a thread whose cache does not lie in the arena's first chunk. */
static void
test_alloc_aligns_every_size(void **state)
{
    struct handover handover = {.arena = arena_create()};

    (void) state;
    assert_non_null(handover.arena);
    (void) find_unaligned(&handover);
    assert_int_equal(handover.size, 2 * ARENA_SMALL_MAX + 1);
    thread_run(find_unaligned, &handover);
    assert_int_equal(handover.size, 2 * ARENA_SMALL_MAX + 1);
    arena_destroy(handover.arena);
}

/* A random program. The array of objects is the model: no two of them overlap,
 * and each keeps the bytes that were written into it. */
static void
test_alloc_keeps_live_objects_apart(void **state)
{
    struct arena *arena = arena_create();
    struct object objects[OBJECTS] = {{0}};
    uint32_t random = SEED;

    (void) state;
    assert_non_null(arena);
    for (int step = 0; step < STEPS; step++) {
        struct object *object = &objects[sample(&random) % OBJECTS];
        size_t most = sample(&random) % 20 == 0 ? 20000 : 300;

        if (object->p != NULL) {
            check_fill(object);
            arena_free(arena, object->p, object->size);
            object->p = NULL;
            continue;
        }
        object_make(object, arena, sample(&random) % most,
                    (unsigned char) step);
        check_apart(objects, object);
        if (sample(&random) % 5000 == 0) {
            arena_reset(arena);
            memset(objects, 0, sizeof(objects));
        }
    }
    for (size_t i = 0; i < OBJECTS; i++) {
        if (objects[i].p != NULL) {
            check_fill(&objects[i]);
        }
    }
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

/* The second class's span begins where the first one's ends. */
static void
test_alloc_cuts_spans(void **state)
{
    struct arena *arena = arena_create();
    char *first = arena_alloc(arena, 16);
    char *end = arena_alloc(arena, 32);

    (void) state;
    assert_true(end > first + 16);
    for (char *p = first + 16; p < end; p += 16) {
        assert_ptr_equal(arena_alloc(arena, 16), p);
    }
    assert_true((char *) arena_alloc(arena, 16) > end);
    arena_destroy(arena);
}

/* Each class takes its first span, and so shows where the one before it ends.
 * A span holds whole objects: it can be short of its size by less than one. */
static void
test_spans_grow(void **state)
{
    struct arena *arena = arena_create();
    char *begin = arena_alloc(arena, 16);
    size_t first_size = 0;
    size_t last_size = 0;

    (void) state;
    for (size_t size = 32; size <= 256; size += 16) {
        char *end = arena_alloc(arena, size);

        assert_true(end > begin);
        assert_true((size_t) (end - begin) + size > last_size);
        last_size = (size_t) (end - begin);
        if (first_size == 0) {
            first_size = last_size;
        }
        begin = end;
    }
    assert_true(last_size > first_size + first_size / 2);
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

static void
test_reset_forgets_freed_objects(void **state)
{
    struct arena *arena = arena_create();
    struct object objects[OBJECTS] = {{0}};

    (void) state;
    for (int i = 0; i < OBJECTS; i++) {
        object_make(&objects[i], arena, 16, 1);
    }
    for (int i = 0; i < OBJECTS; i++) {
        arena_free(arena, objects[i].p, 16);
        objects[i].p = NULL;
    }
    arena_reset(arena);
    for (int i = 0; i < OBJECTS; i++) {
        object_make(&objects[i], arena, 16, 1);
        check_apart(objects, &objects[i]);
    }
    arena_destroy(arena);
}

/* An arena may lie where a destroyed one has lain. */
static void
test_create_finds_nothing_of_the_last_arena(void **state)
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

static void *
alloc_and_free(void *data)
{
    struct handover *handover = data;

    assert_non_null(arena_alloc(handover->arena, handover->size));
    arena_free(handover->arena, handover->p, handover->size);
    assert_ptr_equal(arena_alloc(handover->arena, handover->size), handover->p);
    arena_free(handover->arena, handover->p, handover->size);
    return NULL;
}

static void *
look_for(void *data)
{
    struct handover *handover = data;

    check_not_found(handover->arena, handover->p, handover->size);
    return NULL;
}

/* The thread that frees has ended when the others allocate. */
static void
test_free_serves_only_the_thread_that_freed(void **state)
{
    struct handover handover = {.arena = arena_create(), .size = 48};

    (void) state;
    handover.p = arena_alloc(handover.arena, handover.size);
    thread_run(alloc_and_free, &handover);
    check_not_found(handover.arena, handover.p, handover.size);
    thread_run(look_for, &handover);
    arena_destroy(handover.arena);
}

static void *
free_and_alloc(void *data)
{
    struct handover *handover = data;

    arena_free(handover->arena, handover->p, handover->size);
    check_not_found(handover->arena, handover->p, handover->size);
    return NULL;
}

static void
test_free_before_a_first_alloc_waits_for_the_reset(void **state)
{
    struct handover handover = {.arena = arena_create(), .size = 48};

    (void) state;
    handover.p = arena_alloc(handover.arena, handover.size);
    thread_run(free_and_alloc, &handover);
    check_not_found(handover.arena, handover.p, handover.size);
    arena_reset(handover.arena);
    assert_ptr_equal(arena_alloc(handover.arena, handover.size), handover.p);
    arena_destroy(handover.arena);
}

static void *
free_it(void *data)
{
    struct handover *handover = data;

    arena_free(handover->arena, handover->p, handover->size);
    return NULL;
}

/* The list of large objects is one for all threads: objects leave it in the
 * middle, at its end, and at its begin. */
static void
test_free_takes_large_objects_of_any_thread(void **state)
{
    struct arena *arena = arena_create();
    struct object objects[3];
    static const int order[] = {1, 0, 2};

    (void) state;
    for (unsigned char i = 0; i < 3; i++) {
        object_make(&objects[i], arena, ARENA_SMALL_MAX + 1, i);
    }
    for (int i = 0; i < 3; i++) {
        struct object *object = &objects[order[i]];
        struct handover handover = {arena, object->p, object->size};

        check_fill(object);
        thread_run(free_it, &handover);
    }
    memset(arena_alloc(arena, ARENA_SMALL_MAX + 1), 1, ARENA_SMALL_MAX + 1);
    arena_destroy(arena);
}

static void *
reset(void *data)
{
    arena_reset(data);
    memset(arena_alloc(data, 48), 1, 48);
    return NULL;
}

/* The lists of the thread that created the arena are gone then. */
static void
test_reset_is_for_any_thread(void **state)
{
    struct arena *arena = arena_create();

    (void) state;
    arena_free(arena, arena_alloc(arena, 48), 48);
    thread_run(reset, arena);
    memset(arena_alloc(arena, 48), 1, 48);
    arena_destroy(arena);
}

static void *
work(void *data)
{
    struct exchange *exchange = data;
    uint32_t random = SEED;

    for (int step = 0; step < STEPS / 10; step++) {
        size_t i = sample(&random) % OBJECTS;
        struct object mine;
        struct object other;

        object_make(&mine, exchange->arena, sample(&random) % 500,
                    (unsigned char) step);
        if (step % 100 == 0) {
            arena_free(exchange->arena, mine.p, mine.size);
            object_make(&mine, exchange->arena, 5000, (unsigned char) step);
        }
        pthread_mutex_lock(&exchange->lock);
        other = exchange->objects[i];
        exchange->objects[i] = mine;
        pthread_mutex_unlock(&exchange->lock);
        if (other.p != NULL) {
            check_fill(&other);
            arena_free(exchange->arena, other.p, other.size);
        }
    }
    return NULL;
}

/* Each thread frees objects of all the others. */
static void
test_alloc_serves_threads_at_once(void **state)
{
    static struct exchange exchange;
    pthread_t threads[THREADS];

    (void) state;
    memset(&exchange, 0, sizeof(exchange));
    exchange.arena = arena_create();
    assert_int_equal(pthread_mutex_init(&exchange.lock, NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, &exchange), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (size_t i = 0; i < OBJECTS; i++) {
        if (exchange.objects[i].p != NULL) {
            check_fill(&exchange.objects[i]);
            check_apart(exchange.objects, &exchange.objects[i]);
        }
    }
    assert_int_equal(pthread_mutex_destroy(&exchange.lock), 0);
    arena_destroy(exchange.arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc_wastes_15_bytes_or_an_eighth),
        cmocka_unit_test(test_alloc_aligns_every_size),
        cmocka_unit_test(test_alloc_keeps_live_objects_apart),
        cmocka_unit_test(test_alloc_refuses_what_wraps),
        cmocka_unit_test(test_alloc_cuts_spans),
        cmocka_unit_test(test_spans_grow),
        cmocka_unit_test(test_free_is_allocated_again_first),
        cmocka_unit_test(test_reset_forgets_freed_objects),
        cmocka_unit_test(test_create_finds_nothing_of_the_last_arena),
        cmocka_unit_test(test_free_serves_only_the_thread_that_freed),
        cmocka_unit_test(test_free_before_a_first_alloc_waits_for_the_reset),
        cmocka_unit_test(test_free_takes_large_objects_of_any_thread),
        cmocka_unit_test(test_reset_is_for_any_thread),
        cmocka_unit_test(test_alloc_serves_threads_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
