/*
 * Each workload on each allocator that there is: all contents are as they were
 * written, or the workload says why it cannot be done. workload_test checks the
 * calls of the workloads.
 */
#include "measure/row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "measured.h"

/* The data that all rows are made from. */
static struct sizes **sizes;
static size_t sizes_count;
static struct inputs inputs;
static struct contenders contenders;
static void **pointers;

/* The result of the row that ran last. */
static char error[ROW_REASON_MAX];
static int64_t iterations;

enum {
    POINTERS = 100000,
};

static size_t
sizes_at(const char *name, size_t length)
{
    size_t i = 0;

    while (i < sizes_count && (strncmp(sizes[i]->name, name, length) != 0 ||
                               sizes[i]->name[length] != '\0')) {
        i++;
    }
    return i;
}

static size_t
trace_at(const char *name, size_t length)
{
    size_t i = 0;

    while (i < inputs.traces_count &&
           (strncmp(inputs.traces[i].name, name, length) != 0 ||
            inputs.traces[i].name[length] != '\0')) {
        i++;
    }
    return i;
}

/* The first cell of a quick run, or if that has none, of a full run. */
static const struct workload_cells *
first_cell(const struct workload *workload)
{
    return workload->quick[0].sizes != NULL ? &workload->quick[0]
                                            : &workload->full[0];
}

/* The row of the first cell. */
static struct row
row_of(size_t w, size_t c)
{
    const struct workload *workload = contenders.shared->workloads[w];
    const struct workload_cells *cell = first_cell(workload);
    size_t length = strcspn(cell->sizes, ",");
    size_t input = workload->is_replay ? trace_at(cell->sizes, length)
                                       : sizes_at(cell->sizes, length);

    return (struct row){
        .name = "row",
        .key = {.workload = (uint32_t) w,
                .contender = (uint32_t) c,
                .input = (uint32_t) input},
    };
}

/* Set the fields that row_bind() leaves, as the plan does. Returns the smallest
 * size. */
static size_t
row_complete(struct row *row)
{
    const struct workload_cells *cell = first_cell(row->workload);
    size_t input = row->key.input;

    if (row->workload->is_replay) {
        row->region.n = inputs.traces[input].allocations;
        row->largest = inputs.traces[input].largest;
        row->batch = 1;
        return 1;
    }
    row->region.n = strtoul(cell->ns, NULL, 10);
    assert_in_range(row->region.n, 1, POINTERS);
    row->region.size = samples_largest(row->samples, row->region.n);
    row->largest = sizes_max(sizes[input]);
    row->batch = (row->workload->batch_op + (int64_t) row->region.n - 1) /
                 (int64_t) row->region.n;
    return sizes_min(sizes[input]);
}

static void
keep(const struct shim_result *result, void *user)
{
    (void) user;
    iterations = result->iterations;
    snprintf(error, sizeof(error), "%s",
             result->error != NULL ? result->error : "");
}

static void
test_workloads_run_or_say_why_not(void **state)
{
    size_t c = (size_t) (uintptr_t) *state;
    const struct contender *contender = &contenders.list[c];

    if (contender->library == NULL) {
        print_message("no %s: %s\n", contender->allocator->name,
                      contender->reason);
        skip();
    }
    for (size_t w = 0; w < contenders.shared->workloads_count; w++) {
        struct row row = row_of(w, c);
        size_t least;
        const char *reason = NULL;

        row_bind(&row, &contenders, &inputs, pointers);
        least = row_complete(&row);
        if (row.workload->refuse != NULL) {
            reason = row.workload->refuse(contender->allocator, least);
        }
        if (reason != NULL) {
            assert_true(strlen(reason) > 10);
            continue;
        }
        row.iterations = 2 * row.batch;
        shim_clear();
        assert_int_equal(row_register(&row, 0), 0);
        assert_int_equal(shim_run(&(struct shim_options){.on_result = keep}),
                         1);
        if (error[0] != '\0' || iterations != row.iterations) {
            fail_msg("%s: %s", row.workload->name, error);
        }
    }
}

/* Called with each name of a list, of length bytes. */
typedef void list_fn(const struct workload *workload, const char *name,
                     size_t length);

static void
for_each(const struct workload *workload, const char *list, list_fn *function)
{
    while (list != NULL) {
        size_t length = strcspn(list, ",");

        function(workload, list, length);
        list = list[length] == ',' ? list + length + 1 : NULL;
    }
}

