#include "run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"
#include "oracle.h"
#include "program.h"

enum {
    /* nginx's own functions look at so many entries for an empty one. */
    ENTRIES_LOOKED_AT = 5,

    /* There a pool's size is a multiple of this, or their end - m wraps. */
    NGINX_UNIT = 16,

    /* What version 1 cannot name is one of its sizes: the heap has not room for
     * many more. Those that no heap has are left. */
    SIZES = 128 * 1024,

    /* Kept small, so that many programs run in a second: live bytes of blocks
     * and of large allocations, each, past which a pool's ops do nothing. */
    POOL_BYTES_MAX = 8 * 1024 * 1024,

    /* Of a longer allocation only so many bytes at either end are written. */
    WRITTEN_MAX = 512,

    FILLS = 255, /* values that a written byte takes, never 0 */

    OLD = 64, /* large allocations that are newer than an old one */

    AGAIN_MAX = 16,
    FAILS_WITHIN = 4, /* no op takes more of the system's allocations */
    DESCRIPTORS = 8,  /* that programs use; small, so that they collide */
    ALIGNMENTS = 24,
    ALIGNMENTS_GOOD = 17, /* 1 << 0 ... 1 << 16, the rest in bad_alignments */
};

/* Who does an allocation. */
enum way {
    OURS,
    NGINX,
    NGINX_OWN_BLOCK,
    NGINX_OWN_LARGE,
};

/* No power of two, and one that the system has no memory for. */
static const size_t bad_alignments[ALIGNMENTS - ALIGNMENTS_GOOD] = {
    0, 3, 24, 4097, SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 2 + 1,
};

static const char *const file_names[DESCRIPTORS] = {
    "0", "1", "2", "3", "4", "5", "6", "7",
};

/* What fail_files chooses among. */
static const struct {
    enum files_kind kind;
    int err;
} file_faults[] = {
    {FILES_CLOSE, 0},       {FILES_UNLINK, 0},  {FILES_UNLINK, ENOENT},
    {FILES_UNLINK, EACCES}, {FILES_CLOSE, EIO},
};

static const enum source_code alloc_codes[OP_COUNT] = {
    [OP_PALLOC] = SOURCE_PALLOC,
    [OP_PNALLOC] = SOURCE_PNALLOC,
    [OP_PCALLOC] = SOURCE_PCALLOC,
    [OP_PMEMALIGN] = SOURCE_PMEMALIGN,
};

/* The one run. A cleanup handler is given its data and nothing else. */
static struct run the_run;
static struct {
    struct run_options options;
    struct op op;          /* that is done now */
    unsigned running_pool; /* whose cleanups are run */
    int file_errs[FILES_UNLINK + 1];
    unsigned nginx; /* enum op_by_nginx, of the last op nginx */
    int is_over;    /* the program is; what is left goes */
    int has_called; /* the op that is done has */
    ngx_log_t log;
} now;

static void run_start(struct run *run, const struct run_options *options);
static void run_end(struct run *run);
static void step_check(struct run *run, struct step *step);
static void step_fail(const struct run *run, const struct step *step,
                      const struct promise *broken);
static struct step step_begin(const struct run *run, enum step_kind kind,
                              unsigned pool, enum op_code code);
static void trace_step(struct run *run, const struct step *step);
static uint64_t trace_mix(uint64_t trace, uint64_t value);

static void perform(struct run *run, const struct op *op);
static void perform_any(struct run *run, const struct op *op);
static void perform_aged(struct run *run, const struct op *op);
static void perform_on(struct run *run, const struct op *op, size_t size);
static void perform_free(struct run *run, const struct op *op, size_t size);
static void do_create(struct run *run, unsigned pool, size_t size);
static void do_destroy(struct run *run, unsigned pool);
static void do_reset(struct run *run, unsigned pool);
static void do_alloc(struct run *run, const struct op *op, enum op_code code,
                     size_t size);
static size_t alignment_of(const struct op *op);
static enum way alloc_way(const struct run *run, const struct step *step);
static int alloc_is_hopeless(const struct step *step);
static void *alloc_call(ngx_pool_t *pool, const struct step *step,
                        enum way way);
static void alloc_expect(struct run *run, struct step *step, unsigned key,
                         enum way way, const struct model_seen *seen);
static int is_power_of_two(size_t number);
static void do_free(struct run *run, unsigned pool, struct run_target target,
                    struct run_allocation *allocation);
static void do_cleanup(struct run *run, const struct op *op,
                       enum run_handler handler, size_t size);
static void do_cancel(struct run *run, const struct op *op);
static void do_run_file(struct run *run, const struct op *op);
static void do_write(struct run *run, const struct op *op);
static void do_tail(struct run *run, const struct op *op, size_t size);
static void do_cache_limit(struct run *run, size_t size);
static void do_cache_trim(struct run *run);
static void do_fail_files(const struct op *op);

static void call_begin(const struct run *run, struct step *step);
static struct model_seen call_end(struct run *run, struct step *step,
                                  int is_null);
static void kept_end(struct run *run, struct step *step);
static void kept_note(struct run *run, const struct step *step);
static void kept_note_plain(struct run *run, const struct step *step);
static void kept_note_end(struct run *run, const struct step *step);
static size_t kept_large_size(const struct model_pool *model);
static void large_made(struct run *run, unsigned pool, const void *p);

static size_t size_of(const struct run *run, const struct op *op);
static int is_full(const struct run *run, unsigned pool);
static struct run_allocation *allocation_add(struct run *run, unsigned pool,
                                             unsigned char *p, size_t size,
                                             enum run_kind kind);
static struct run_allocation *
allocation_pick(struct run_pool *pool, unsigned who, enum model_place place);
static struct run_allocation *allocation_last(struct run_pool *pool);
static struct run_allocation *allocation_numbered(struct run_pool *pool,
                                                  size_t number);
static void allocation_remove(struct run_pool *pool,
                              struct run_allocation *allocation);
static int is_old(const struct run_pool *pool,
                  const struct run_allocation *allocation);
static struct run_target target_of(const struct run_allocation *allocation);
static int is_live(const struct run_pool *pool, const void *p);
static void fill(struct run_allocation *allocation, unsigned char value);
static void blocks_note(struct run_pool *pool);
static void cleanup_fill(struct run *run, unsigned pool,
                         struct run_cleanup *cleanup,
                         struct run_allocation *data);
static void cleanups_run(struct run *run, unsigned pool,
                         void (*call)(ngx_pool_t *pool), struct step *step);
static void handler(void *data);
static void handler_act(struct run *run, struct run_cleanup *due);
static int cleanup_due(struct run *run, unsigned pool,
                       struct run_cleanup *ret_due);
static void file_expect(struct run *run, const struct run_cleanup *cleanup);
static void note(struct source_call call);
static void note_answer(struct source_call call, int succeeds);
static void note_free(unsigned pool, struct run_target target, int succeeds);
static struct source_call cleanup_call(const struct op *op,
                                       enum run_handler kind, size_t size,
                                       unsigned key);
static void note_tail(unsigned pool, const struct run_allocation *allocation,
                      size_t size);
static void note_end(struct run *run, unsigned pool, enum source_code code);
static void log_write(ngx_log_t *log, ngx_uint_t level, u_char *buf,
                      size_t len);

