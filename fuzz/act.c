#include "act.h"

#include <errno.h>
#include <string.h>

#include "files.h"
#include "heap.h"
#include "kept.h"
#include "note.h"
#include "states.h"

enum {
    /* nginx's own functions look for an empty entry among the first ones, the
     * library's at the first one. */
    ENTRIES_LOOKED_AT = 5,

    /* For nginx's functions a pool's size must be a multiple of this; otherwise
     * their end - m wraps. */
    NGINX_UNIT = 16,

    /* While a pool's blocks, or its live large allocations, have more bytes
     * than this, ops that allocate from it do nothing. The limit is low, so
     * that many programs run in a second. */
    POOL_BYTES_MAX = 8 * 1024 * 1024,

    FAILS_ABOVE = 64, /* bytes; twice as many for each next fail_alloc */
    FAILS = 16,

    UNUSED_LOOKED_AT = 2, /* unused blocks in a row that end a reset's walk */
    UNUSED_MARK = 0x5eed,
};

/* The outcomes that fail_files chooses from. */
static const struct {
    enum files_kind kind;
    int err;
} file_faults[] = {
    {FILES_CLOSE, 0},        {FILES_UNLINK, 0},    {FILES_UNLINK, ENOENT},
    {FILES_UNLINK, EACCES},  {FILES_CLOSE, EINTR}, {FILES_CLOSE, EIO},
    {FILES_UNLINK, ENOTDIR},
};

/* Where AddressSanitizer is not linked, these are NULL. */
void __asan_poison_memory_region(const volatile void *p, size_t size)
    __attribute__((weak));
void __asan_unpoison_memory_region(const volatile void *p, size_t size)
    __attribute__((weak));

static void act_any(struct run *run, const struct op *op);
static void act_on(struct run *run, const struct op *op, size_t size);
static void act_aged(struct run *run, const struct op *op);
static int is_chosen(const struct run *run, unsigned pool);
static void create(struct run *run, unsigned pool, size_t size);
static void reset(struct run *run, unsigned pool);
static void lines_expect(struct run *run, unsigned pool, int is_destroy);
static size_t first_unused(const struct run *run, unsigned pool);
static void unused_mark(const struct run *run, unsigned pool, size_t from);
static size_t unused_clear(const struct run *run, unsigned pool, size_t from);
static void write_again(struct run *run, const struct op *op);
static void tail(struct run *run, const struct op *op, size_t size);
static void fail_alloc(struct run *run, unsigned number);
static void fail_files(struct run *run, const struct op *op);

void
act(struct run *run, const struct op *op)
{
    if (run->op_count == MODEL_OPS_MAX) {
        return;
    }
    run->op_count++;
    run->op = *op;
    run->has_called = 0;
    note(run, (struct source_call){.code = SOURCE_OP,
                                   .number = (uint32_t) run->op_number,
                                   .op = *op});
    run->made_count += op_makes_object(op->code) != 0;
    act_any(run, op);
    if (run->has_called) {
        states_note(run, op->pool);
        run->effective++;
    }
}

static void
act_any(struct run *run, const struct op *op)
{
    switch (op->code) {
    case OP_CACHE_LIMIT:
        act_cache_limit(run, act_size(run, op));
        break;
    case OP_CACHE_TRIM:
        act_cache_trim(run, 0);
        break;
    case OP_FAIL_ALLOC:
        fail_alloc(run, op->number % FAILS);
        break;
    case OP_FAIL_FILES:
        fail_files(run, op);
        break;
    case OP_NGINX:
        if (run->options.nginx != NULL) {
            run->has_called = 1;
            run->by_nginx = op->number;
        }
        break;
    case OP_FREE:
    case OP_RESIZE:
        act_aged(run, op);
        break;
    case OP_CREATE:
    case OP_CHILD:
        if (is_chosen(run, op->pool)) {
            create(run, op->pool, act_size(run, op));
        }
        break;
    default:
        if (is_chosen(run, op->pool) && run->pools[op->pool].pool != NULL) {
            act_on(run, op, act_size(run, op));
        }
        break;
    }
}

