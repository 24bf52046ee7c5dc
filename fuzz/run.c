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
    /* Kept small, so that many programs run in a second: live bytes of blocks
     * and of large allocations, each, past which a pool's ops do nothing. */
    /* What version 1 cannot name is one of its sizes: the heap has not room for
     * many more. Those that no heap has are left. */
    SIZES = 128 * 1024,

    POOL_BYTES_MAX = 8 * 1024 * 1024,

    /* Of a longer allocation only so many bytes at either end are written. */
    WRITTEN_MAX = 512,

    FILLS = 255, /* values that a written byte takes, never 0 */

    GROW_MAX = 64 * 1024, /* of a block, when it has doubled */

    AGAIN_MAX = 16,
    FAILS_WITHIN = 4, /* no op takes more of the system's allocations */
    DESCRIPTORS = 8,  /* that programs use; small, so that they collide */
    ALIGNMENTS = 24,
    ALIGNMENTS_GOOD = 17, /* 1 << 0 ... 1 << 16, the rest in bad_alignments */
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
static void alloc_expect(struct run *run, struct step *step, unsigned key);
static void *alloc_call(ngx_pool_t *pool, const struct step *step);
static void do_free(struct run *run, unsigned pool, struct run_target target,
                    struct run_allocation *allocation);
static void do_cleanup(struct run *run, const struct op *op,
                       enum run_handler handler, size_t size);
static void do_cancel(struct run *run, const struct op *op);
static void do_run_file(struct run *run, const struct op *op);
static void do_write(struct run *run, const struct op *op);
static void do_tail(struct run *run, const struct op *op, size_t size);
static void do_grow(struct run *run, const struct op *op, size_t size);
static void do_cache_limit(struct run *run, size_t size);
static void do_cache_trim(struct run *run);
static void do_fail_files(const struct op *op);

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
static void note_free(unsigned pool, struct run_target target, int succeeds);
static void note_cleanup(const struct op *op, enum run_handler kind,
                         size_t size, unsigned key, int succeeds);
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

static void
run_start(struct run *run, const struct run_options *options)
{
    unsigned pool;

    now.options = *options;
    now.is_over = 0;
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
        self->trace = 0;
    }
    run->op_count = 0;
    run->effective = 0;
    run->op_number = 0;
    run->key_next = 0;
    run->made_count = 0;
    run->log_lines = 0;
    run->log_others = 0;
    run->event_count = 0;
    run->trace = 0;
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
        self->after = *self->pool;
    }
    trace_step(run, step);

    broken = oracles_check(run, step);
    if (broken != NULL) {
        step_fail(run, step, broken);
    }
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
            "  live: expected %zu blocks, %zu bytes; found %zu and %zu\n",
            run->model.system.live_blocks, run->model.system.live_bytes,
            heap_live_blocks(), heap_live_bytes());
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
    run->trace = trace_mix(run->trace, heap_live_blocks());
    run->trace = trace_mix(run->trace, heap_live_bytes());
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
            run->model.system.fail_in = op->who % FAILS_WITHIN;
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
    case OP_GROW:
        do_grow(run, op, size);
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
        /* The system may have given the same address again. */
        if (is_live(self, target.p)) {
            target = target_of(NULL);
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
    struct step step;

    if (self->pool != NULL) {
        do_destroy(run, pool);
    }
    step = step_begin(run, STEP_CREATE, pool, OP_CREATE);
    step.size = size;
    step.succeeds = model_create(&run->model, pool, size);
    run->log_others += size < sizeof(ngx_pool_t) + 2 * now.options.redzone;

    note((struct source_call){
        .code = SOURCE_CREATE,
        .answer = step.succeeds ? SOURCE_DONE : SOURCE_REFUSED,
        .pool = pool,
        .size = size,
    });
    self->pool = ngx_create_pool(size, &now.log);
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
    model_destroy(&run->model, pool);
    self->pool = NULL;
    self->allocation_count = 0;
    step.kind = STEP_DESTROY;
    step_check(run, &step);
}