/* Where AddressSanitizer is not linked, these are NULL. */
void __asan_poison_memory_region(const volatile void *p, size_t size)
    __attribute__((weak));
void __asan_unpoison_memory_region(const volatile void *p, size_t size)
    __attribute__((weak));

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
        run->op_number++;
        op.pool %= OP_POOLS;
        if (op.code == OP_AGAIN) {
            unsigned times = 1 + op.who % AGAIN_MAX;

            while (times-- != 0) {
                perform(run, &last);
            }
        } else {
            perform(run, &op);
            last = op;
        }
    }
    run_end(run);
    return run;
}

void
run_program_again(const uint8_t *data, size_t size,
                  const struct run_options *given)
{
    struct run_options options = *given;
    struct step step = {.kind = STEP_REPEAT};
    const struct run *run = run_program(data, size, &options);
    uint64_t traces[OP_POOLS];
    unsigned pool;

    if (run->was_indexed) {
        options.no_faults = 1;
        run = run_program(data, size, &options);
    }
    step.traces[0] = run->trace;
    step.traces[1] = run_program(data, size, &options)->trace;
    step_check(&the_run, &step);

    options.no_faults = 1;
    run = run_program(data, size, &options);
    if (run->op_count == MODEL_OPS_MAX) {
        return;
    }
    for (pool = 0; pool < OP_POOLS; pool++) {
        traces[pool] = run->pools[pool].trace;
    }
    for (pool = 0; pool < OP_POOLS; pool++) {
        options.only = pool;
        step.kind = STEP_ALONE;
        step.pool = pool;
        step.traces[0] = traces[pool];
        step.traces[1] = run_program(data, size, &options)->pools[pool].trace;
        step_check(&the_run, &step);
    }
}

size_t
run_block_of(const struct run_pool *pool, const struct model_pool *model,
             const unsigned char *p)
{
    size_t i;

    for (i = pool->block_count; i-- != 0;) {
        uintptr_t start = (uintptr_t) pool->blocks[i];

        if ((uintptr_t) p >= start &&
            (uintptr_t) p - start <= model->blocks[i].size) {
            return i;
        }
    }
    return pool->block_count;
}

int
run_is_intact(const struct run_allocation *allocation)
{
    return run_is_written(allocation->p, allocation->size, allocation->fill);
}

int
run_is_written(const void *p, size_t size, unsigned char fill)
{
    if (fill == 0) {
        return 1;
    }
    if (size <= 2 * WRITTEN_MAX) {
        return run_is_uniform(p, size, fill);
    }
    return run_is_uniform(p, WRITTEN_MAX, fill) &&
           run_is_uniform((const unsigned char *) p + size - WRITTEN_MAX,
                          WRITTEN_MAX, fill);
}

int
run_is_uniform(const void *p, size_t size, unsigned char value)
{
    const unsigned char *bytes = p;

    return size == 0 ||
           (bytes[0] == value && memcmp(bytes, bytes + 1, size - 1) == 0);
}

uint64_t
run_hash(const void *p)
{
    return trace_mix(0, (uint64_t) (uintptr_t) p);
}

static void
run_start(struct run *run, const struct run_options *options)
{
    unsigned pool;

    now.options = *options;
    now.is_over = 0;
    now.nginx = 0;
    now.log = (ngx_log_t){.log_level = NGX_LOG_INFO, .writer = log_write};
    memset(now.file_errs, 0, sizeof(now.file_errs));

    files_reset();
    heap_fail_at(HEAP_NEVER);
    model_init(&run->model, options->redzone);
    note((struct source_call){.code = SOURCE_CACHE_LIMIT});
    ngx_pool_cache_limit(0);
    run->is_marked = options->is_marked;

    for (pool = 0; pool < OP_POOLS; pool++) {
        struct run_pool *self = &run->pools[pool];

        self->pool = NULL;
        self->stale_count = 0;
        self->allocation_count = 0;
        self->cleanup_count = 0;
        self->block_count = 0;
        self->index_size = 0;
        self->trace = 0;
    }
    run->op_count = 0;
    run->effective = 0;
    run->op_number = 0;
    run->key_next = 0;
    run->made_count = 0;
    run->log_lines = 0;
    run->log_others = 0;
    run->refusals = heap_refusals();
    run->event_count = 0;
    run->trace = 0;
    run->was_indexed = 0;

    run->limit = 0;
    run->is_plain = 1;
    ngx_pool_cache_stats(&run->kept);
    run->same_blocks = (struct run_kept){0};
    run->same_large = (struct run_kept){0};
    run->ended_at = 0;
    run->ended_sum = 0;
    memset(run->ended, 0, sizeof(run->ended));
}

static void
run_end(struct run *run)
{
    struct step step = step_begin(run, STEP_END, 0, OP_NOP);
    unsigned pool;

    now.is_over = 1;
    for (pool = 0; pool < OP_POOLS; pool++) {
        if (run->pools[pool].pool != NULL) {
            do_destroy(run, pool);
        }
    }
    do_cache_limit(run, 0);
    step_check(run, &step);
}

static struct step
step_begin(const struct run *run, enum step_kind kind, unsigned pool,
           enum op_code code)
{
    struct step step = {.kind = kind, .pool = pool, .code = code};

    if (run->pools[pool].pool != NULL) {
        step.had_pool = 1;
        step.before = *run->pools[pool].pool;
    }
    return step;
}

static void
step_check(struct run *run, struct step *step)
{
    struct run_pool *self = &run->pools[step->pool];
    const struct promise *broken;

    if (self->pool != NULL) {
        blocks_note(self);
        if (step->made != NULL) {
            step->block = run_block_of(self, &run->model.pools[step->pool],
                                       step->made->p);
            if (step->block < self->block_count) {
                step->offset =
                    (size_t) (step->made->p -
                              (unsigned char *) self->blocks[step->block]);
            }
        }
        if (self->pool->index != self->after.index || self->index_size == 0) {
            ngx_pool_stats_t stats = {0};

            if (self->pool->index != NULL) {
                ngx_pool_stats(self->pool, &stats);
                run->was_indexed = 1;
            }
            self->index_size = stats.index;
        }
        self->after = *self->pool;
    } else {
        self->index_size = 0;
    }
    /* Statistics look at each bin; most steps leave them as they were. */
    if (step->kind != STEP_WRITE &&
        (step->kind != STEP_ALLOC || step->calls != 0 ||
         ngx_pool_cache_size() != run->kept.size)) {
        ngx_pool_cache_stats(&run->kept);
    }
    trace_step(run, step);

    broken = oracles_check(run, step);
    if (broken != NULL) {
        step_fail(run, step, broken);
    }
    kept_note(run, step);
}

static void
step_fail(const struct run *run, const struct step *step,
          const struct promise *broken)
{
    char text[OP_TEXT_SIZE];

    op_print(&now.op, text);
    fprintf(stderr, "op %zu, %s: broken promise %u: %s\n", run->op_number,
            now.is_over ? "the end" : text, broken->number, broken->words);
    if (step->kind == STEP_ALLOC) {
        fprintf(stderr,
                "  %zu bytes: expected place %d, block %zu, offset %zu; found "
                "%s, block %zu, offset %zu\n",
                step->size, (int) step->spot.place, step->spot.block,
                step->spot.offset, step->made == NULL ? "NULL" : "memory",
                step->block, step->offset);
    }
    fprintf(stderr,
            "  live: %zu blocks, %zu bytes; kept: %zu bytes of at most %zu\n",
            heap_live_blocks(), heap_live_bytes(), run->kept.size, run->limit);
    abort();
}