/* Does an op on a pool that exists. */
static void
act_on(struct run *run, const struct op *op, size_t size)
{
    switch (op->code) {
    case OP_DESTROY:
        act_destroy(run, op->pool);
        break;
    case OP_RESET:
        reset(run, op->pool);
        break;
    case OP_PALLOC:
    case OP_PNALLOC:
    case OP_PCALLOC:
    case OP_PMEMALIGN:
        act_alloc(run, op, (enum op_code) op->code, size);
        break;
    case OP_PFREE_LARGE:
        act_free_large(run, op, 0);
        break;
    case OP_PFREE_TWICE:
        act_free_large(run, op, 1);
        break;
    case OP_PFREE_SMALL:
    case OP_PFREE_FOREIGN:
    case OP_PFREE_INNER:
    case OP_PFREE_STALE:
    case OP_PFREE_NULL:
        act_decline(run, op, size);
        break;
    case OP_CLEANUP:
        act_cleanup(run, op, act_handler(op->number), size);
        break;
    case OP_CLEANUP_CANCEL:
    case OP_CLEANUP_RUN: /* no function of the pool does it */
        act_cancel(run, op);
        break;
    case OP_CLEANUP_FILE:
        act_cleanup(run, op, SHADOW_CLOSE, sizeof(ngx_pool_cleanup_file_t));
        break;
    case OP_DELETE_FILE:
        act_cleanup(run, op, SHADOW_DELETE, sizeof(ngx_pool_cleanup_file_t));
        break;
    case OP_RUN_FILE:
        act_run_file(run, op);
        break;
    case OP_WRITE:
        write_again(run, op);
        break;
    case OP_TAIL_GROW:
    case OP_TAIL_SHRINK:
        tail(run, op, size);
        break;
    default: /* no op on pools */
        break;
    }
}

/* Does an op on an object of any pool. */
static void
act_aged(struct run *run, const struct op *op)
{
    int is_resize = op->code == OP_RESIZE;
    size_t object = run->made_count - (size_t) is_resize - op->number;
    unsigned pool;

    for (pool = 0; pool < OP_POOLS; pool++) {
        struct shadow_allocation *old =
            shadow_numbered(&run->pools[pool], object);
        struct op alone = *op;

        alone.pool = pool;
        if (old == NULL) {
            continue;
        }
        if (is_resize) {
            act_alloc(run, &alone, OP_PALLOC, act_size(run, &alone));
            old = shadow_numbered(&run->pools[pool], object);
        }
        if (old != NULL) {
            act_free(run, pool, shadow_target_of(old),
                     old->place == MODEL_LARGE ? old : NULL);
        }
        return;
    }
}

/* Whether ops on this pool are done. */
static int
is_chosen(const struct run *run, unsigned pool)
{
    return run->options.only == RUN_ALL || run->options.only == pool;
}

static void
create(struct run *run, unsigned pool, size_t size)
{
    struct shadow_pool *self = &run->pools[pool];
    struct source_call call;
    struct model_seen seen;
    struct step step;
    int is_too_small;

    if (self->pool != NULL) {
        act_destroy(run, pool);
    }
    if (run->options.nginx != NULL) {
        size -= size % NGINX_UNIT;
    }
    is_too_small = size < sizeof(ngx_pool_t) + 2 * run->options.redzone;
    call = (struct source_call){
        .code = SOURCE_CREATE,
        .answer =
            is_too_small || size > HEAP_SIZE_MAX ? SOURCE_REFUSED : SOURCE_DONE,
        .pool = pool,
        .size = size,
    };
    note(run, call);
    step = step_begin(run, STEP_CREATE, pool, OP_CREATE);
    step.size = size;
    act_begin(run, &step);
    self->pool = ngx_create_pool(size, run_log(run, pool));
    seen = act_end(run, &step, self->pool == NULL);
    step.succeeds = model_create(&run->model, pool, size, &seen);
    run->lines.others += is_too_small && run_logs(pool);
    note_answer(run, call, step.succeeds);

    shadow_start(self, self->pool);
    step_check(run, &step);
}

