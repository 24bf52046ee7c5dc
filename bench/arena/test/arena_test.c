#include "arena/arena.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "thread.h"

enum {
    OBJECTS = 500,
    STEPS = 20000,
    THREAD_OBJECTS = 2000,
    ARENAS = 20, /* more than a thread finds at once */
    MANY = ARENA_THREADS_MAX + 20,
    SEED = 12345,

    LINEAR_MAX = 128, /* above it a class loses an eighth at most */
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

/* Objects that either of two threads may take out and free. */
struct exchange {
    struct arena *arena;
    pthread_mutex_t lock;
    struct object objects[OBJECTS];
};

/* A thread that does not end until it may. */
struct guest {
    struct arena *arena;
    sem_t *arrived;
    sem_t *may_end;
    unsigned char *p;
    int number;
};

/* What a thread does as it ends. */
struct late {
    struct arena *arena;
    pthread_key_t key;
    int calls;
};

static struct late late;

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

static struct arena_stats
stats_of(struct arena *arena)
{
    struct arena_stats stats;

    arena_stats(arena, &stats);
    return stats;
}

static void
test_class_size_rises_and_wastes_an_eighth(void **state)
{
    size_t previous = 0;

    (void) state;
    for (size_t size = 1; size <= ARENA_SMALL_MAX; size++) {
        size_t class_size = arena_class_size(size);

        assert_true(class_size >= size);
        assert_true(class_size >= previous);
        assert_int_equal(class_size % ARENA_ALIGNMENT, 0);
        assert_int_equal(arena_class_size(class_size), class_size);
        if (size > LINEAR_MAX) {
            assert_true((class_size - size) * 8 <= class_size);
        } else {
            assert_true(class_size - size < ARENA_ALIGNMENT);
        }
        previous = class_size;
    }
    assert_int_equal(previous, ARENA_SMALL_MAX);
    assert_int_equal(arena_class_size(0), ARENA_ALIGNMENT);
}

static void
test_alloc_aligns_every_size(void **state)
{
    struct arena *arena = arena_create();

    (void) state;
    assert_non_null(arena);
    for (size_t size = 0; size <= 2 * ARENA_SMALL_MAX; size++) {
        uintptr_t address = (uintptr_t) arena_alloc(arena, size);

        assert_true(address != 0);
        assert_int_equal(address % ARENA_ALIGNMENT, 0);
    }
    arena_destroy(arena);
}

/* A random program; the objects are the model: each has its place to itself,
 * and keeps what was written into it. */
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
        size_t most = draw(&random) % 20 == 0 ? 20000 : 300;