static void
trace_step(struct run *run, const struct step *step)
{
    struct run_pool *self = &run->pools[step->pool];
    uint64_t trace = self->trace;

    trace = trace_mix(trace, (uint64_t) step->kind << 8 | step->code);
    trace = trace_mix(trace, (uint64_t) step->answer);
    if (step->made != NULL) {
        trace = trace_mix(trace, step->made->size);
        trace = trace_mix(trace, (uint64_t) step->block << 32 | step->offset);
    }
    if (self->pool != NULL) {
        trace = trace_mix(trace, (uint64_t) self->pool->d.failed << 32 |
                                     self->block_count);
    }
    self->trace = trace;

    run->trace = trace_mix(run->trace, trace);
    /* An index orders its list by addresses, by which what is
     * kept may differ. */
    if (!run->was_indexed) {
        run->trace = trace_mix(run->trace, heap_live_blocks());
        run->trace = trace_mix(run->trace, heap_live_bytes());
    }
}

/* FNV's step, a word at a time. */
static uint64_t
trace_mix(uint64_t trace, uint64_t value)
{
    const uint64_t prime = 0x100000001b3;

    trace = (trace ^ value) * prime;
    return trace ^ trace >> 29;
}

static void
perform(struct run *run, const struct op *op)
{
    if (run->op_count == MODEL_OPS_MAX) {
        return;
    }
    run->op_count++;
    now.op = *op;
    now.has_called = 0;
    perform_any(run, op);
    run->effective += now.has_called != 0;
}

static void
perform_any(struct run *run, const struct op *op)
{
    note((struct source_call){
        .code = SOURCE_OP, .number = (uint32_t) run->op_number, .op = *op});

    switch (op->code) {
    case OP_CACHE_LIMIT:
        do_cache_limit(run, size_of(run, op));
        return;
    case OP_CACHE_TRIM:
        do_cache_trim(run);
        return;
    case OP_FAIL_ALLOC:
        if (!now.options.no_faults) {
            note((struct source_call){.code = SOURCE_FAIL_ALLOC,
                                      .number = op->who % FAILS_WITHIN});
            heap_fail_at(op->who % FAILS_WITHIN);
        }
        return;
    case OP_NGINX:
        if (now.options.nginx != NULL) {
            now.has_called = 1;
            now.nginx = op->who;
        }
        return;
    case OP_FAIL_FILES:
        do_fail_files(op);
        return;
    default:
        break;
    }

    run->made_count += op_makes(op->code) != 0;
    if (op->code == OP_FREE || op->code == OP_RESIZE) {
        perform_aged(run, op);
        return;
    }
    if (now.options.only != RUN_ALL && now.options.only != op->pool) {
        return;
    }
    if (op->code == OP_CREATE || op->code == OP_CHILD) {
        do_create(run, op->pool, size_of(run, op));
    } else if (run->pools[op->pool].pool != NULL) {
        perform_on(run, op, size_of(run, op));
    }
}

/* Of an object, whichever pool's it is. */
static void
perform_aged(struct run *run, const struct op *op)
{
    int is_resize = op->code == OP_RESIZE;
    size_t number = run->made_count - (size_t) is_resize - op->who;
    unsigned pool;

    for (pool = 0; pool < OP_POOLS; pool++) {
        struct run_allocation *old =
            allocation_numbered(&run->pools[pool], number);
        struct op alone = *op;

        alone.pool = pool;
        if (old == NULL) {
            continue;
        }
        if (is_resize) {
            do_alloc(run, &alone, OP_PALLOC, size_of(run, &alone));
            old = allocation_numbered(&run->pools[pool], number);
        }
        if (old != NULL) {
            do_free(run, pool, target_of(old),
                    old->spot.place == MODEL_LARGE ? old : NULL);
        }
        return;
    }
}

static void
perform_on(struct run *run, const struct op *op, size_t size)
{
    switch (op->code) {
    case OP_DESTROY:
        do_destroy(run, op->pool);
        break;
    case OP_RESET:
        do_reset(run, op->pool);
        break;
    case OP_PALLOC:
    case OP_PNALLOC:
    case OP_PCALLOC:
    case OP_PMEMALIGN:
        do_alloc(run, op, (enum op_code) op->code, size);
        break;
    case OP_CLEANUP:
        do_cleanup(run, op, (enum run_handler)(op->who % RUN_HANDLERS), size);
        break;
    case OP_CLEANUP_CANCEL:
    case OP_CLEANUP_RUN: /* the pool itself knows no such thing */
        do_cancel(run, op);
        break;
    case OP_CLEANUP_FILE:
        do_cleanup(run, op, RUN_CLOSE, sizeof(ngx_pool_cleanup_file_t));
        break;
    case OP_DELETE_FILE:
        do_cleanup(run, op, RUN_DELETE, sizeof(ngx_pool_cleanup_file_t));
        break;
    case OP_RUN_FILE:
        do_run_file(run, op);
        break;
    case OP_WRITE:
        do_write(run, op);
        break;
    case OP_TAIL_GROW:
    case OP_TAIL_SHRINK:
        do_tail(run, op, size);
        break;
    default:
        perform_free(run, op, size);
        break;
    }
}

static void
perform_free(struct run *run, const struct op *op, size_t size)
{
    struct run_pool *self = &run->pools[op->pool];
    struct run_pool *other = &run->pools[(op->pool + 1) % OP_POOLS];
    struct run_target target = {.key = MODEL_NO_KEY};
    struct run_allocation *allocation;

    /* Without another pool as well an address that the pool has to look for. */
    static unsigned char foreign[1];

    switch (op->code) {
    case OP_PFREE_LARGE:
        allocation = allocation_pick(self, op->who, MODEL_LARGE);
        if (allocation != NULL) {
            do_free(run, op->pool, target_of(allocation), allocation);
        }
        break;
    case OP_PFREE_TWICE:
        allocation = allocation_pick(self, op->who, MODEL_LARGE);
        if (allocation != NULL) {
            target = target_of(allocation);
            do_free(run, op->pool, target, allocation);
            do_free(run, op->pool, target, NULL);
        }
        break;
    case OP_PFREE_SMALL:
        allocation = allocation_pick(self, op->who, MODEL_SMALL);
        do_free(run, op->pool, target_of(allocation), NULL);
        break;
    case OP_PFREE_FOREIGN:
        allocation = allocation_pick(other, op->who, MODEL_LARGE);
        target = target_of(allocation);
        if (allocation == NULL) {
            target.p = foreign;
        }
        do_free(run, op->pool, target, NULL);
        break;
    case OP_PFREE_INNER:
        allocation = allocation_pick(self, op->who, MODEL_LARGE);
        if (allocation != NULL && allocation->size > 1) {
            target = target_of(allocation);
            target.offset = 1 + size % (allocation->size - 1);
            target.p = allocation->p + target.offset;
        }
        do_free(run, op->pool, target, NULL);
        break;
    case OP_PFREE_STALE:
        if (self->stale_count != 0) {
            size_t kept = self->stale_count < RUN_STALE_MAX ? self->stale_count
                                                            : RUN_STALE_MAX;

            target = self->stale[op->who % kept];
        }
        /* The system may have given the same address again. The pool is to
         * look for one all the same, as it may make an index. */
        if (is_live(self, target.p)) {
            target = (struct run_target){.p = foreign, .key = MODEL_NO_KEY};
        }
        do_free(run, op->pool, target, NULL);
        break;
    case OP_PFREE_NULL:
        do_free(run, op->pool, target, NULL);
        break;
    default:
        break;
    }
}

