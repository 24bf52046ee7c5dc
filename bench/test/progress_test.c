/* Rounds that are written, and read into another plan of the same rows. */
#include "write/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    ROWS = 4,
    ROUNDS = 3,
    FILE_SIZE = 65536,
    FAILING = 2, /* the row that fails in the last round */
};

static struct results results;

static int
folder_make(void **state)
{
    (void) state;
    strcpy(results.path, "/tmp/progress_test_XXXXXX");
    return mkdtemp(results.path) != NULL ? 0 : -1;
}

static int
folder_remove(void **state)
{
    (void) state;
    progress_end(&results);
    return rmdir(results.path);
}

static struct plan *
plan_make(void)
{
    /* A distribution's file may have a space in its name. */
    static const char *const names[ROWS] = {
        "fill/pool/lognormal/100",
        "fill/pool/my sizes/100",
        "fill/pool/my sizes/1000",
        "shim/bare/1024",
    };
    struct plan *plan = calloc(1, sizeof(*plan));

    assert_non_null(plan);
    plan->count = ROWS;
    plan->rows = calloc(ROWS, sizeof(*plan->rows));
    assert_non_null(plan->rows);
    for (size_t i = 0; i < ROWS; i++) {
        strcpy(plan->rows[i].name, names[i]);
        plan->rows[i].wants_latency = i < 2;
    }
    return plan;
}

/* The readings of a round, with figures that few decimal digits cannot show. */
static void
plan_measure(struct plan *plan, int round)
{
    for (size_t i = 0; i < ROWS; i++) {
        struct row *row = &plan->rows[i];
        double third = (double) (i + 1) / 3 + round;

        row->slices = 2 * (int) (i % 3) + 1;
        row->iterations = INT64_MAX - (int64_t) i;
        row->expected_ns = third * 1e-9;
        row->seconds = third;
        row->readings[round] = (struct reading){
            .iterations = 1 + (int64_t) i,
            .real_ns = third * 1e9,
            .cpu_ns = third / 7,
            .items_per_second = third * 1e300,
            .bytes_per_second = i == 3 ? 0 : third * 1e-300,
            .first_half_ns = third + 1e-9,
            .second_half_ns = 1 / third,
            .page_faults = 0.1,
        };
        for (size_t j = 0; row->wants_latency && j < 100; j++) {
            latency_add(row->latency, (j * j + i) << round);
        }
    }
}

static struct rounds
rounds_of(int complete)
{
    return (struct rounds){.seed = UINT64_MAX,
                           .wanted = ROUNDS,
                           .layouts = BENCH_LAYOUTS,
                           .complete = complete,
                           .elapsed = complete / 3.0};
}

/* A plan with all rounds, of which each has its file. */
static struct plan *
plan_keep(void)
{
    static char words[][16] = {"bench", "--filter", "a b'\"\\", ""};
    static char *argv[] = {words[0], words[1], words[2], words[3], NULL};
    struct rounds rounds = rounds_of(0);
    struct plan *plan = plan_make();

    results.argc = 4;
    results.argv = argv;
    assert_int_equal(rounds_allocate(&rounds, plan), 0);
    assert_int_equal(progress_begin(&results, &rounds), 0);
    for (int round = 0; round < ROUNDS; round++) {
        rounds = rounds_of(round + 1);
        plan_measure(plan, round);
        if (round == ROUNDS - 1) {
            strcpy(plan->rows[FAILING].reason, "an allocation failed");
        }
        assert_int_equal(progress_keep(&rounds, plan, round, &results), 0);
    }
    return plan;
}

static void
assert_same_row(const struct row *a, const struct row *b)
{
    assert_string_equal(a->reason, b->reason);
    assert_int_equal(a->wants_latency, b->wants_latency);
    if (a->wants_latency) {
        assert_memory_equal(a->latency, b->latency, sizeof(*a->latency));
    }
    if (a->reason[0] != '\0') {
        return;
    }
    assert_int_equal(a->slices, b->slices);
    assert_int_equal(a->iterations, b->iterations);
    assert_float_equal(a->expected_ns, b->expected_ns, 0);
    assert_float_equal(a->seconds, b->seconds, 0);
    assert_memory_equal(a->readings, b->readings,
                        ROUNDS * sizeof(*a->readings));
}

static void
test_rounds_are_read_as_they_were_written(void **state)
{
    struct plan *written = plan_keep();
    struct plan *read = plan_make();
    struct rounds rounds = rounds_of(0);

    (void) state;
    assert_int_equal(progress_load(&results, &rounds, read), 0);
    assert_int_equal(rounds.complete, ROUNDS);
    assert_float_equal(rounds.elapsed, ROUNDS / 3.0, 0);
    for (size_t i = 0; i < ROWS; i++) {
        assert_same_row(&written->rows[i], &read->rows[i]);
    }
    plan_destroy(written);
    plan_destroy(read);
}

static void
test_start_is_read_as_it_was_written(void **state)
{
    struct progress progress;

    (void) state;
    plan_destroy(plan_keep());
    assert_int_equal(progress_open(&progress, results.path), 0);
    assert_true(progress.seed == UINT64_MAX);
    assert_int_equal(progress.layouts, BENCH_LAYOUTS);
    assert_int_equal(progress.wanted, ROUNDS);
    assert_int_equal(progress.argc, results.argc);
    for (int i = 0; i < progress.argc; i++) {
        assert_string_equal(progress.argv[i], results.argv[i]);
    }
    assert_null(progress.argv[progress.argc]);
    progress_done(&progress);
}

/* stderr goes nowhere until quiet_end(). */
static int
quiet_begin(void)
{
    int before = dup(STDERR_FILENO);
    int nowhere = open("/dev/null", O_WRONLY);

    assert_true(before >= 0 && nowhere >= 0);
    assert_true(dup2(nowhere, STDERR_FILENO) >= 0);
    close(nowhere);
    return before;
}

