/* Recorded programs, loaded and done to allocators. */
#include "plan/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "allocators/adapters.h"

enum {
    PATH_SIZE = 256,
    LOG_SIZE = 4096,
};

static char folder[] = "/tmp/replay_test_XXXXXX";

/* The calls of the allocator below, in words. */
static char log_text[LOG_SIZE];
static size_t log_size;
static unsigned char memory[1024 * 1024];
static size_t memory_used;
static size_t allocs_left; /* before one fails */

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void
note(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_size += (size_t) vsnprintf(log_text + log_size, LOG_SIZE - log_size,
                                   format, arguments);
    va_end(arguments);
    assert_true(log_size < LOG_SIZE);
}

static void
note_start(void)
{
    log_size = 0;
    log_text[0] = '\0';
    memory_used = 0;
    allocs_left = SIZE_MAX;
}

static void *
log_create(void *library, size_t size, size_t count)
{
    (void) library;
    note("create %zu in %zu; ", size, count);
    return memory + memory_used;
}

static void *
log_alloc(void *state, size_t size)
{
    void *p = memory + memory_used;

    (void) state;
    if (allocs_left-- == 0) {
        return NULL;
    }
    note("alloc %zu; ", size);
    memory_used += size + 1;
    return p;
}

static void
log_free(void *state, void *p)
{
    (void) state;
    note("free at %zu; ", (size_t) ((unsigned char *) p - memory));
}

static void
log_reset(void *state)
{
    (void) state;
    note("reset; ");
}

static void
log_destroy(void *state)
{
    (void) state;
    note("destroy; ");
}

static int
log_replay_region(struct region *region)
{
    return replay_with(region, log_alloc, log_free);
}

static const struct allocator logs_regions = {
    .name = "logs_regions",
    .kind = ALLOCATOR_REGION,
    .create = log_create,
    .alloc = log_alloc,
    .free_early = log_free,
    .replay = log_replay_region,
    .reset = log_reset,
    .destroy = log_destroy,
};

static const struct allocator logs_objects = {
    .name = "logs_objects",
    .kind = ALLOCATOR_GENERAL,
    .create = log_create,
    .alloc = log_alloc,
    .free = log_free,
    .replay = log_replay_region,
    .destroy = log_destroy,
};

static const char *
write_file(const char *name, const char *text)
{
    static char path[PATH_SIZE];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    return path;
}

static struct replay *
load(const char *text)
{
    char error[REPLAY_ERROR_MAX];
    struct replay *replay = replay_create(write_file("t.ops", text), error);

    assert_non_null(replay);
    return replay;
}

/* The calls that the allocator gets, once plainly or once checked. */
static const char *
calls_of(const struct replay *replay, const struct allocator *allocator,
         int is_checked)
{
    static void *states[16];
    static void *objects[64];
    static size_t sizes[64];
    struct replay_run run = {
        .replay = replay, .states = states, .objects = objects, .sizes = sizes};
    struct region region = {.allocator = allocator, .own = &run};

    note_start();
    assert_int_equal(
        is_checked ? replay_check(&region) : allocator->replay(&region), 0);
    if (is_checked) {
        assert_true(run.is_valid);
        replay_end(&region);
    }
    return log_text;
}

static const char nested[] = "create p0 1024\n"
                             "create_child p1 #0 1024\n"
                             "palloc p1 10\n"
                             "pcalloc p0 20\n"
                             "palloc p0 5000\n"
                             "free #0\n"
                             "free #1\n"
                             "reset p0\n"
                             "palloc p0 30\n"
                             "resize #0 40\n";

static void
test_regions_free_what_is_large_alone(void **state)
{
    struct replay *replay = load(nested);

    (void) state;
    for (int is_checked = 0; is_checked < 2; is_checked++) {
        assert_string_equal(calls_of(replay, &logs_regions, is_checked),
                            "create 5020 in 2; create 10 in 1; alloc 10; "
                            "alloc 20; alloc 5000; free at 32; destroy; "
                            "reset; alloc 30; alloc 40; destroy; ");
    }
    replay_destroy(replay);
}