void
act_destroy(struct run *run, unsigned pool)
{
    struct shadow_pool *self = &run->pools[pool];
    struct step step = step_begin(run, STEP_BEFORE, pool, OP_DESTROY);

    step_check(run, &step);
    note_end(run, pool, SOURCE_DESTROY);
    act_cleanups(run, pool, ngx_destroy_pool, &step);
    step.kind = STEP_DESTROY;
    kept_end(run, &step);
    lines_expect(run, pool, 1);
    model_destroy(&run->model, pool);
    self->pool = NULL;
    shadow_end(self);
    step_check(run, &step);
}

void
act_chain(struct run *run, unsigned pool)
{
    run->pools[pool].pool->chain = (ngx_chain_t *) run->pools[pool].pool;
}

static void
reset(struct run *run, unsigned pool)
{
    struct shadow_pool *self = &run->pools[pool];
    struct step step = step_begin(run, STEP_BEFORE, pool, OP_RESET);
    size_t unused;

    step_check(run, &step);
    act_chain(run, pool);
    note_end(run, pool, SOURCE_RESET);
    unused = first_unused(run, pool);
    unused_mark(run, pool, unused);
    act_cleanups(run, pool, ngx_reset_pool, &step);
    step.touched = unused_clear(run, pool, unused);
    step.kind = STEP_RESET;
    kept_end(run, &step);
    lines_expect(run, pool, 0);
    model_reset(&run->model, pool);
    shadow_end(self);
    step_check(run, &step);
}

/* Adds the lines that a debug build must write for a pool that is reset or
 * destroyed. */
static void
lines_expect(struct run *run, unsigned pool, int is_destroy)
{
    const struct model_pool *model = &run->model.pools[pool];
    size_t i;

    if (!run_logs(pool)) {
        return;
    }
    run->lines.debug_expected += model->large_count;
    run->lines.object_sum_expected += run->pools[pool].large_address_sum;
    for (i = 0; is_destroy && i < model->block_count; i++) {
        lines_expect_debug(run, pool, (uintptr_t) run->pools[pool].blocks[i]);
        run->lines.unused_expected +=
            model->blocks[i].size - model->blocks[i].last;
    }
}

/*
 * A reset may look only at the used blocks, and at UNUSED_LOOKED_AT unused ones
 * in a row. Returns the first block that it must leave alone. Returns SIZE_MAX
 * when there is none, or when handlers may still use the blocks.
 */
static size_t
first_unused(const struct run *run, unsigned pool)
{
    const struct model_pool *model = &run->model.pools[pool];
    size_t first = model->block_count;

    while (first != 0 &&
           model->blocks[first - 1].last == model_header(first - 1) &&
           model->blocks[first - 1].failed == 0) {
        first--;
    }
    first += UNUSED_LOOKED_AT;
    return first < model->block_count && run->pools[pool].cleanup_count == 0
               ? first
               : SIZE_MAX;
}

/* Writes marks into the headers of blocks. A reset overwrites the marks of the
 * blocks that it looks at. */
static void
unused_mark(const struct run *run, unsigned pool, size_t from)
{
    const struct shadow_pool *self = &run->pools[pool];

    for (; from < self->block_count; from++) {
        self->blocks[from]->d.failed = UNUSED_MARK;
    }
}

/* Removes the marks. Returns the number of blocks whose mark was
 * overwritten. */