static void
quiet_end(int before)
{
    fflush(stderr);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    close(before);
}

static size_t
file_read(const char *name, char *path, char *text)
{
    size_t size;
    FILE *file;

    snprintf(path, RESULTS_PATH_MAX, "%.4000s/rounds/%s", results.path, name);
    file = fopen(path, "r");
    assert_non_null(file);
    size = fread(text, 1, FILE_SIZE, file);
    assert_in_range(size, 1, FILE_SIZE - 1);
    fclose(file);
    return size;
}

static void
file_write(const char *path, const char *text, size_t size)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static int
load_again(void)
{
    struct rounds rounds = rounds_of(0);
    struct plan *plan = plan_make();
    int err = progress_load(&results, &rounds, plan);

    plan_destroy(plan);
    return err;
}

static int
open_again(void)
{
    struct progress progress;
    int err = progress_open(&progress, results.path);

    if (err == 0) {
        progress_done(&progress);
    }
    return err;
}

/* Without its very last byte, a line's end; and cut at some bytes before. */
static void
assert_no_part_is_read(const char *name, int (*again)(void))
{
    static char text[FILE_SIZE];
    char path[RESULTS_PATH_MAX];
    size_t size = file_read(name, path, text);
    int quiet = quiet_begin();
    size_t read_at = size;

    for (size_t left = 2; left <= size; left += left < 200 ? 1 : 19) {
        size_t cut = size - left;

        file_write(path, text, cut);
        if (again() != -EINVAL) {
            read_at = cut;
        }
    }
    quiet_end(quiet);
    assert_int_equal(read_at, size);
    file_write(path, text, size);
    assert_int_equal(again(), 0);
}

static void
test_files_that_are_cut_are_refused(void **state)
{
    (void) state;
    plan_destroy(plan_keep());
    assert_no_part_is_read("run", open_again);
    assert_no_part_is_read("0001", load_again);
}

/* Takes the line out that text's nth line's end is followed by. */
static size_t
line_remove(char *text, size_t size, int number)
{
    char *line = text;
    char *end;

    while (number-- > 0) {
        line = memchr(line, '\n', size - (size_t) (line - text));
        assert_non_null(line);
        line++;
    }
    end = memchr(line, '\n', size - (size_t) (line - text));
    assert_non_null(end);
    memmove(line, end + 1, size - (size_t) (end + 1 - text));
    return size - (size_t) (end + 1 - line);
}

static void
test_rounds_of_other_rows_are_refused(void **state)
{
    static char text[FILE_SIZE];
    static char less[FILE_SIZE];
    char path[RESULTS_PATH_MAX];
    size_t size;

    (void) state;
    plan_destroy(plan_keep());
    size = file_read("0001", path, text);

    /* The time, two rows with latencies, two without, the end. */
    for (int line = 0; line < 1 + 2 * 2 + 2 + 1; line++) {
        memcpy(less, text, size);
        file_write(path, less, line_remove(less, size, line));
        assert_int_equal(load_again(), -EINVAL);
    }

    /* A row more. */
    memcpy(less, text, size);
    memcpy(less + size - strlen("end\n"), "row shim/c/1 1\nend\n",
           strlen("row shim/c/1 1\nend\n"));
    file_write(path, less, size + strlen("row shim/c/1 1\n"));
    assert_int_equal(load_again(), -EINVAL);
}

static void
test_missing_files_are_named(void **state)
{
    char path[RESULTS_PATH_MAX];
    static char text[FILE_SIZE];
    struct rounds rounds = rounds_of(0);
    struct plan *plan;

    (void) state;
    plan_destroy(plan_keep());
    file_read("0001", path, text);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(load_again(), -ENOENT);

    /* The last ones were not written yet. */
    file_read("0002", path, text);
    assert_int_equal(unlink(path), 0);
    plan = plan_make();
    assert_int_equal(progress_load(&results, &rounds, plan), 0);
    assert_int_equal(rounds.complete, 1);
    plan_destroy(plan);

    file_read("run", path, text);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(open_again(), -ENOENT);
}

static void
test_begin_removes_earlier_rounds(void **state)
{
    struct rounds rounds = rounds_of(0);
    struct plan *plan = plan_keep();

    (void) state;
    assert_int_equal(progress_begin(&results, &rounds), 0);
    plan_destroy(plan);
    plan = plan_make();
    assert_int_equal(progress_load(&results, &rounds, plan), 0);
    assert_int_equal(rounds.complete, 0);
    plan_destroy(plan);
}

/* A link to a full device stands where the file is made. */
static void
test_full_disk_leaves_earlier_rounds(void **state)
{
    char path[RESULTS_PATH_MAX];
    struct rounds rounds = rounds_of(1);
    struct plan *plan = plan_keep();

    (void) state;
    snprintf(path, sizeof(path), "%.4000s/rounds/0000.tmp", results.path);
    assert_int_equal(symlink("/dev/full", path), 0);
    assert_int_equal(progress_keep(&rounds, plan, 0, &results), -ENOSPC);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(load_again(), 0);
    plan_destroy(plan);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_begin_removes_earlier_rounds,
                                        folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_files_that_are_cut_are_refused,
                                        folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_full_disk_leaves_earlier_rounds,
                                        folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_missing_files_are_named,
                                        folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(
            test_rounds_are_read_as_they_were_written, folder_make,
            folder_remove),
        cmocka_unit_test_setup_teardown(test_rounds_of_other_rows_are_refused,
                                        folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_start_is_read_as_it_was_written,
                                        folder_make, folder_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
