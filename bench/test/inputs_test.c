/* Sizes and traces, as another process finds them in shared memory. */
#include "plan/inputs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    PATH_SIZE = 256,
    PERIOD = 6,
    OTHER_FD = 200, /* the descriptor under which a process finds them */
};

static const char *const traces[] = {
    "create p0 1024\npalloc p0 100\npalloc p0 4096\nfree #0\ndestroy p0\n",
    "create p0 512\ncreate p1 512\npnalloc p1 7\npcalloc p0 64\n",
};

enum {
    TRACES = sizeof(traces) / sizeof(traces[0]),
};

static char folder[] = "/tmp/inputs_test_XXXXXX";

static struct replay *
trace_load(size_t number)
{
    char path[PATH_SIZE];
    char error[REPLAY_ERROR_MAX];
    FILE *file;
    struct replay *replay;

    snprintf(path, sizeof(path), "%s/trace_%zu.ops", folder, number);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(traces[number], file) >= 0);
    assert_int_equal(fclose(file), 0);
    replay = replay_create(path, error);
    assert_int_equal(unlink(path), 0);
    assert_non_null(replay);
    return replay;
}

static int
is_same_samples(const struct samples *samples, const struct sizes *sizes)
{
    uint32_t *sampled = calloc(samples->period, sizeof(*sampled));
    uint64_t sum = 0;
    int same = sampled != NULL &&
               samples->period == sizes_period(sizes, samples->period);

    if (same) {
        sizes_sample(sizes, sampled, samples->period);
    }
    for (size_t i = 0; same && i < samples->period; i++) {
        same = samples->sizes[i] == sampled[i] && samples->sums[i] == sum;
        sum += sampled[i];
    }
    same = same && samples->sums[samples->period] == sum;
    free(sampled);
    return same;
}

/* Padding of an op is not compared. */
static int
is_same_op(const struct replay_op *a, const struct replay_op *b)
{
    return a->code == b->code && a->region == b->region &&
           a->object == b->object && a->other == b->other && a->size == b->size;
}

/* All but where the ops lie, then the ops. */
static int
is_same_trace(const struct replay *a, const struct replay *b)
{
    struct replay left;
    struct replay right;
    int same;

    memcpy(&left, a, sizeof(left));
    memcpy(&right, b, sizeof(right));
    memset(left.ops, 0, sizeof(left.ops));
    memset(right.ops, 0, sizeof(right.ops));
    same = memcmp(&left, &right, sizeof(left)) == 0;
    for (size_t executor = 0; executor < REPLAY_FOR && same; executor++) {
        same = a->counts[executor] == b->counts[executor] &&
               a->counts[executor] != 0;
        for (size_t i = 0; same && i < a->counts[executor]; i++) {
            same = is_same_op(&a->ops[executor][i], &b->ops[executor][i]);
        }
    }
    return same;
}

static int
is_same(const struct inputs *inputs, struct sizes *const *sizes, size_t count,
        struct replay *const *list)
{
    int same = inputs->samples_count == count && inputs->traces_count == TRACES;

    for (size_t i = 0; same && i < count; i++) {
        same = is_same_samples(&inputs->samples[i], sizes[i]);
    }
    for (size_t i = 0; same && i < TRACES; i++) {
        same = is_same_trace(&inputs->traces[i], list[i]);
    }
    return same;
}

/* In a process that knows them by the descriptor alone. */
static int
is_same_elsewhere(int fd, struct sizes *const *sizes, size_t count,
                  struct replay *const *list)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        struct inputs opened;
        int same = dup2(fd, OTHER_FD) == OTHER_FD && close(fd) == 0 &&
                   inputs_open(&opened, OTHER_FD) == 0 &&
                   is_same(&opened, sizes, count, list);

        if (same) {
            inputs_done(&opened);
            same = fcntl(OTHER_FD, F_GETFD) == -1;
        }
        _exit(same ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

static void
test_inputs_are_the_same_in_another_process(void **state)
{
    char error[SIZES_ERROR_MAX];
    size_t count;
    struct sizes **sizes = sizes_list_create(BENCH_SIZES_DIR, &count, error);
    struct replay *list[TRACES + 1] = {NULL};
    struct inputs inputs;

    (void) state;
    assert_non_null(sizes);
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < TRACES; i++) {
        list[i] = trace_load(i);
    }
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(inputs_init(&inputs, sizes, count, list), 0);
    assert_true(is_same(&inputs, sizes, count, list));
    assert_true(is_same_elsewhere(inputs.fd, sizes, count, list));

    inputs_done(&inputs);
    for (size_t i = 0; i < TRACES; i++) {
        replay_destroy(list[i]);
    }
    sizes_list_destroy(sizes, count);
}

static void
test_inputs_may_be_none(void **state)
{
    struct replay *const none[] = {NULL};
    struct inputs inputs = {0};

    (void) state;
    inputs_done(&inputs);
    assert_int_equal(inputs_init(&inputs, NULL, 0, none), 0);
    assert_int_equal(inputs.samples_count, 0);
    assert_int_equal(inputs.traces_count, 0);
    inputs_done(&inputs);
}

static void
test_inputs_of_no_descriptor_fail(void **state)
{
    struct inputs inputs;

    (void) state;
    assert_int_equal(inputs_open(&inputs, -1), -EBADF);
}

/* As it is added up sample by sample. */
static void
test_sum_goes_around(void **state)
{
    static const uint32_t sizes[PERIOD] = {1, 20, 300, 4000, 50000, 600000};
    uint64_t sums[PERIOD + 1] = {0};
    const struct samples samples = {sizes, sums, PERIOD};

    (void) state;
    for (size_t i = 0; i < PERIOD; i++) {
        sums[i + 1] = sums[i] + sizes[i];
    }
    for (size_t at = 0; at < PERIOD; at++) {
        uint64_t sum = 0;

        for (size_t n = 0; n < 4 * PERIOD; n++) {
            assert_int_equal(samples_sum(&samples, at, n), sum);
            sum += sizes[(at + n) % PERIOD];
        }
    }
}

static void
test_largest_is_that_of_any_start(void **state)
{
    static const uint32_t sizes[PERIOD] = {5, 1, 1, 1, 9, 7};
    uint64_t sums[PERIOD + 1] = {0};
    const struct samples samples = {sizes, sums, PERIOD};

    (void) state;
    for (size_t i = 0; i < PERIOD; i++) {
        sums[i + 1] = sums[i] + sizes[i];
    }
    assert_int_equal(samples_largest(&samples, 1), 9);
    assert_int_equal(samples_largest(&samples, 3), 21); /* goes around */
    assert_int_equal(samples_largest(&samples, PERIOD), 24);
    assert_int_equal(samples_largest(&samples, PERIOD + 1), 33);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inputs_are_the_same_in_another_process),
        cmocka_unit_test(test_inputs_may_be_none),
        cmocka_unit_test(test_inputs_of_no_descriptor_fail),
        cmocka_unit_test(test_largest_is_that_of_any_start),
        cmocka_unit_test(test_sum_goes_around),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