static void
test_objects_are_freed_with_their_region(void **state)
{
    struct replay *replay = load(nested);

    (void) state;
    for (int is_checked = 0; is_checked < 2; is_checked++) {
        assert_string_equal(calls_of(replay, &logs_objects, is_checked),
                            "create 5020 in 2; create 10 in 1; alloc 10; "
                            "alloc 20; alloc 5000; free at 32; free at 11; "
                            "free at 0; destroy; alloc 30; alloc 40; "
                            "free at 5033; free at 5064; destroy; ");
    }
    replay_destroy(replay);
}

static void
test_replay_counts_what_is_held(void **state)
{
    struct replay *replay = load(nested);

    (void) state;
    assert_int_equal(replay->allocations, 5);
    assert_int_equal(replay->bytes, 5100);
    assert_int_equal(replay->largest, 5000);
    assert_int_equal(replay->live, 5030);
    assert_int_equal(replay->held, 5030);
    assert_int_equal(replay->regions, 2);
    assert_string_equal(replay->name, "t");
    replay_destroy(replay);

    replay = load("create p0 1024\npalloc p0 4096\nfree #0\npalloc p0 100\n"
                  "free #0\npalloc p0 100\n");
    assert_int_equal(replay_held(replay, &logs_objects), 4096);
    assert_int_equal(replay_held(replay, &logs_regions), 4096);
    assert_int_equal(replay_held(replay, &allocator_bump_memory), 4296);
    replay_destroy(replay);
}

static void
test_moved_objects_are_copied_by_regions(void **state)
{
    struct replay *replay = load("create p0 1024\ncreate p1 1024\n"
                                 "palloc p0 9\nsteal p1 #0\ndestroy p0\n");

    (void) state;
    assert_string_equal(calls_of(replay, &logs_regions, 0),
                        "create 9 in 1; create 9 in 1; alloc 9; alloc 9; "
                        "destroy; destroy; ");
    assert_string_equal(calls_of(replay, &logs_objects, 0),
                        "create 9 in 1; create 9 in 1; alloc 9; destroy; "
                        "free at 0; destroy; ");
    assert_int_equal(replay_held(replay, &allocator_bump_memory), 18);
    replay_destroy(replay);
}

/* times of text, between before and after. */
static struct replay *
load_repeated(const char *before, const char *text, int times,
              const char *after)
{
    char all[LOG_SIZE] = "";

    strcat(all, before);
    while (times-- != 0) {
        assert_true(strlen(all) + strlen(text) + strlen(after) < LOG_SIZE);
        strcat(all, text);
    }
    strcat(all, after);
    return load(all);
}

/* The part that is repeated, the state in which it begins, and its allocations.
 */
static void
test_requests_are_what_can_be_repeated(void **state)
{
    static const struct {
        const char *before;
        const char *text;
        const char *after;
        int times;
        size_t allocations; /* of the requests */
    } cases[] = {
        /* A region a request, and one that lives on. */
        {"create p0 1024\npalloc p0 9\n",
         "create p1 1024\npalloc p1 8\npalloc p1 8\ndestroy p1\n",
         "palloc p0 9\n", 10, 20},
        /* Too few for a server. */
        {"create p0 1024\npalloc p0 9\n",
         "create p1 1024\npalloc p1 8\npalloc p1 8\ndestroy p1\n",
         "palloc p0 9\n", 7, 0},
        /* One region that is empty at first and after each reset. */
        {"create p0 1024\npalloc p0 9\n", "reset p0\npalloc p0 8\n",
         "palloc p0 9\n", 10, 10},
        /* One region that grows. */
        {"create p0 1024\n", "palloc p0 8\n", "", 10, 0},
        /* It grows for a region allocator, not for a general one. */
        {"create p0 1024\n", "palloc p0 8\nfree #0\n", "", 10, 0},
        {"create p0 1024\n",
         "create p1 1024\npalloc p1 8\nsteal p0 #0\nfree #0\ndestroy p1\n", "",
         10, 0},
        /* The same region allocates in each. */
        {"create p0 1024\n", "create p1 64\npalloc p0 8\ndestroy p1\n", "", 10,
         0},
        /* It is all there is. */
        {"", "create p0 1024\npalloc p0 8\nresize #0 9\ndestroy p0\n", "", 10,
         20},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct replay *replay = load_repeated(cases[i].before, cases[i].text,
                                              cases[i].times, cases[i].after);

        assert_int_equal(replay->request_allocations, cases[i].allocations);
        for (size_t executor = 0; executor < REPLAY_FOR; executor++) {
            const struct replay_span *spans = replay->spans[executor];

            assert_int_equal(spans[REPLAY_BEFORE].from, 0);
            assert_int_equal(spans[REPLAY_BEFORE].until,
                             spans[REPLAY_REQUESTS].from);
            assert_int_equal(spans[REPLAY_REQUESTS].until,
                             spans[REPLAY_AFTER].from);
            assert_int_equal(spans[REPLAY_AFTER].until,
                             replay->counts[executor]);
            assert_int_equal(spans[REPLAY_WHOLE].from, 0);
            assert_int_equal(spans[REPLAY_WHOLE].until,
                             replay->counts[executor]);
        }
        replay_destroy(replay);
    }
}

