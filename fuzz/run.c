#include "run.h"

#include <stddef.h>
#include <string.h>

#include "act.h"
#include "heap.h"
#include "lines.h"
#include "note.h"
#include "program.h"
#include "step.h"

/* The result of run_program(). */
static struct run the_run;

static void run_start(struct run *run, const struct run_options *options);
static void run_end(struct run *run);
static void log_write(ngx_log_t *log, ngx_uint_t level, u_char *buf,
                      size_t len);
static void quiet_write(ngx_log_t *log, ngx_uint_t level, u_char *buf,
                        size_t len);

const struct run *
run_program(const uint8_t *data, size_t size, const struct run_options *options)
{
    struct run *run = &the_run;
    struct op last = {0};
    struct program program;
    struct op op;

    run_start(run, options);
    program_init(&program, data, size);
    while (program_next(&program, &op) && run->op_count < MODEL_OPS_MAX) {
        unsigned times = op_times(&op);

        run->op_number++;
        op.pool %= OP_POOLS;
        last = op.code == OP_AGAIN ? last : op;
        while (times-- != 0) {
            act(run, &last);
        }
    }
    run_end(run);
    return run;
}

void
run_program_again(const uint8_t *data, size_t size,
                  const struct run_options *options)
{
    struct run_options changed = *options;
    struct step step = {.kind = STEP_REPEAT};
    const struct run *run = run_program(data, size, &changed);
    uint64_t hashes[OP_POOLS];
    unsigned pool;

    if (run->was_indexed) {
        changed.no_faults = 1;
        run = run_program(data, size, &changed);
    }
    step.hashes[0] = run->hash;
    step.hashes[1] = run_program(data, size, &changed)->hash;
    step_check(&the_run, &step);

    changed.no_faults = 1;
    run = run_program(data, size, &changed);
    if (run->op_count == MODEL_OPS_MAX || run_was_refused(run)) {
        return;
    }
    for (pool = 0; pool < OP_POOLS; pool++) {
        hashes[pool] = run->pools[pool].hash;
    }
    for (pool = 0; pool < OP_POOLS; pool++) {
        changed.only = pool;
        step.kind = STEP_ALONE;
        step.pool = pool;
        step.hashes[0] = hashes[pool];
        run = run_program(data, size, &changed);
        if (!run_was_refused(run)) {
            step.hashes[1] = run->pools[pool].hash;
            step_check(&the_run, &step);
        }
    }
}

int
run_was_refused(const struct run *run)
{
    return heap_refusals() - heap_refusals_of_size() !=
           run->refusals - run->refusals_of_size;
}

static void
run_start(struct run *run, const struct run_options *options)
{
    unsigned pool;

    run->options = *options;
    run->is_over = 0;
    run->by_nginx = 0;
    run->log = (ngx_log_t){.log_level = NGX_LOG_INFO, .writer = log_write};
    if (options->is_debug) {
        run->log.log_level |= NGX_LOG_DEBUG_ALLOC;
    }
    run->quiet =
        (ngx_log_t){.log_level = NGX_LOG_STDERR, .writer = quiet_write};
    memset(run->file_errs, 0, sizeof(run->file_errs));

    files_reset();
    heap_fail_at(HEAP_NEVER);
    if (options->fail_from != 0) {
        (options->fails_once ? heap_fail_at
                             : heap_fail_from)(options->fail_from - 1);
    }
    model_init(&run->model, options->redzone, options->all_large);
    note(run, (struct source_call){.code = SOURCE_CACHE_LIMIT});
    ngx_pool_cache_limit(0);
    run->is_marked = options->is_marked;

    for (pool = 0; pool < OP_POOLS; pool++) {
        shadow_clear(&run->pools[pool]);
    }
    kept_start(&run->kept);
    run->op_count = 0;
    run->effective = 0;
    run->op_number = 0;
    run->next_key = 0;
    run->made_count = 0;
    run->lines = (struct lines){0};
    run->refusals = heap_refusals();
    run->refusals_of_size = heap_refusals_of_size();
    run->event_count = 0;
    run->hash = 0;
    run->was_indexed = 0;
}

static void
run_end(struct run *run)
{
    struct step step = step_begin(run, STEP_END, 0, OP_NOP);
    unsigned pool;

    run->is_over = 1;
    for (pool = 0; pool < OP_POOLS; pool++) {
        if (run->pools[pool].pool != NULL) {
            act_destroy(run, pool);
        }
    }
    act_cache_limit(run, 0);
    step_check(run, &step);
}

static void
log_write(ngx_log_t *log, ngx_uint_t level, u_char *buf, size_t len)
{
    struct run *run =
        (struct run *) (void *) ((char *) log - offsetof(struct run, log));

    lines_note(run, level, (const char *) buf, len);
}

static void
quiet_write(ngx_log_t *log, ngx_uint_t level, u_char *buf, size_t len)
{
    struct run *run =
        (struct run *) (void *) ((char *) log - offsetof(struct run, quiet));

    (void) level;
    (void) buf;
    (void) len;
    run->lines.is_above = 1;
}

ngx_log_t *
run_log(struct run *run, unsigned pool)
{
    return pool == 3 ? NULL : pool == 2 ? &run->quiet : &run->log;
}

int
run_logs(unsigned pool)
{
    return pool < 2;
}