static void
do_create(struct run *run, unsigned pool, size_t size)
{
    struct run_pool *self = &run->pools[pool];
    struct source_call call;
    struct model_seen seen;
    struct step step;
    int is_too_small;

    if (self->pool != NULL) {
        do_destroy(run, pool);
    }
    if (now.options.nginx != NULL) {
        size -= size % NGINX_UNIT;
    }
    is_too_small = size < sizeof(ngx_pool_t) + 2 * now.options.redzone;
    call = (struct source_call){
        .code = SOURCE_CREATE,
        .answer =
            is_too_small || size > HEAP_SIZE_MAX ? SOURCE_REFUSED : SOURCE_DONE,
        .pool = pool,
        .size = size,
    };
    note(call);
    step = step_begin(run, STEP_CREATE, pool, OP_CREATE);
    step.size = size;
    call_begin(run, &step);
    self->pool = ngx_create_pool(size, &now.log);
    seen = call_end(run, &step, self->pool == NULL);
    step.succeeds = model_create(&run->model, pool, size, &seen);
    run->log_others += is_too_small;
    note_answer(call, step.succeeds);

    self->is_mixed = 0;
    self->large_sum = 0;
    self->block_count = 0;
    self->allocation_count = 0;
    self->cleanup_count = 0;
    self->stale_count = 0;
    if (self->pool != NULL) {
        self->blocks[self->block_count++] = self->pool;
    }
    step_check(run, &step);
}

static void
do_destroy(struct run *run, unsigned pool)
{
    struct run_pool *self = &run->pools[pool];
    struct step step = step_begin(run, STEP_BEFORE, pool, OP_DESTROY);

    step_check(run, &step);
    note_end(run, pool, SOURCE_DESTROY);
    cleanups_run(run, pool, ngx_destroy_pool, &step);
    step.kind = STEP_DESTROY;
    kept_end(run, &step);
    model_destroy(&run->model, pool);
    self->pool = NULL;
    self->ended_count = self->allocation_count;
    self->allocation_count = 0;
    step_check(run, &step);
}

static void
do_reset(struct run *run, unsigned pool)
{
    struct run_pool *self = &run->pools[pool];
    struct step step = step_begin(run, STEP_BEFORE, pool, OP_RESET);

    step_check(run, &step);
    self->pool->chain = (ngx_chain_t *) self->pool; /* as ngx_buf does */
    note_end(run, pool, SOURCE_RESET);
    cleanups_run(run, pool, ngx_reset_pool, &step);
    step.kind = STEP_RESET;
    kept_end(run, &step);
    model_reset(&run->model, pool);
    self->is_mixed = 0;
    self->large_sum = 0;
    self->ended_count = self->allocation_count;
    self->allocation_count = 0;
    step_check(run, &step);
}

/* Handlers play their part in handler(); what never ran is step's due. */
static void
cleanups_run(struct run *run, unsigned pool, void (*call)(ngx_pool_t *pool),
             struct step *step)
{
    static struct run_cleanup left;

    now.running_pool = pool;
    run->is_running = 1;
    call(run->pools[pool].pool);
    run->is_running = 0;
    step->due = cleanup_due(run, pool, &left) ? &left : NULL;
}

static void
do_alloc(struct run *run, const struct op *op, enum op_code code, size_t size)
{
    unsigned pool = op->pool;
    struct run_pool *self = &run->pools[pool];
    unsigned key = run->key_next++;
    struct step step = step_begin(run, STEP_ALLOC, pool, code);
    struct run_allocation *made = NULL;
    struct source_call call;
    struct model_seen seen;
    unsigned char *p;
    enum way way;

    if (is_full(run, pool)) {
        return;
    }
    step.size = size;
    step.alignment = code == OP_PMEMALIGN ? alignment_of(op) : 0;
    call = (struct source_call){
        .code = (uint8_t) alloc_codes[code],
        .answer = alloc_is_hopeless(&step) ? SOURCE_REFUSED : SOURCE_DONE,
        .pool = pool,
        .object = key,
        .size = size,
        .alignment = step.alignment,
    };
    note(call);
    way = alloc_way(run, &step);
    step.is_nginx = way != OURS;
    self->is_mixed |= step.is_nginx;
    call_begin(run, &step);
    p = alloc_call(self->pool, &step, way);
    seen = call_end(run, &step, p == NULL);
    if (p != NULL && (way == NGINX_OWN_LARGE || code == OP_PMEMALIGN ||
                      size > run->model.pools[pool].max)) {
        seen.taken = heap_usable_size(p);
    }
    step.taken = seen.taken;
    alloc_expect(run, &step, key, way, &seen);
    note_answer(call, step.succeeds);

    if (p != NULL) {
        made = allocation_add(run, pool, p, size, RUN_BYTES);
        made->key = key;
        made->number = run->made_count;
        made->spot = step.spot;
        step.made = made;
        if (step.spot.place == MODEL_LARGE) {
            large_made(run, pool, p);
        }
    }
    step_check(run, &step);
    if (made != NULL) {
        fill(made, (unsigned char) (1 + key % FILLS));
        step.kind = STEP_WRITE;
        step_check(run, &step);
    }
}

static size_t
alignment_of(const struct op *op)
{
    unsigned nth = op->who % ALIGNMENTS;

    return nth < ALIGNMENTS_GOOD ? (size_t) 1 << nth
                                 : bad_alignments[nth - ALIGNMENTS_GOOD];
}

/* nginx hands an alignment on to a system that takes good ones alone. */
static enum way
alloc_way(const struct run *run, const struct step *step)
{
    int is_small = step->size <= run->model.pools[step->pool].max;

    switch (step->code) {
    case OP_PNALLOC:
        return now.nginx & OP_BY_NGINX_PNALLOC ? NGINX : OURS;
    case OP_PCALLOC:
        return now.nginx & OP_BY_NGINX_PCALLOC ? NGINX : OURS;
    case OP_PMEMALIGN:
        return now.nginx & OP_BY_NGINX_PMEMALIGN &&
                       is_power_of_two(step->alignment) &&
                       step->alignment >= sizeof(void *)
                   ? NGINX
                   : OURS;
    default:
        if (now.nginx & OP_BY_NGINX_BLOCK && is_small) {
            return NGINX_OWN_BLOCK;
        }
        if (now.nginx & OP_BY_NGINX_LARGE) {
            return NGINX_OWN_LARGE;
        }
        return now.nginx & OP_BY_NGINX_PALLOC ? NGINX : OURS;
    }
}

/* No system has memory for it, or its alignment is a bad one. */
static int
alloc_is_hopeless(const struct step *step)
{
    return step->size > HEAP_SIZE_MAX ||
           (step->code == OP_PMEMALIGN && (!is_power_of_two(step->alignment) ||
                                           step->alignment > HEAP_SIZE_MAX));
}