static void
check_sizes(const struct workload *workload, const char *name, size_t length)
{
    size_t input;

    if (length == 1 && name[0] == '*') {
        return;
    }
    if (workload->is_replay) {
        input = trace_at(name, length);
        assert_in_range(input, 0, inputs.traces_count - 1);
        assert_true(!workload->is_request ||
                    inputs.traces[input].request_allocations != 0);
        return;
    }
    input = sizes_at(name, length);
    assert_in_range(input, 0, sizes_count - 1);
    assert_true(!workload->is_large ||
                sizes_min(sizes[input]) >= WORKLOAD_LARGE);
}

static void
check_n(const struct workload *workload, const char *name, size_t length)
{
    static const char known[] = ",1,10,25,100,1000,10000,100000,1000000,";
    char wanted[sizeof(known) + 2];
    size_t n = strtoul(name, NULL, 10);

    snprintf(wanted, sizeof(wanted), ",%.*s,", (int) length, name);
    assert_non_null(strstr(known, wanted));
    assert_true(n >= workload->least);
    assert_true(workload->most == 0 || n <= workload->most);
}

/* A wrong name would leave out a row without a message. */
static void
test_cells_have_known_sizes_and_numbers(void **state)
{
    (void) state;
    for (size_t w = 0; w < contenders.shared->workloads_count; w++) {
        const struct workload *workload = contenders.shared->workloads[w];
        const struct workload_cells *const lists[] = {workload->full,
                                                      workload->quick};

        assert_non_null(workload->full->sizes);
        for (size_t i = 0; i < 2; i++) {
            for (const struct workload_cells *cell = lists[i];
                 cell->sizes != NULL; cell++) {
                for_each(workload, cell->sizes, check_sizes);
                for_each(workload, cell->ns, check_n);
                assert_int_equal(cell->ns == NULL, workload->is_replay);
            }
        }
    }
}

/* Most of a server's trace is its requests. Other programs have none, except
 * for a short loop, and the loop of svn log over revisions. */
static void
test_servers_have_requests(void **state)
{
    (void) state;
    for (size_t i = 0; i < inputs.traces_count; i++) {
        const struct replay *trace = &inputs.traces[i];
        double share =
            (double) trace->request_allocations / (double) trace->allocations;

        if (strncmp(trace->name, "nginx_", 6) == 0 ||
            strncmp(trace->name, "httpd_", 6) == 0) {
            assert_true(share > 0.7 && share < 0.99);
        } else if (strcmp(trace->name, "svn_log") != 0) {
            assert_true(share < 0.01);
        }
    }
}

/* Returns 0, or -1 after a message. */
static int
make_inputs(void)
{
    static const struct measured none = {0};
    const struct layout layout = {
        .shared = &measured, .again = &measured, .archive = &none};
    char message[LAYOUT_ERROR_MAX] = "out of memory";
    struct replay **traces = replay_list_create(BENCH_TRACES_DIR, message);

    sizes = sizes_list_create(BENCH_SIZES_DIR, &sizes_count, message);
    pointers = calloc(POINTERS, sizeof(*pointers));
    if (traces == NULL || sizes == NULL || pointers == NULL ||
        inputs_init(&inputs, sizes, sizes_count, traces) != 0 ||
        contenders_init(&contenders, &layout, CONTENDERS_ALL, "", "",
                        message) != 0) {
        print_error("%s\n", message);
        return -1;
    }
    replay_list_destroy(traces);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest once[] = {
        cmocka_unit_test(test_cells_have_known_sizes_and_numbers),
        cmocka_unit_test(test_servers_have_requests),
    };
    int failed;

    if (make_inputs() != 0) {
        return 1;
    }
    failed = cmocka_run_group_tests_name("cells", once, NULL, NULL);
    for (size_t c = 0; c < contenders.count; c++) {
        const struct CMUnitTest tests[] = {
            {.name = contenders.list[c].allocator->name,
             .test_func = test_workloads_run_or_say_why_not,
             .initial_state = (void *) (uintptr_t) c},
        };

        failed += cmocka_run_group_tests_name("peers", tests, NULL, NULL);
    }
    contenders_done(&contenders);
    inputs_done(&inputs);
    sizes_list_destroy(sizes, sizes_count);
    free(pointers);
    return failed;
}