static void
do_reset(struct run *run, unsigned pool)
{
    struct step step = step_begin(run, STEP_BEFORE, pool, OP_RESET);

    step_check(run, &step);
    note_end(run, pool, SOURCE_RESET);
    cleanups_run(run, pool, ngx_reset_pool, &step);
    model_reset(&run->model, pool);
    run->pools[pool].allocation_count = 0;
    step.kind = STEP_RESET;
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
    ngx_pool_t *real = run->pools[pool].pool;
    unsigned key = run->key_next++;
    struct step step = step_begin(run, STEP_ALLOC, pool, code);
    struct run_allocation *made = NULL;
    unsigned char *p;

    if (is_full(run, pool)) {
        return;
    }
    step.size = size;

    step.alignment = code == OP_PMEMALIGN ? alignment_of(op) : 0;
    alloc_expect(run, &step, key);
    note((struct source_call){
        .code = (uint8_t) alloc_codes[code],
        .answer = step.succeeds ? SOURCE_DONE : SOURCE_REFUSED,
        .pool = pool,
        .object = key,
        .size = size,
        .alignment = step.alignment,
    });
    p = alloc_call(real, &step);

    if (p != NULL) {
        made = allocation_add(run, pool, p, size, RUN_BYTES);
        made->key = key;
        made->number = run->made_count;
        made->spot = step.spot;
        step.made = made;
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

/* What comes of the step, by the model. */
static void
alloc_expect(struct run *run, struct step *step, unsigned key)
{
    struct model *model = &run->model;
    size_t alignment = step->alignment;

    if (step->code == OP_PNALLOC) {
        step->spot = model_pnalloc(model, step->pool, step->size, key);
    } else if (step->code != OP_PMEMALIGN) {
        step->spot = model_palloc(model, step->pool, step->size, key);
    } else if (alignment == 0 || (alignment & (alignment - 1)) != 0) {
        run->log_others++;
    } else {
        step->spot =
            model_pmemalign(model, step->pool, step->size, alignment, key);
    }
    step->succeeds = step->spot.place != MODEL_NOWHERE;
}

static void *
alloc_call(ngx_pool_t *pool, const struct step *step)
{
    switch (step->code) {
    case OP_PMEMALIGN:
        return ngx_pmemalign(pool, step->size, step->alignment);
    case OP_PNALLOC:
        return now.options.is_inlined ? ngx_pnalloc_inline(pool, step->size)
                                      : ngx_pnalloc(pool, step->size);
    case OP_PCALLOC:
        return ngx_pcalloc(pool, step->size);
    default:
        return now.options.is_inlined ? ngx_palloc_inline(pool, step->size)
                                      : ngx_palloc(pool, step->size);
    }
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

    if (allocation != NULL) {
        key = allocation->key;
        step.made = allocation;
        step_check(run, &step);
        step.made = NULL;
        note((struct source_call){.code = SOURCE_DROP, .object = key});
        allocation_remove(self, allocation);
        self->stale[self->stale_count++ % RUN_STALE_MAX] = target;
    }
    step.kind = STEP_FREE;
    step.freed = target.p;
    /* NULL is refused before anything is looked for. */
    step.succeeds = target.p != NULL && model_free(&run->model, pool, key);
    note_free(pool, target, step.succeeds);
    step.answer = ngx_pfree(self->pool, target.p);
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
    struct model_cleanup model = {0};
    struct run_allocation *data = NULL;
    struct run_cleanup *cleanup = &self->cleanups[self->cleanup_count];
    ngx_pool_cleanup_t *node;

    if (is_full(run, pool)) {
        return;
    }
    step.size = size;
    step.succeeds = model_cleanup(&run->model, pool, size, key, &model);
    step.spot = model.node;
    note_cleanup(op, kind, size, key, step.succeeds);
    node = ngx_pool_cleanup_add(self->pool, size);
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
        model_tail_move(&run->model, op->pool, a->spot.block, (long) size);
    } else if (op->code == OP_TAIL_SHRINK) {
        size = size < a->size ? size : a->size;
        note_tail(op->pool, a, a->size - size);
        d->last -= size;
        a->size -= size;
        model_tail_move(&run->model, op->pool, a->spot.block, -(long) size);
        if (run->is_marked && __asan_poison_memory_region != NULL) {
            __asan_poison_memory_region(d->last, size);
        }
    }
    fill(a, (unsigned char) (1 + a->key % FILLS));
    step_check(run, &step);
}

/* The bound is a power of two, since the pool rounds it down to one. */
static void
do_grow(struct run *run, const struct op *op, size_t size)
{
    struct step step = step_begin(run, STEP_OTHER, op->pool, OP_GROW);
    size_t most = 1;

    while (most < size && most < GROW_MAX) {
        most *= 2;
    }
    model_grow(&run->model, op->pool, most);
    note((struct source_call){
        .code = SOURCE_GROW, .pool = op->pool, .size = most});
    ngx_pool_grow(run->pools[op->pool].pool, most);
    step_check(run, &step);
}

static void
do_cache_limit(struct run *run, size_t size)
{
    struct step step = step_begin(run, STEP_OTHER, 0, OP_CACHE_LIMIT);

    model_cache_limit(&run->model, size);
    note((struct source_call){.code = SOURCE_CACHE_LIMIT, .size = size});
    ngx_pool_cache_limit(size);
    step_check(run, &step);
}

static void
do_cache_trim(struct run *run)
{
    struct step step = step_begin(run, STEP_OTHER, 0, OP_CACHE_TRIM);

    model_cache_trim(&run->model);
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

/* The program's own that the window was used for last; newest of those without
 * bytes. */
static struct run_allocation *
allocation_last(struct run_pool *pool)
{
    size_t i;

    for (i = pool->allocation_count; i-- != 0;) {
        struct run_allocation *allocation = &pool->allocations[i];

        if (allocation->kind == RUN_BYTES &&
            allocation->spot.place == MODEL_SMALL &&
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

    while (pool->block_count < MODEL_OPS_MAX &&
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

static void
note_cleanup(const struct op *op, enum run_handler kind, size_t size,
             unsigned key, int succeeds)
{
    int is_file = kind == RUN_CLOSE || kind == RUN_DELETE;

    note((struct source_call){
        .code = kind == RUN_CLOSE    ? SOURCE_CLEANUP_FILE
                : kind == RUN_DELETE ? SOURCE_DELETE_FILE
                : kind == RUN_NONE   ? SOURCE_CLEANUP_NONE
                                     : SOURCE_CLEANUP,
        .answer = succeeds ? SOURCE_DONE : SOURCE_REFUSED,
        .pool = op->pool,
        .object = size == 0 || is_file ? SOURCE_NONE : key,
        .number = key,
        .file = op->who % DESCRIPTORS,
        .size = size,
    });
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