static void *
alloc_call(ngx_pool_t *pool, const struct step *step, enum way way)
{
    const struct run_options *options = &now.options;
    const struct run_nginx *nginx = options->nginx;
    size_t size = step->size;

    switch (step->code) {
    case OP_PMEMALIGN:
        return way == NGINX ? nginx->pmemalign(pool, size, step->alignment)
                            : ngx_pmemalign(pool, size, step->alignment);
    case OP_PNALLOC:
        return way == NGINX               ? nginx->pnalloc(pool, size)
               : options->pnalloc != NULL ? options->pnalloc(pool, size)
                                          : ngx_pnalloc(pool, size);
    case OP_PCALLOC:
        return way == NGINX ? nginx->pcalloc(pool, size)
                            : ngx_pcalloc(pool, size);
    default:
        return way == NGINX              ? nginx->palloc(pool, size)
               : way == NGINX_OWN_BLOCK  ? nginx->palloc_block(pool, size)
               : way == NGINX_OWN_LARGE  ? nginx->palloc_large(pool, size)
               : options->palloc != NULL ? options->palloc(pool, size)
                                         : ngx_palloc(pool, size);
    }
}

/* What must have come of the step, by the model. */
static void
alloc_expect(struct run *run, struct step *step, unsigned key, enum way way,
             const struct model_seen *seen)
{
    struct model *model = &run->model;
    size_t alignment = step->code == OP_PNALLOC ? 1 : NGX_ALIGNMENT;

    if (way == NGINX_OWN_BLOCK) {
        step->spot = model_nginx_block(model, step->pool, step->size, seen);
    } else if (way == NGINX_OWN_LARGE) {
        step->spot = model_nginx_large(model, step->pool, key, seen);
    } else if (step->code == OP_PMEMALIGN) {
        if (way == NGINX) {
            step->spot = model_nginx_pmemalign(model, step->pool, key, seen);
        } else if (is_power_of_two(step->alignment)) {
            step->spot = model_pmemalign(model, step->pool, key, seen);
        } else {
            run->log_others++;
        }
    } else if (way == NGINX) {
        step->spot = model_nginx_alloc(model, step->pool, step->size, alignment,
                                       key, seen);
    } else if (step->code == OP_PNALLOC) {
        step->spot = model_pnalloc(model, step->pool, step->size, key, seen);
    } else {
        step->spot = model_palloc(model, step->pool, step->size, key, seen);
    }
    step->succeeds = step->spot.place != MODEL_NOWHERE;
}

static int
is_power_of_two(size_t number)
{
    return number != 0 && (number & (number - 1)) == 0;
}

/* allocation: what target is when it is to be freed; NULL: it is to stay. */
static void
do_free(struct run *run, unsigned pool, struct run_target target,
        struct run_allocation *allocation)
{
    struct run_pool *self = &run->pools[pool];
    struct step step =
        step_begin(run, STEP_BEFORE, pool, (enum op_code) now.op.code);
    unsigned key = MODEL_NO_KEY;
    struct model_seen seen;

    if (allocation != NULL) {
        key = allocation->key;
        step.is_old = is_old(self, allocation);
        step.made = allocation;
        step_check(run, &step);
        step.made = NULL;
        note((struct source_call){.code = SOURCE_DROP, .object = key});
        allocation_remove(self, allocation);
        self->stale[self->stale_count++ % RUN_STALE_MAX] = target;
    }
    step.kind = STEP_FREE;
    step.freed = target.p;
    note_free(pool, target, key != MODEL_NO_KEY);
    /* Of NULL nginx's own would take an entry without an allocation. */
    step.is_nginx = now.nginx & OP_BY_NGINX_PFREE && target.p != NULL;
    self->is_mixed |= step.is_nginx;
    call_begin(run, &step);
    step.answer = step.is_nginx ? now.options.nginx->pfree(self->pool, target.p)
                                : ngx_pfree(self->pool, target.p);
    seen = call_end(run, &step, 0);
    step.succeeds = step.is_nginx ? model_nginx_free(&run->model, pool, key)
                                  : model_free(&run->model, pool, key, &seen);
    if (step.succeeds) {
        self->large_sum -= run_hash(target.p);
    }
    step_check(run, &step);
}

static void
do_cleanup(struct run *run, const struct op *op, enum run_handler kind,
           size_t size)
{
    unsigned pool = op->pool;
    struct run_pool *self = &run->pools[pool];
    unsigned key = run->key_next++;
    struct step step = step_begin(run, STEP_CLEANUP, pool, OP_CLEANUP);
    struct source_call call = cleanup_call(op, kind, size, key);
    struct run_allocation *data = NULL;
    struct run_cleanup *cleanup = &self->cleanups[self->cleanup_count];
    struct model_cleanup model;
    struct model_seen seen;
    ngx_pool_cleanup_t *node;

    if (is_full(run, pool)) {
        return;
    }
    step.size = size;
    note(call);
    /* When it fails, nginx's own keeps the node, which must be small
     * then: nobody knows its address. */
    step.is_nginx = now.nginx & OP_BY_NGINX_CLEANUP &&
                    self->pool->max >= sizeof(ngx_pool_cleanup_t);
    self->is_mixed |= step.is_nginx;
    call_begin(run, &step);
    node = step.is_nginx ? now.options.nginx->cleanup_add(self->pool, size)
                         : ngx_pool_cleanup_add(self->pool, size);
    seen = call_end(run, &step, node == NULL);
    if (node != NULL && size > self->pool->max) {
        seen.taken =
            heap_usable_size(step.is_nginx ? node->data : (void *) node);
    }
    step.taken = seen.taken;
    model = step.is_nginx
                ? model_nginx_cleanup(&run->model, pool, size, key, &seen)
                : model_cleanup(&run->model, pool, size, key, &seen);
    step.spot = model.node;
    step.spot.is_fresh |= model.data.is_fresh;
    step.succeeds = model.node.place != MODEL_NOWHERE;
    note_answer(call, step.succeeds);

    step.node = node;
    if (node != NULL) {
        struct run_allocation *made = allocation_add(
            run, pool, (unsigned char *) node, sizeof(*node), RUN_NODE);

        made->spot = model.node;
        step.made = made;
        if (node->data != NULL) {
            data = allocation_add(run, pool, node->data, size, RUN_DATA);
            data->key = key;
            data->spot = model.data;
            step.data = data;
        }
        if (size > self->pool->max) {
            large_made(run, pool, step.is_nginx ? node->data : (void *) node);
        }
    }
    step_check(run, &step);

    if (node != NULL) {
        *cleanup = (struct run_cleanup){.handler = kind,
                                        .node = node,
                                        .number = key,
                                        .size = size,
                                        .op = *op};
        self->cleanup_count++;
        cleanup_fill(run, pool, cleanup, data);
    }
}

/* Sets what a user of the new cleanup sets. */
static void
cleanup_fill(struct run *run, unsigned pool, struct run_cleanup *cleanup,
             struct run_allocation *data)
{
    struct step step = step_begin(run, STEP_WRITE, pool, OP_CLEANUP);
    ngx_pool_cleanup_t *node = cleanup->node;

