/*
 * Uses of an arena's memory that is not allocated. Compiled with
 * AddressSanitizer: each is made in a child process, whose report must name the
 * very address.
 */
#include "arena/arena.h"

#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    REPORT_SIZE = 4096, /* of a report, its begin */
};

typedef void (*misuse_fn)(struct arena *arena, volatile char *p);

/* The data that one thread hands to another. */
struct handover {
    struct arena *arena;
    char *p;
};

static void
touch(struct arena *arena, volatile char *p)
{
    (void) arena;
    *p = 1;
}

static void
free_20(struct arena *arena, volatile char *p)
{
    arena_free(arena, (void *) (uintptr_t) (p - 19), 20);
}

static void
free_larger(struct arena *arena, volatile char *p)
{
    arena_free(arena, (void *) (uintptr_t) (p - 199), 200);
}

/* Writes the report of a child that misuses p, and how the child ended. */
static int
misuse(misuse_fn function, struct arena *arena, volatile char *p, char *report)
{
    int ends[2];
    int status;
    size_t size = 0;
    ssize_t got;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        function(arena, p);
        _exit(0);
    }
    close(ends[1]);
    while (size < REPORT_SIZE - 1 &&
           (got = read(ends[0], report + size, REPORT_SIZE - 1 - size)) > 0) {
        size += (size_t) got;
    }
    report[size] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void
check_reported(misuse_fn function, struct arena *arena, volatile char *p)
{
    char report[REPORT_SIZE];
    char expected[64];
    int status = misuse(function, arena, p, report);

    snprintf(expected, sizeof(expected),
             "use-after-poison on address 0x%012" PRIxPTR " ", (uintptr_t) p);
    assert_int_not_equal(status, 0);
    if (strstr(report, expected) == NULL) {
        fail_msg("no \"%s\" in: %s", expected, report);
    }
}

static void
test_use_past_an_object_is_reported(void **state)
{
    struct arena *arena = arena_create();

    (void) state;
    for (size_t size = 0; size <= 300; size++) {
        char *p = arena_alloc(arena, size);

        memset(p, 1, size);
        if (size % 50 == 3) {
            check_reported(touch, arena, p + size);
            arena_free(arena, p, size);
            assert_ptr_equal(arena_alloc(arena, size - 1), p);
            check_reported(touch, arena, p + size - 1);
        }
    }
    arena_destroy(arena);
}

static void
test_use_after_free_is_reported(void **state)
{
    struct arena *arena = arena_create();
    char *p = arena_alloc(arena, 20);

    (void) state;
    arena_free(arena, p, 20);
    check_reported(touch, arena, p);
    check_reported(touch, arena, p + 19);
    arena_destroy(arena);
}

static void *
free_on_thread(void *data)
{
    struct handover *handover = data;

    arena_free(handover->arena, handover->p, 20);
    return NULL;
}

/* The other thread has no lists of this arena. */
static void
test_use_after_free_by_another_thread_is_reported(void **state)
{
    struct handover handover = {.arena = arena_create()};
    pthread_t thread;

    (void) state;
    handover.p = arena_alloc(handover.arena, 20);
    assert_int_equal(pthread_create(&thread, NULL, free_on_thread, &handover),
                     0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    check_reported(touch, handover.arena, handover.p);
    arena_destroy(handover.arena);
}

static void
test_free_twice_is_reported(void **state)
{
    struct arena *arena = arena_create();
    char *p = arena_alloc(arena, 20);

    (void) state;
    arena_free(arena, p, 20);
    check_reported(free_20, arena, p + 19);
    arena_destroy(arena);
}

static void
test_free_of_a_larger_size_is_reported(void **state)
{
    struct arena *arena = arena_create();
    char *p = arena_alloc(arena, 20);

    (void) state;
    check_reported(free_larger, arena, p + 199);
    arena_destroy(arena);
}

static void
test_use_after_reset_is_reported(void **state)
{
    struct arena *arena = arena_create();
    char *objects[1000];

    (void) state;
    for (int i = 0; i < 1000; i++) {
        objects[i] = arena_alloc(arena, 100);
    }
    arena_reset(arena);
    check_reported(touch, arena, objects[0]);
    check_reported(touch, arena, objects[999]);
    arena_destroy(arena);
}

/* The chunks are kept, not freed. */
static void
test_use_after_destroy_is_reported(void **state)
{
    struct arena *arena = arena_create();
    char *p = arena_alloc(arena, 100);

    (void) state;
    arena_destroy(arena);
    check_reported(touch, arena, p);
}

/* Of an object that is allocated again all bytes may be used, in any size. */
static void
test_use_of_what_lives_is_not_reported(void **state)
{
    struct arena *arena = arena_create();
    char report[REPORT_SIZE];

    (void) state;
    for (size_t size = 1; size <= ARENA_SMALL_MAX; size += 13) {
        size_t most = (size + 15) / 16 * 16; /* of the same class */
        char *p = arena_alloc(arena, most);

        arena_free(arena, p, most);
        assert_ptr_equal(arena_alloc(arena, size), p);
        memset(p, 1, size);
        if (size % 500 == 1) {
            assert_int_equal(misuse(touch, arena, p + size - 1, report), 0);
            assert_string_equal(report, "");
        }
    }
    arena_destroy(arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_use_past_an_object_is_reported),
        cmocka_unit_test(test_use_after_free_is_reported),
        cmocka_unit_test(test_use_after_free_by_another_thread_is_reported),
        cmocka_unit_test(test_free_twice_is_reported),
        cmocka_unit_test(test_free_of_a_larger_size_is_reported),
        cmocka_unit_test(test_use_after_reset_is_reported),
        cmocka_unit_test(test_use_after_destroy_is_reported),
        cmocka_unit_test(test_use_of_what_lives_is_not_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