static size_t
unused_clear(const struct run *run, unsigned pool, size_t from)
{
    const struct shadow_pool *self = &run->pools[pool];
    size_t touched = 0;

    for (; from < self->block_count; from++) {
        touched += self->blocks[from]->d.failed != UNUSED_MARK;
        self->blocks[from]->d.failed = 0;
    }
    return touched;
}

static void
write_again(struct run *run, const struct op *op)
{
    struct shadow_pool *self = &run->pools[op->pool];
    struct step step = step_begin(run, STEP_READ, op->pool, OP_WRITE);
    struct shadow_allocation *allocation;

    if (self->allocation_count == 0) {
        return;
    }
    allocation = &self->allocations[self->allocation_count - 1 -
                                    op->number % self->allocation_count];
    if (allocation->kind != SHADOW_BYTES) {
        return;
    }
    step.made = allocation;
    step_check(run, &step);
    if (allocation->key != MODEL_NO_KEY) {
        note(run, (struct source_call){.code = SOURCE_WRITE,
                                       .pool = op->pool,
                                       .object = allocation->key});
    }
    shadow_fill(allocation,
                (unsigned char) (1 + run->next_key++ % SHADOW_FILLS));
    step.kind = STEP_WRITE;
    step_check(run, &step);
}

/* Grows or shrinks the last allocation in place, as ngx_array does with its
 * elements. */
static void
tail(struct run *run, const struct op *op, size_t size)
{
    struct shadow_pool *self = &run->pools[op->pool];
    ngx_pool_data_t *d = &self->pool->d;
    struct step step =
        step_begin(run, STEP_OTHER, op->pool, (enum op_code) op->code);
    struct shadow_allocation *a = shadow_last(self);

    if (a == NULL) {
        return;
    }
    if (op->code == OP_TAIL_GROW && size <= (size_t) (d->end - d->last)) {
        note_tail(run, op->pool, a, a->size + size);
        if (run->is_marked && __asan_unpoison_memory_region != NULL) {
            __asan_unpoison_memory_region(d->last, size);
        }
        d->last += size;
        a->size += size;
        model_tail_move(&run->model, op->pool, (long) size);
    } else if (op->code == OP_TAIL_SHRINK) {
        size = size < a->size ? size : a->size;
        note_tail(run, op->pool, a, a->size - size);
        d->last -= size;
        a->size -= size;
        model_tail_move(&run->model, op->pool, -(long) size);
        if (run->is_marked && __asan_poison_memory_region != NULL) {
            __asan_poison_memory_region(d->last, size);
        }
    }
    shadow_note_cut(self, a);
    shadow_fill(a, (unsigned char) (1 + a->key % SHADOW_FILLS));
    step_check(run, &step);
}

void
act_cache_limit(struct run *run, size_t size)
{
    struct step step = step_begin(run, STEP_OTHER, 0, OP_CACHE_LIMIT);

    step.kept = run->kept.stats.size;
    run->kept.limit = run->options.all_large ? 0 : size;
    note(run, (struct source_call){.code = SOURCE_CACHE_LIMIT, .size = size});
    ngx_pool_cache_limit(size);
    step_check(run, &step);
}

void
act_cache_trim(struct run *run, unsigned pool)
{
    struct step step = step_begin(run, STEP_OTHER, pool, OP_CACHE_TRIM);

    note(run, (struct source_call){.code = SOURCE_CACHE_TRIM});
    ngx_pool_cache_trim();
    step_check(run, &step);
}

static void
fail_alloc(struct run *run, unsigned number)
{
    size_t above;

    if (run->options.no_faults) {
        return;
    }
    if (number < OP_FAIL_CLEARED) {
        note(run,
             (struct source_call){.code = SOURCE_FAIL_ALLOC, .number = number});
        heap_fail_at(number);
        return;
    }
    if (number == OP_FAIL_CLEARED) {
        note(run, (struct source_call){.code = SOURCE_FAIL_CLEARED});
        heap_fail_cleared();
        return;
    }
    above = (size_t) FAILS_ABOVE << (number - OP_FAIL_CLEARED);
    note(run, (struct source_call){.code = SOURCE_FAIL_ABOVE, .size = above});
    heap_fail_above(above);
}