    if (cleanup->handler == RUN_CLOSE || cleanup->handler == RUN_DELETE) {
        ngx_pool_cleanup_file_t *file = node->data;
        unsigned fd = cleanup->op.who % DESCRIPTORS;

        file->fd = (ngx_fd_t) fd;
        file->name = (u_char *) (uintptr_t) file_names[fd];
        file->log = &now.log;
        node->handler = cleanup->handler == RUN_CLOSE ? ngx_pool_cleanup_file
                                                      : ngx_pool_delete_file;
    } else {
        if (data != NULL) {
            fill(data, (unsigned char) (1 + data->key % FILLS));
            cleanup->fill = data->fill;
        } else {
            node->data = node;
        }
        node->handler = cleanup->handler == RUN_NONE ? NULL : handler;
    }
    cleanup->data = node->data;
    step.made = data;
    step_check(run, &step);
}

static void
do_cancel(struct run *run, const struct op *op)
{
    struct run_pool *self = &run->pools[op->pool];

    if (self->cleanup_count != 0) {
        struct run_cleanup *cleanup =
            &self->cleanups[self->cleanup_count - 1 -
                            op->who % self->cleanup_count];

        note((struct source_call){.code = SOURCE_CANCEL,
                                  .number = cleanup->number});
        cleanup->node->handler = NULL;
        cleanup->is_over = 1;
    }
}

static void
do_run_file(struct run *run, const struct op *op)
{
    struct run_pool *self = &run->pools[op->pool];
    unsigned fd = op->who % DESCRIPTORS;
    struct step step = step_begin(run, STEP_FILE, op->pool, OP_RUN_FILE);
    size_t i;

    for (i = self->cleanup_count; i-- != 0;) {
        struct run_cleanup *cleanup = &self->cleanups[i];

        if (cleanup->handler == RUN_CLOSE && !cleanup->is_over &&
            cleanup->op.who % DESCRIPTORS == fd) {
            file_expect(run, cleanup);
            cleanup->is_over = 1;
            break;
        }
    }
    note((struct source_call){
        .code = SOURCE_RUN_FILE, .pool = op->pool, .file = fd});
    ngx_pool_run_cleanup_file(self->pool, (ngx_fd_t) fd);
    step_check(run, &step);
}

static void
do_write(struct run *run, const struct op *op)
{
    struct run_pool *self = &run->pools[op->pool];
    struct step step = step_begin(run, STEP_BEFORE, op->pool, OP_WRITE);
    struct run_allocation *allocation;

    if (self->allocation_count == 0) {
        return;
    }
    allocation = &self->allocations[self->allocation_count - 1 -
                                    op->who % self->allocation_count];
    if (allocation->kind != RUN_BYTES) {
        return;
    }
    step.made = allocation;
    step_check(run, &step);
    if (allocation->key != MODEL_NO_KEY) {
        note((struct source_call){
            .code = SOURCE_WRITE, .pool = op->pool, .object = allocation->key});
    }
    fill(allocation, (unsigned char) (1 + run->key_next++ % FILLS));
    step.kind = STEP_WRITE;
    step_check(run, &step);
}

/* ngx_array does this to grow its elements, and to give them back. */
static void
do_tail(struct run *run, const struct op *op, size_t size)
{
    struct run_pool *self = &run->pools[op->pool];
    ngx_pool_data_t *d = &self->pool->d;
    struct step step =
        step_begin(run, STEP_OTHER, op->pool, (enum op_code) op->code);
    struct run_allocation *a = allocation_last(self);

    if (a == NULL) {
        return;
    }
    if (op->code == OP_TAIL_GROW && size <= (size_t) (d->end - d->last)) {
        note_tail(op->pool, a, a->size + size);
        if (run->is_marked && __asan_unpoison_memory_region != NULL) {
            __asan_unpoison_memory_region(d->last, size);
        }
        d->last += size;
        a->size += size;
        model_tail_move(&run->model, op->pool, (long) size);
    } else if (op->code == OP_TAIL_SHRINK) {
        size = size < a->size ? size : a->size;
        note_tail(op->pool, a, a->size - size);
        d->last -= size;
        a->size -= size;
        model_tail_move(&run->model, op->pool, -(long) size);
        if (run->is_marked && __asan_poison_memory_region != NULL) {
            __asan_poison_memory_region(d->last, size);
        }
    }
    fill(a, (unsigned char) (1 + a->key % FILLS));
    step_check(run, &step);
}

static void
do_cache_limit(struct run *run, size_t size)
{
    struct step step = step_begin(run, STEP_OTHER, 0, OP_CACHE_LIMIT);

    run->limit = size;
    note((struct source_call){.code = SOURCE_CACHE_LIMIT, .size = size});
    ngx_pool_cache_limit(size);
    step_check(run, &step);
}

static void
do_cache_trim(struct run *run)
{
    struct step step = step_begin(run, STEP_OTHER, 0, OP_CACHE_TRIM);

    note((struct source_call){.code = SOURCE_CACHE_TRIM});
    ngx_pool_cache_trim();
    step_check(run, &step);
}

static void
do_fail_files(const struct op *op)
{
    size_t nth = op->who % (sizeof(file_faults) / sizeof(file_faults[0]));

    note((struct source_call){.code = SOURCE_FAIL_FILES});
    files_fail(file_faults[nth].kind, file_faults[nth].err);
    now.file_errs[file_faults[nth].kind] = file_faults[nth].err;
}

/* Right before the step's call. */
static void
call_begin(const struct run *run, struct step *step)
{
    const ngx_pool_t *pool = run->pools[step->pool].pool;
    const ngx_pool_large_t *large = pool != NULL ? pool->large : NULL;
    size_t entry;

    step->empty_entry = MODEL_NO_ENTRY;
    for (entry = 0; large != NULL && entry < ENTRIES_LOOKED_AT; entry++) {
        if (large->alloc == NULL) {
            step->empty_entry = entry;
            break;
        }
        large = large->next;
    }
    step->kept = run->kept.size;
    step->calls = heap_calls();
    step->refusals = heap_refusals();
}

/* Right after it: what was seen of it. */
static struct model_seen
call_end(struct run *run, struct step *step, int is_null)
{
    struct run_pool *self = &run->pools[step->pool];
    const ngx_pool_t *pool = self->pool;
    struct model_seen seen = {.is_null = is_null,
                              .empty_entry = step->empty_entry};

    step->calls = heap_calls() - step->calls;
    step->refusals = heap_refusals() - step->refusals;
    seen.is_refused = step->refusals != 0;
    if (pool == NULL || !step->had_pool) {
        return seen;
    }
    seen.has_block = self->blocks[self->block_count - 1]->d.next != NULL;
    blocks_note(self);
    seen.failed = step->before.current->d.failed;
    seen.has_index = step->before.index != NULL;
    /* An entry that is the list's first now, and in a block, is not. */
    seen.is_indexed =
        pool->index != NULL &&
        (pool->large == step->before.large || pool->large == NULL ||
         run_block_of(self, &run->model.pools[step->pool],
                      (const unsigned char *) pool->large) ==
             self->block_count);
    return seen;
}