/* After any failure, all regions that are there are ended. */
static void
test_replay_ends_what_failed(void **state)
{
    struct replay *replay = load(nested);
    void *states[16] = {NULL};
    void *objects[64];
    struct replay_run run = {
        .replay = replay, .states = states, .objects = objects};
    struct region region = {.allocator = &logs_regions, .own = &run};

    (void) state;
    note_start();
    allocs_left = 1;
    assert_int_equal(logs_regions.replay(&region), -ENOMEM);
    replay_clear(&region);
    assert_string_equal(log_text, "create 5020 in 2; create 10 in 1; "
                                  "alloc 10; destroy; destroy; ");
    replay_destroy(replay);
}

/* An allocator that gives every object the same address fails the check. */
static void
test_check_finds_changed_contents(void **state)
{
    struct replay *replay =
        load("create p0 1024\npalloc p0 9\npalloc p0 9\nfree #1\n");
    struct replay_run run = {.replay = replay};
    struct region region = {.allocator = &allocator_null, .own = &run};
    void *states[2] = {NULL};
    void *objects[3];
    size_t sizes[3];

    (void) state;
    run.states = states;
    run.objects = objects;
    run.sizes = sizes;
    assert_int_equal(replay_check(&region), 0);
    assert_false(run.is_valid);
    replay_end(&region);
    replay_destroy(replay);
}

static void
test_bad_files_are_named(void **state)
{
    static const struct {
        const char *name;
        const char *text;
        const char *error;
    } cases[] = {
        {"bad.trace", "\t", "bad.trace: offset 0: found version 9"},
        {"cut.trace", "\002\005", "cut.trace: offset 1: found 1 bytes of"},
        {"bad.ops", "nop\nnop 1\n", "bad.ops: line 2: expected an op"},
        {"none.ops", "nop\n", "none.ops: found no allocation in 1 ops"},
    };
    char error[REPLAY_ERROR_MAX];

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_null(
            replay_create(write_file(cases[i].name, cases[i].text), error));
        assert_non_null(strstr(error, cases[i].error));
        assert_int_equal(strncmp(error, folder, strlen(folder)), 0);
    }
    assert_null(replay_create("/nowhere/at.all", error));
    assert_string_equal(error, "/nowhere/at.all: No such file or directory");
}

static int
setup(void **state)
{
    (void) state;
    return mkdtemp(folder) == NULL;
}

static int
teardown(void **state)
{
    static const char *const names[] = {"t.ops", "bad.trace", "cut.trace",
                                        "bad.ops", "none.ops"};
    char path[PATH_SIZE];

    (void) state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        (void) unlink(path);
    }
    return rmdir(folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regions_free_what_is_large_alone),
        cmocka_unit_test(test_objects_are_freed_with_their_region),
        cmocka_unit_test(test_replay_counts_what_is_held),
        cmocka_unit_test(test_requests_are_what_can_be_repeated),
        cmocka_unit_test(test_moved_objects_are_copied_by_regions),
        cmocka_unit_test(test_replay_ends_what_failed),
        cmocka_unit_test(test_check_finds_changed_contents),
        cmocka_unit_test(test_bad_files_are_named),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