static void
fail_files(struct run *run, const struct op *op)
{
    size_t nth = op->number % (sizeof(file_faults) / sizeof(file_faults[0]));

    note(run, (struct source_call){.code = SOURCE_FAIL_FILES});
    files_fail(file_faults[nth].kind, file_faults[nth].err);
    run->file_errs[file_faults[nth].kind] = file_faults[nth].err;
}

void
act_begin(struct run *run, struct step *step)
{
    const ngx_pool_t *pool = run->pools[step->pool].pool;
    const ngx_pool_large_t *large = pool != NULL ? pool->large : NULL;
    size_t looked_at = run->options.nginx != NULL ? ENTRIES_LOOKED_AT : 1;
    size_t entry;

    step->empty_entry = MODEL_NO_ENTRY;
    for (entry = 0; large != NULL && entry < looked_at; entry++) {
        if (large->alloc == NULL) {
            step->empty_entry = entry;
            break;
        }
        large = large->next;
    }
    run->lines.code = step->code;
    run->lines.size = step->size;
    run->lines.alignment = step->alignment;
    step->kept = run->kept.stats.size;
    step->calls = heap_calls();
    step->refusals = heap_refusals();
}

struct model_seen
act_end(struct run *run, struct step *step, int is_null)
{
    struct shadow_pool *self = &run->pools[step->pool];
    const ngx_pool_t *pool = self->pool;
    struct model_seen seen = {.is_null = is_null,
                              .empty_entry = step->empty_entry};

    step->calls = heap_calls() - step->calls;
    step->refusals = heap_refusals() - step->refusals;
    seen.is_refused = step->refusals != 0;
    if (seen.is_refused && strcmp(heap_refused().function, "calloc") == 0) {
        seen.is_null = 0; /* a call that lacks bookkeeping alone succeeds */
    }
    run->lines.others -= run_logs(step->pool) ? 0 : step->refusals;
    if (pool == NULL || !step->had_pool) {
        return seen;
    }
    seen.has_block = self->blocks[self->block_count - 1]->d.next != NULL;
    shadow_note_blocks(self);
    seen.failed = step->before.current->d.failed;
    seen.has_index = step->before.index != NULL;
    /* A new first entry of the list is not in the index if it lies in a
     * block. */
    seen.is_indexed =
        pool->index != NULL &&
        (pool->large == step->before.large || pool->large == NULL ||
         shadow_block_of(self, &run->model.pools[step->pool],
                         (const unsigned char *) pool->large) ==
             self->block_count);
    return seen;
}

size_t
act_size(const struct run *run, const struct op *op)
{
    struct op_scale scale = {.page = ngx_pagesize};
    size_t size;

    if (op->code == OP_CREATE || op->code == OP_CHILD ||
        op->code == OP_CACHE_LIMIT) {
        scale.max = sizeof(ngx_pool_t);
        scale.left = op->code == OP_CACHE_LIMIT ? ngx_pool_cache_size()
                                                : NGX_MIN_POOL_SIZE;
        scale.page += sizeof(ngx_pool_t);
    } else {
        scale.max = run->model.pools[op->pool].max;
        scale.left = model_left(&run->model, op->pool);
    }
    size = op_size(op, &scale);
    return act_is_reduced(op->code, size) ? size % ACT_SIZES : size;
}

int
act_is_reduced(unsigned code, size_t size)
{
    return code != OP_CACHE_LIMIT && size >= ACT_SIZES && size <= HEAP_SIZE_MAX;
}

int
act_is_full(const struct run *run, unsigned pool)
{
    return run->model.pools[pool].bytes > POOL_BYTES_MAX ||
           run->pools[pool].large_asked > POOL_BYTES_MAX;
}