/* A reset or a destroy has been done: what it released. */
static void
kept_end(struct run *run, struct step *step)
{
    const struct model_pool *model = &run->model.pools[step->pool];
    size_t i;

    step->kept = run->kept.size;
    step->is_plain = run->is_plain && run->kept.overhead != 0;
    step->ended = model->large_bytes;
    for (i = 0; i < model->large_count; i++) {
        size_t size = model->large[i].size;

        step->ended_least += size < RUN_KEPT_SIZE_MIN ? 0 : size;
    }
    if (step->kind == STEP_DESTROY) {
        step->ended += model->bytes;
        step->ended_least +=
            model->blocks[0].size < RUN_KEPT_SIZE_MIN ? 0 : model->bytes;
    }
    run->ended_sum += step->ended - run->ended[run->ended_at];
    run->ended[run->ended_at] = step->ended;
    run->ended_at = (run->ended_at + 1) % RUN_REGIONS;
    kept_note_end(run, step);
}

/* After a reset or a destroy: which pieces of one size the thread must have. */
static void
kept_note_end(struct run *run, const struct step *step)
{
    const struct model_pool *model = &run->model.pools[step->pool];
    size_t size = kept_large_size(model);

    if (!step->is_plain || ngx_pool_cache_size() != step->kept + step->ended) {
        run->same_blocks.count = 0;
        run->same_large.count = 0;
        return;
    }
    if (model->large_count != 0) {
        if (size != run->same_large.size) {
            run->same_large = (struct run_kept){.size = size};
        }
        run->same_large.count += size != 0 ? model->large_count : 0;
    }
    if (step->kind == STEP_DESTROY) {
        if (model->blocks[0].size != run->same_blocks.size) {
            run->same_blocks = (struct run_kept){.size = model->blocks[0].size};
        }
        run->same_blocks.count += model->block_count;
    }
}

/* The one size of all large allocations, or 0. */
static size_t
kept_large_size(const struct model_pool *model)
{
    size_t i;

    for (i = 1; i < model->large_count; i++) {
        if (model->large[i].size != model->large[0].size) {
            return 0;
        }
    }
    return model->large_count == 0 ? 0 : model->large[0].size;
}

/* After a step: what it took of those pieces. */
static void
kept_note(struct run *run, const struct step *step)
{
    const struct model_pool *model = &run->model.pools[step->pool];
    int is_large = step->spot.place == MODEL_LARGE;

    kept_note_plain(run, step);
    if (step->kind == STEP_OTHER &&
        (step->code == OP_CACHE_LIMIT || step->code == OP_CACHE_TRIM)) {
        run->same_blocks.count = 0;
        run->same_large.count = 0;
    }
    if ((step->kind != STEP_CREATE && step->kind != STEP_ALLOC &&
         step->kind != STEP_CLEANUP) ||
        step->is_nginx) {
        return;
    }
    if ((step->kind == STEP_CREATE || step->spot.is_fresh) &&
        run->same_blocks.count != 0 &&
        model->blocks[0].size == run->same_blocks.size) {
        run->same_blocks.count--;
    }
    /* One of another size may have taken any. */
    if (is_large || (!step->succeeds && step->size > model->max)) {
        if (run->same_large.count != 0 && step->taken == run->same_large.size) {
            run->same_large.count--;
        } else {
            run->same_large.count = 0;
        }
    }
}

/*
 * What a thread keeps follows what its pools asked the system for. So it is not
 * foreseen any more once a pool has memory of ngx_pmemalign() or of nginx's own
 * functions, or memory that it got under another limit or without bookkeeping.
 */
static void
kept_note_plain(struct run *run, const struct step *step)
{
    unsigned pool;

    if (step->is_nginx || (step->made != NULL && step->code == OP_PMEMALIGN)) {
        run->is_plain = 0;
    }
    if (step->calls != 0 && run->limit != 0 && run->kept.overhead == 0) {
        run->is_plain = 0;
    }
    if (step->kind == STEP_OTHER &&
        (step->code == OP_CACHE_LIMIT || step->code == OP_CACHE_TRIM)) {
        run->is_plain = run->kept.size == 0;
        for (pool = 0; pool < OP_POOLS; pool++) {
            run->is_plain &= !run->model.pools[pool].exists;
        }
    }
}

/* p is a live large allocation from now on. */
static void
large_made(struct run *run, unsigned pool, const void *p)
{
    run->pools[pool].large_sum += run_hash(p);
}

/* A new pool's sizes are about its header, the least useful size, and the
 * size from which on max is a page's. */
static size_t
size_of(const struct run *run, const struct op *op)
{
    struct op_scale scale = {.page = ngx_pagesize};
    size_t size;

    if (op->code == OP_CREATE || op->code == OP_CHILD ||
        op->code == OP_CACHE_LIMIT) {
        scale.max = sizeof(ngx_pool_t);
        scale.left = NGX_MIN_POOL_SIZE;
        scale.page += sizeof(ngx_pool_t);
    } else {
        scale.max = run->model.pools[op->pool].max;
        scale.left = model_left(&run->model, op->pool);
    }
    size = op_size(op, &scale);
    return size >= SIZES && size <= HEAP_SIZE_MAX ? size % SIZES : size;
}

static int
is_full(const struct run *run, unsigned pool)
{
    const struct model_pool *model = &run->model.pools[pool];

    return model->bytes > POOL_BYTES_MAX || model->large_bytes > POOL_BYTES_MAX;
}

static struct run_allocation *
allocation_add(struct run *run, unsigned pool, unsigned char *p, size_t size,
               enum run_kind kind)
{
    struct run_pool *self = &run->pools[pool];
    struct run_allocation *allocation =
        &self->allocations[self->allocation_count++];

    *allocation = (struct run_allocation){
        .p = p, .size = size, .key = MODEL_NO_KEY, .kind = kind};
    return allocation;
}

/* The program's own allocation that the first block ends with; the newest of
 * those without bytes. */
static struct run_allocation *
allocation_last(struct run_pool *pool)
{
    size_t i;

    for (i = pool->allocation_count; i-- != 0;) {
        struct run_allocation *allocation = &pool->allocations[i];

        if (allocation->kind == RUN_BYTES &&
            allocation->spot.place == MODEL_SMALL &&
            allocation->spot.block == 0 &&
            allocation->p + allocation->size == pool->pool->d.last) {
            return allocation;
        }
    }
    return NULL;
}

/* The program's own allocation of that place, newest first from who on. */
static struct run_allocation *
allocation_pick(struct run_pool *pool, unsigned who, enum model_place place)
{
    size_t count = pool->allocation_count;
    size_t i;

    for (i = 0; i < count; i++) {
        struct run_allocation *allocation =
            &pool->allocations[count - 1 - (who + i) % count];

        if (allocation->kind == RUN_BYTES && allocation->spot.place == place) {
            return allocation;
        }
    }
    return NULL;
}

/* By the number of the op that made it, from 1; NULL: it is not the pool's. */
static struct run_allocation *
allocation_numbered(struct run_pool *pool, size_t number)
{
    size_t i;

    for (i = 0; i < pool->allocation_count; i++) {
        if (pool->allocations[i].number == number && number != 0) {
            return &pool->allocations[i];
        }
    }
    return NULL;
}

static void
allocation_remove(struct run_pool *pool, struct run_allocation *allocation)
{
    struct run_allocation *end = pool->allocations + pool->allocation_count;

    memmove(allocation, allocation + 1,
            (size_t) (end - allocation - 1) * sizeof(*allocation));
    pool->allocation_count--;
}