        if (object->p != NULL) {
            check_fill(object);
            arena_free(arena, object->p, object->size);
            object->p = NULL;
            continue;
        }
        object_make(object, arena, draw(&random) % most, (unsigned char) step);
        check_apart(objects, object);
        if (draw(&random) % 5000 == 0) {
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

/* 4, 8, 16, 32, 64: a batch doubles until it is full. */
static void
test_refill_grows_its_batches(void **state)
{
    struct arena *arena = arena_create();

    (void) state;
    for (size_t batch = 4, refills = 1; batch <= ARENA_BATCH_MAX; batch *= 2) {
        for (size_t i = 0; i < batch; i++) {
            assert_non_null(arena_alloc(arena, 16));
            assert_int_equal(stats_of(arena).refills, refills);
        }
        refills++;
    }
    for (size_t i = 0; i < 2 * ARENA_BATCH_MAX; i++) {
        assert_non_null(arena_alloc(arena, 16));
    }
    assert_int_equal(stats_of(arena).refills, 5 + 2);
    arena_destroy(arena);
}

/* A class whose objects are large comes in batches of few. */
static void
test_refill_takes_few_large_objects(void **state)
{
    struct arena *arena = arena_create();

    (void) state;
    for (size_t i = 0; i < 5; i++) {
        assert_non_null(arena_alloc(arena, ARENA_SMALL_MAX));
    }
    assert_int_equal(stats_of(arena).refills, 3);
    arena_destroy(arena);
}

/* Seven of the largest lie in the second chunk; the eighth makes smaller ones
 * of what is left, 4080 bytes behind the chunk's header. */
static void
test_refill_loses_nothing_of_a_chunk(void **state)
{
    struct arena *arena = arena_create();
    size_t refills;

    (void) state;
    while (stats_of(arena).chunks < 3) {
        assert_non_null(arena_alloc(arena, ARENA_SMALL_MAX));
    }
    refills = stats_of(arena).refills;
    assert_non_null(arena_alloc(arena, 3840));
    assert_non_null(arena_alloc(arena, 4080 - 3840));
    assert_int_equal(stats_of(arena).refills, refills);
    arena_destroy(arena);
}

static void
test_free_keeps_two_batches(void **state)
{
    struct arena *arena = arena_create();
    struct arena_stats stats;
    void *objects[2 * ARENA_BATCH_MAX + 1];
    int count = 2 * ARENA_BATCH_MAX + 1;

    (void) state;
    for (int i = 0; i < count; i++) {
        objects[i] = arena_alloc(arena, 16);
    }
    for (int i = 0; i < count; i++) {
        arena_stats(arena, &stats);
        assert_int_equal(stats.flushes, 0);
        arena_free(arena, objects[i], 16);
    }
    arena_stats(arena, &stats);
    assert_int_equal(stats.flushes, 1);
    for (int i = 0; i < ARENA_BATCH_MAX; i++) {
        assert_ptr_equal(arena_alloc(arena, 16), objects[count - 1 - i]);
    }
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
    assert_int_equal(after.threads, 0);
    arena_destroy(arena);
}

static void
test_reset_forgets_what_was_given_back(void **state)
{
    struct arena *arena = arena_create();
    struct object objects[OBJECTS] = {{0}};
    struct arena_stats stats;

    (void) state;
    for (int i = 0; i < OBJECTS; i++) {
        object_make(&objects[i], arena, 16, 1);
    }
    for (int i = 0; i < OBJECTS; i++) {
        arena_free(arena, objects[i].p, 16);
        objects[i].p = NULL;
    }
    arena_stats(arena, &stats);
    assert_true(stats.flushes > 0);
    arena_reset(arena);
    for (int i = 0; i < OBJECTS; i++) {
        object_make(&objects[i], arena, 16, 1);
        check_apart(objects, &objects[i]);
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

static void *
free_all(void *data)
{
    struct handover *handover = data;

    for (int i = 0; i < THREAD_OBJECTS; i++) {
        arena_free(handover->arena, handover->objects[i], 48);
    }
    return NULL;
}

static void *
alloc_all(void *data)
{
    struct handover *handover = data;

    for (int i = 0; i < THREAD_OBJECTS; i++) {
        handover->objects[i] = arena_alloc(handover->arena, 48);
        assert_non_null(handover->objects[i]);
        memset(handover->objects[i], 1, 48);
    }
    return NULL;
}

/* What another thread had free as it ended is all that is needed then. */
static void
test_thread_end_leaves_its_objects_to_others(void **state)
{
    struct handover handover = {.arena = arena_create()};
    size_t chunks;

    (void) state;
    (void) alloc_all(&handover);
    thread_run(free_all, &handover);
    chunks = stats_of(handover.arena).chunks;
    (void) alloc_all(&handover);
    assert_true(stats_of(handover.arena).chunks <= chunks);
    arena_destroy(handover.arena);
}

/* Threads that come and go take each other's place. */
static void
test_thread_takes_the_place_of_an_ended_one(void **state)
{
    struct handover handover = {.arena = arena_create()};
    size_t chunks;

    (void) state;
    thread_run(alloc_all, &handover);
    thread_run(free_all, &handover);
    chunks = stats_of(handover.arena).chunks;
    for (int i = 0; i < 20; i++) {
        thread_run(alloc_all, &handover);
        thread_run(free_all, &handover);
    }
    assert_int_equal(stats_of(handover.arena).threads, 1);
    assert_int_equal(stats_of(handover.arena).chunks, chunks);
    arena_destroy(handover.arena);
}

/* 4 + 8 + 16 + 32 in batches, and the first of the next one. */
static void *
alloc_61(void *data)
{
    struct handover *handover = data;

    for (int i = 0; i < 61; i++) {
        handover->objects[i] = arena_alloc(handover->arena, 48);
    }
    return NULL;
}

static void
test_thread_end_leaves_its_spans_to_others(void **state)
{
    struct handover handover = {.arena = arena_create()};
    const char *next;
    int found = 0;

    (void) state;
    assert_non_null(arena_alloc(handover.arena, 48));
    thread_run(alloc_61, &handover);
    next = (const char *) handover.objects[60] + 48;
    while (stats_of(handover.arena).chunks == 2) {
        found += arena_alloc(handover.arena, 48) == next;
    }
    assert_int_equal(found, 1);
    arena_destroy(handover.arena);
}

static void *
alloc_and_free(void *data)
{
    struct handover *handover = data;
    char *p = arena_alloc(handover->arena, 48);

    memset(p, 1, 48);
    arena_free(handover->arena, p, 48);
    return NULL;
}

/* Nothing but the arena tells the one that the other has ended. */
static void
test_thread_end_is_seen_without_join(void **state)
{
    struct handover handover = {.arena = arena_create()};
    struct arena_stats stats;
    pthread_t thread;
    int tries = 0;

    /* This thread has its own lists, and so will not take the other's whole. */
    (void) state;
    assert_non_null(arena_alloc(handover.arena, 48));
    assert_int_equal(pthread_create(&thread, NULL, alloc_and_free, &handover),
                     0);
    do {
        assert_true(tries++ < 20000);
        memset(arena_alloc(handover.arena, ARENA_SMALL_MAX), 1, 16);
        usleep(100);
        arena_stats(handover.arena, &stats);
    } while (stats.flushes == 0);
    memset(arena_alloc(handover.arena, 48), 1, 48);
    assert_int_equal(pthread_join(thread, NULL), 0);
    arena_destroy(handover.arena);
}

static void
late_alloc(void *data)
{
    assert_ptr_equal(data, &late);
    if (late.calls++ == 0) {
        /* Whatever the order of destructors: arena's has run by the next. */
        assert_int_equal(pthread_setspecific(late.key, &late), 0);
        return;
    }
    memset(arena_alloc(late.arena, 48), 1, 48);
    arena_destroy(arena_create());
}

static void *
end_late(void *data)
{
    memset(arena_alloc(late.arena, 48), 1, 48);
    assert_int_equal(pthread_setspecific(late.key, data), 0);
    return NULL;
}

/* Others may have taken over by then what the thread held. */
static void
test_alloc_after_the_end_finds_nothing_of_before(void **state)
{
    (void) state;
    late.arena = arena_create();
    late.calls = 0;
    assert_int_equal(pthread_key_create(&late.key, late_alloc), 0);
    thread_run(end_late, &late);
    assert_int_equal(late.calls, 2);
    assert_int_equal(stats_of(late.arena).threads, 1);
    memset(arena_alloc(late.arena, 48), 1, 48);
    assert_int_equal(stats_of(late.arena).threads, 2);
    assert_int_equal(pthread_key_delete(late.key), 0);
    arena_destroy(late.arena);
}

static void *
work(void *data)
{
    struct exchange *exchange = data;
    uint32_t random = SEED;

    for (int step = 0; step < STEPS; step++) {
        size_t i = draw(&random) % OBJECTS;
        struct object mine;
        struct object other;

        object_make(&mine, exchange->arena, draw(&random) % 500,
                    (unsigned char) step);
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

/* Each frees what either has allocated. */
static void
test_alloc_serves_threads_at_once(void **state)
{
    static struct exchange exchange;
    pthread_t threads[2];

    (void) state;
    memset(&exchange, 0, sizeof(exchange));
    exchange.arena = arena_create();
    assert_int_equal(pthread_mutex_init(&exchange.lock, NULL), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, &exchange), 0);
    }
    for (int i = 0; i < 2; i++) {
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

static void *
visit(void *data)
{
    struct guest *guest = data;

    guest->p = arena_alloc(guest->arena, 8);
    memcpy(guest->p, &guest->number, sizeof(guest->number));
    sem_post(guest->arrived);
    sem_wait(guest->may_end);
    return NULL;
}

static void
test_alloc_serves_more_threads_than_have_places(void **state)
{
    struct arena *arena = arena_create();
    struct guest guests[MANY];
    pthread_t threads[MANY];
    sem_t arrived;
    sem_t may_end;

    (void) state;
    assert_int_equal(sem_init(&arrived, 0, 0), 0);
    assert_int_equal(sem_init(&may_end, 0, 0), 0);
    for (int i = 0; i < MANY; i++) {
        guests[i] = (struct guest){arena, &arrived, &may_end, NULL, i};
        assert_int_equal(pthread_create(&threads[i], NULL, visit, &guests[i]),
                         0);
    }
    for (int i = 0; i < MANY; i++) {
        sem_wait(&arrived);
    }
    assert_int_equal(stats_of(arena).threads, MANY);
    for (int i = 0; i < MANY; i++) {
        sem_post(&may_end);
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_memory_equal(guests[i].p, &i, sizeof(i));
    }
    sem_destroy(&arrived);
    sem_destroy(&may_end);
    arena_destroy(arena);
}

/* Arenas that share a thread's slot put each other out of it. */
static void
test_alloc_finds_many_arenas(void **state)
{
    struct arena *arenas[ARENAS];
    struct object objects[ARENAS][10];

    (void) state;
    for (int i = 0; i < ARENAS; i++) {
        arenas[i] = arena_create();
    }
    for (int n = 0; n < 10; n++) {
        for (int i = 0; i < ARENAS; i++) {
            object_make(&objects[i][n], arenas[i], 100, (unsigned char) i);
        }
    }
    for (int i = 0; i < ARENAS; i++) {
        assert_int_equal(stats_of(arenas[i]).threads, 1);
        for (int n = 0; n < 10; n++) {
            check_fill(&objects[i][n]);
        }
        arena_destroy(arenas[i]);
    }
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_class_size_rises_and_wastes_an_eighth),
        cmocka_unit_test(test_alloc_aligns_every_size),
        cmocka_unit_test(test_alloc_keeps_live_objects_apart),
        cmocka_unit_test(test_free_is_allocated_again_first),
        cmocka_unit_test(test_refill_grows_its_batches),
        cmocka_unit_test(test_refill_takes_few_large_objects),
        cmocka_unit_test(test_refill_loses_nothing_of_a_chunk),
        cmocka_unit_test(test_free_keeps_two_batches),
        cmocka_unit_test(test_reset_keeps_chunks_and_no_objects),
        cmocka_unit_test(test_reset_forgets_what_was_given_back),
        cmocka_unit_test(test_alloc_refuses_what_wraps),
        cmocka_unit_test(test_thread_end_leaves_its_objects_to_others),
        cmocka_unit_test(test_thread_takes_the_place_of_an_ended_one),
        cmocka_unit_test(test_thread_end_leaves_its_spans_to_others),
        cmocka_unit_test(test_thread_end_is_seen_without_join),
        cmocka_unit_test(test_alloc_after_the_end_finds_nothing_of_before),
        cmocka_unit_test(test_alloc_serves_threads_at_once),
        cmocka_unit_test(test_alloc_serves_more_threads_than_have_places),
        cmocka_unit_test(test_alloc_finds_many_arenas),
        cmocka_unit_test(test_create_knows_nothing_of_the_dead),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