/* Whether OLD or more large allocations of the pool are newer. */
static int
is_old(const struct run_pool *pool, const struct run_allocation *allocation)
{
    const struct run_allocation *end =
        pool->allocations + pool->allocation_count;
    unsigned newer = 0;

    while (++allocation < end) {
        newer += allocation->spot.place == MODEL_LARGE &&
                 allocation->kind == RUN_BYTES;
    }
    return newer >= OLD;
}

/* Its start; of NULL: NULL. */
static struct run_target
target_of(const struct run_allocation *allocation)
{
    if (allocation == NULL) {
        return (struct run_target){.key = MODEL_NO_KEY};
    }
    return (struct run_target){.p = allocation->p, .key = allocation->key};
}

static int
is_live(const struct run_pool *pool, const void *p)
{
    size_t i;

    for (i = 0; i < pool->allocation_count; i++) {
        if (pool->allocations[i].p == p) {
            return 1;
        }
    }
    return 0;
}

static void
fill(struct run_allocation *allocation, unsigned char value)
{
    unsigned char *p = allocation->p;
    size_t size = allocation->size;

    allocation->fill = value;
    if (size <= 2 * WRITTEN_MAX) {
        memset(p, value, size);
    } else {
        memset(p, value, WRITTEN_MAX);
        memset(p + size - WRITTEN_MAX, value, WRITTEN_MAX);
    }
}

static void
blocks_note(struct run_pool *pool)
{
    ngx_pool_t *next;

    while (pool->block_count < MODEL_BLOCKS_MAX &&
           (next = pool->blocks[pool->block_count - 1]->d.next) != NULL) {
        pool->blocks[pool->block_count++] = next;
    }
}

/* Called by the pool, with a cleanup's data and nothing else. */
static void
handler(void *data)
{
    struct run *run = &the_run;
    unsigned pool = now.running_pool;
    struct step step = step_begin(run, STEP_HANDLER, pool, OP_CLEANUP);
    struct run_cleanup due;

    step.due = cleanup_due(run, pool, &due) ? &due : NULL;
    step.given = data;
    step_check(run, &step);
    note((struct source_call){
        .code = SOURCE_HANDLER,
        .object = due.size != 0 ? due.number : SOURCE_NONE,
        .number = due.number,
    });
    if (run->op_count < MODEL_OPS_MAX) {
        run->op_count++;
        handler_act(run, &due);
    }
    note((struct source_call){.code = SOURCE_HANDLER_END});
}

/* Does what a due cleanup's kind does to the pool. */
static void
handler_act(struct run *run, struct run_cleanup *due)
{
    struct op *op = &due->op;

    switch (due->handler) {
    case RUN_ALLOCATING:
        do_alloc(run, op, OP_PALLOC, size_of(run, op));
        break;
    case RUN_FREEING:
        op->code = OP_PFREE_LARGE;
        perform_free(run, op, 0);
        break;
    case RUN_ADDING:
        do_cleanup(run, op, RUN_PLAIN, size_of(run, op));
        break;
    default:
        break;
    }
}

/* Takes off the newest cleanup that runs a handler of ours. Those of files are
 * taken off on the way; what they do to files is expected from now on. */
static int
cleanup_due(struct run *run, unsigned pool, struct run_cleanup *ret_due)
{
    struct run_pool *self = &run->pools[pool];

    while (self->cleanup_count != 0) {
        struct run_cleanup *cleanup = &self->cleanups[--self->cleanup_count];

        if (cleanup->is_over || cleanup->handler == RUN_NONE) {
            continue;
        }
        if (cleanup->handler < RUN_HANDLERS) {
            *ret_due = *cleanup;
            return 1;
        }
        file_expect(run, cleanup);
    }
    return 0;
}

static void
file_expect(struct run *run, const struct run_cleanup *cleanup)
{
    unsigned fd = cleanup->op.who % DESCRIPTORS;
    int err = now.file_errs[FILES_UNLINK];

    if (cleanup->handler == RUN_DELETE) {
        run->events[run->event_count++] = (struct files_event){
            .kind = FILES_UNLINK, .fd = -1, .name = file_names[fd]};
        run->log_others += err != 0 && err != ENOENT;
    }
    run->events[run->event_count++] =
        (struct files_event){.kind = FILES_CLOSE, .fd = (int) fd};
    run->log_others += now.file_errs[FILES_CLOSE] != 0;
}

static void
note(struct source_call call)
{
    now.has_called |= call.code != SOURCE_OP;
    if (now.options.note != NULL) {
        now.options.note(&call);
    }
}

/* What must have come of the call that was noted last. */
static void
note_answer(struct source_call call, int succeeds)
{
    uint8_t answer = succeeds ? SOURCE_DONE : SOURCE_REFUSED;

    if (answer != call.answer) {
        note((struct source_call){.code = SOURCE_ANSWER, .answer = answer});
    }
}

static void
note_free(unsigned pool, struct run_target target, int succeeds)
{
    int is_foreign = target.p != NULL && target.key == MODEL_NO_KEY;
    int is_stale = now.op.code == OP_PFREE_STALE;

    note((struct source_call){
        .code = is_foreign ? SOURCE_FREE_FOREIGN
                : is_stale ? SOURCE_FREE_STALE
                           : SOURCE_FREE,
        .answer = succeeds ? SOURCE_DONE : SOURCE_REFUSED,
        .pool = pool,
        .object = target.key,
        .size = target.offset,
    });
}

static struct source_call
cleanup_call(const struct op *op, enum run_handler kind, size_t size,
             unsigned key)
{
    int is_file = kind == RUN_CLOSE || kind == RUN_DELETE;

    return (struct source_call){
        .code = kind == RUN_CLOSE    ? SOURCE_CLEANUP_FILE
                : kind == RUN_DELETE ? SOURCE_DELETE_FILE
                : kind == RUN_NONE   ? SOURCE_CLEANUP_NONE
                                     : SOURCE_CLEANUP,
        .answer = size > HEAP_SIZE_MAX ? SOURCE_REFUSED : SOURCE_DONE,
        .pool = op->pool,
        .object = size == 0 || is_file ? SOURCE_NONE : key,
        .number = key,
        .file = op->who % DESCRIPTORS,
        .size = size,
    };
}

static void
note_tail(unsigned pool, const struct run_allocation *allocation, size_t size)
{
    note((struct source_call){.code = SOURCE_TAIL,
                              .pool = pool,
                              .object = allocation->key,
                              .size = size});
}

/* All that the pool has is as it was, and goes. */
static void
note_end(struct run *run, unsigned pool, enum source_code code)
{
    struct run_pool *self = &run->pools[pool];
    size_t i;

    for (i = 0; i < self->allocation_count; i++) {
        if (self->allocations[i].key != MODEL_NO_KEY) {
            note((struct source_call){.code = SOURCE_DROP,
                                      .pool = pool,
                                      .object = self->allocations[i].key});
        }
    }
    note((struct source_call){.code = (uint8_t) code, .pool = pool});
}

static void
log_write(ngx_log_t *log, ngx_uint_t level, u_char *buf, size_t len)
{
    (void) log;
    (void) level;
    (void) buf;
    (void) len;
    the_run.log_lines++;
}
