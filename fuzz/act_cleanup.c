#include "act.h"

#include <errno.h>
#include <limits.h>

#include "files.h"
#include "heap.h"
#include "note.h"

/* The first two descriptors, which most programs use, have the same lower bits.
 * A name is the descriptor: a line in the log has either (lines.c). */
static const struct {
    int fd;
    const char *name;
} opened[ACT_DESCRIPTORS] = {
    {0, "0"}, {1 << 16, "65536"}, {2, "2"}, {3, "3"},
    {4, "4"}, {5, "5"},           {6, "6"}, {INT_MAX, "2147483647"},
};

/* The handlers of an op cleanup. The first row has the numbers below
 * SHADOW_OPS, which mean what they always meant. */
static const enum shadow_handler handlers[][SHADOW_OPS] = {
    {SHADOW_PLAIN, SHADOW_ALLOCATING, SHADOW_FREEING, SHADOW_ADDING,
     SHADOW_NONE},
    {SHADOW_RUNNING_FILE, SHADOW_ALIGNING, SHADOW_FREEING, SHADOW_ADDING,
     SHADOW_NONE},
    {SHADOW_CANCELLING, SHADOW_ALLOCATING, SHADOW_FREEING, SHADOW_TRIMMING,
     SHADOW_NESTING},
};

enum {
    HANDLER_ROWS = sizeof(handlers) / sizeof(handlers[0]),
    HANDLER_NUMBERS = SHADOW_OPS * HANDLER_ROWS,

    NULL_ONE_IN = 3, /* cleanups without data */

    /* The pool of a handler that makes one of its own: its number in a C
     * program, its size, and two sizes that are large in it. */
    NESTED = OP_POOLS,
    NESTED_SIZE = 512,
    NESTED_LARGE = 600,
    NESTED_LARGER = 700,
};

/* The run whose pool runs its cleanups: a handler gets its data and nothing
 * else. */
static struct run *running;

static void cleanup_fill(struct run *run, unsigned pool,
                         struct shadow_cleanup *cleanup,
                         struct shadow_allocation *data);
static void *unreadable(const struct shadow_cleanup *cleanup);
static void handler(void *data);
static void handler_act(struct run *run, struct shadow_cleanup *expected);
static void nest(struct run *run);
static int nested_lives(struct run *run);
static void nested_alloc(struct run *run, ngx_pool_t *nested, size_t size);
static void nested_handler(void *data);
static int cleanup_take(struct run *run, unsigned pool,
                        struct shadow_cleanup *ret_cleanup);
static void file_expect(struct run *run, const struct shadow_cleanup *cleanup);

void
act_cleanup(struct run *run, const struct op *op, enum shadow_handler kind,
            size_t size)
{
    unsigned pool = op->pool;
    struct shadow_pool *self = &run->pools[pool];
    unsigned key = run->next_key++;
    struct step step = step_begin(run, STEP_CLEANUP, pool, OP_CLEANUP);
    struct source_call call = note_cleanup(op, kind, size, key);
    struct shadow_allocation *data = NULL;
    struct shadow_cleanup *cleanup = &self->cleanups[self->cleanup_count];
    struct model_cleanup model;
    struct model_seen seen;
    ngx_pool_cleanup_t *node;

    if (act_is_full(run, pool)) {
        return;
    }
    step.size = size;
    note(run, call);
    /* If the data get no memory, nginx's own function keeps the node. The node
     * must be small, since its address is not known. */
    step.is_nginx = run->by_nginx & OP_BY_NGINX_CLEANUP &&
                    self->pool->max >= sizeof(ngx_pool_cleanup_t);
    self->is_mixed |= step.is_nginx;
    act_begin(run, &step);
    node = step.is_nginx ? run->options.nginx->cleanup_add(self->pool, size)
                         : ngx_pool_cleanup_add(self->pool, size);
    seen = act_end(run, &step, node == NULL);
    if (node != NULL && !model_is_small(&run->model, pool, size)) {
        seen.taken = heap_size(step.is_nginx ? node->data : (void *) node);
    }
    step.taken = seen.taken;
    model = step.is_nginx
                ? model_nginx_cleanup(&run->model, pool, size, key, &seen)
                : model_cleanup(&run->model, pool, size, key, &seen);
    step.spot = model.node;
    step.spot.is_fresh |= model.data.is_fresh;
    step.succeeds = model.node.place != MODEL_NOWHERE;
    note_answer(run, call, step.succeeds);

    step.node = node;
    if (node != NULL) {
        if (!step.is_nginx) {
            lines_expect_debug(run, pool, (uintptr_t) node);
        }
        struct shadow_allocation *made =
            shadow_add(self, SHADOW_NODE, (unsigned char *) node, sizeof(*node),
                       &model.node, run->made_count);

        step.made = made;
        if (node->data != NULL) {
            data = shadow_add(self, SHADOW_DATA, node->data, size, &model.data,
                              run->made_count);
            data->key = key;
            step.data = data;
        }
        if (!model_is_small(&run->model, pool, size)) {
            act_large_made(run, pool,
                           step.is_nginx ? node->data : (void *) node);
        }
    }
    step_check(run, &step);

    if (node != NULL) {
        *cleanup = (struct shadow_cleanup){.handler = kind,
                                           .node = node,
                                           .number = key,
                                           .size = size,
                                           .op = *op};
        self->cleanup_count++;
        shadow_note_cut(self, data != NULL ? data : step.made);
        cleanup_fill(run, pool, cleanup, data);
    }
}

/* Sets the fields that a user of a new cleanup sets. */
static void
cleanup_fill(struct run *run, unsigned pool, struct shadow_cleanup *cleanup,
             struct shadow_allocation *data)
{
    struct step step = step_begin(run, STEP_WRITE, pool, OP_CLEANUP);
    ngx_pool_cleanup_t *node = cleanup->node;

    if (cleanup->handler == SHADOW_CLOSE || cleanup->handler == SHADOW_DELETE) {
        ngx_pool_cleanup_file_t *file = node->data;
        unsigned nth = cleanup->op.number % ACT_DESCRIPTORS;

        file->fd = opened[nth].fd;
        file->name = (u_char *) (uintptr_t) opened[nth].name;
        file->log = run_log(run, pool);
        node->handler = cleanup->handler == SHADOW_CLOSE ? ngx_pool_cleanup_file
                                                         : ngx_pool_delete_file;
    } else {
        if (data != NULL) {
            shadow_fill(data, (unsigned char) (1 + data->key % SHADOW_FILLS));
            cleanup->fill = data->fill;
        } else {
            node->data = unreadable(cleanup);
        }
        node->handler = cleanup->handler == SHADOW_NONE ? NULL : handler;
    }
    cleanup->data = node->data;
    step.made = data;
    step_check(run, &step);
}

enum shadow_handler
act_handler(uint32_t number)
{
    return handlers[number / SHADOW_OPS % HANDLER_ROWS][number % SHADOW_OPS];
}

void
act_cancel(struct run *run, const struct op *op)
{
    struct shadow_pool *self = &run->pools[op->pool];

    if (self->cleanup_count != 0) {
        struct shadow_cleanup *cleanup =
            &self->cleanups[self->cleanup_count - 1 -
                            op->number % self->cleanup_count];

        note(run, (struct source_call){.code = SOURCE_CANCEL,
                                       .number = cleanup->number});
        cleanup->node->handler = NULL;
        cleanup->is_over = 1;
    }
}

/* The data pointer of a cleanup without data. One in NULL_ONE_IN is NULL, as
 * ngx_pool_cleanup_add() left it. Others are no valid address, as when a user
 * stores a number. A pool that reads from it crashes. */
static void *
unreadable(const struct shadow_cleanup *cleanup)
{
    if (cleanup->number % NULL_ONE_IN == NULL_ONE_IN - 1) {
        return NULL;
    }
    return (void *) (uintptr_t) (1 + cleanup->number);
}

void
act_run_file(struct run *run, const struct op *op)
{
    struct shadow_pool *self = &run->pools[op->pool];
    unsigned nth = op->number % ACT_DESCRIPTORS;
    struct step step = step_begin(run, STEP_FILE, op->pool, OP_RUN_FILE);
    size_t i;

    for (i = self->cleanup_count; i-- != 0;) {
        struct shadow_cleanup *cleanup = &self->cleanups[i];

        if (cleanup->handler == SHADOW_CLOSE && !cleanup->is_over &&
            cleanup->op.number % ACT_DESCRIPTORS == nth) {
            file_expect(run, cleanup);
            cleanup->is_over = 1;
            files_watch(&cleanup->node->handler);
            break;
        }
    }
    note(run, (struct source_call){
                  .code = SOURCE_RUN_FILE, .pool = op->pool, .file = nth});
    ngx_pool_run_cleanup_file(self->pool, opened[nth].fd);
    files_watch(NULL);
    step_check(run, &step);
}

void
act_cleanups(struct run *run, unsigned pool, void (*call)(ngx_pool_t *pool),
             struct step *step)
{
    static struct shadow_cleanup left;

    run->running_pool = pool;
    run->is_running = 1;
    running = run;
    call(run->pools[pool].pool);
    run->is_running = 0;
    running = NULL;
    step->expected = cleanup_take(run, pool, &left) ? &left : NULL;
}

/* Called by the pool, with a cleanup's data and nothing else. */
static void
handler(void *data)
{
    struct run *run = running;
    unsigned pool = run->running_pool;
    struct step step = step_begin(run, STEP_HANDLER, pool, OP_CLEANUP);
    struct shadow_cleanup expected;

    step.expected = cleanup_take(run, pool, &expected) ? &expected : NULL;
    step.argument = data;
    step_check(run, &step);
    note(run, (struct source_call){
                  .code = SOURCE_HANDLER,
                  .object = expected.size != 0 ? expected.number : SOURCE_NONE,
                  .number = expected.number,
              });
    if (run->op_count < MODEL_OPS_MAX) {
        run->op_count++;
        handler_act(run, &expected);
    }
    note(run, (struct source_call){.code = SOURCE_HANDLER_END});
}

/* Does the op of the cleanup's kind. */
static void
handler_act(struct run *run, struct shadow_cleanup *expected)
{
    struct op *op = &expected->op;

    act_chain(run, run->running_pool);
    switch (expected->handler) {
    case SHADOW_ALLOCATING:
        act_alloc(run, op, OP_PALLOC, act_size(run, op));
        break;
    case SHADOW_FREEING:
        op->code = OP_PFREE_LARGE;
        act_free_large(run, op, 0);
        break;
    case SHADOW_ADDING:
        op->number /= HANDLER_NUMBERS;
        act_cleanup(run, op, act_handler(op->number), act_size(run, op));
        break;
    case SHADOW_RUNNING_FILE:
        op->number /= HANDLER_NUMBERS;
        act_run_file(run, op);
        break;
    case SHADOW_ALIGNING:
        op->number /= HANDLER_NUMBERS;
        act_alloc(run, op, OP_PMEMALIGN, act_size(run, op));
        break;
    case SHADOW_CANCELLING:
        op->number /= HANDLER_NUMBERS;
        act_cancel(run, op);
        break;
    case SHADOW_TRIMMING:
        act_cache_trim(run, run->running_pool);
        break;
    case SHADOW_NESTING:
        nest(run);
        break;
    default:
        break;
    }
}

/*
 * Makes and destroys a pool, as nginx does in handlers. The pool's own state is
 * not the model's: it must leave nothing, so it exists only where the thread
 * keeps no memory. The step is made in any case: the limit may be what another
 * pool has left, and the steps of this one must be the same without that.
 */
static void
nest(struct run *run)
{
    struct step step =
        step_begin(run, STEP_OTHER, run->running_pool, OP_CLEANUP);

    if (run->kept.limit == 0) {
        size_t refusals = heap_refusals();

        step.is_skipped = !nested_lives(run);
        run->lines.others -= heap_refusals() - refusals;
    }
    step_check(run, &step);
}

/* Makes a pool and its cleanup, and destroys it. It has no log. A C program has
 * the calls but the cleanup's, as a handler in it runs no other one. Returns
 * whether the cleanup has run, or was refused. */
static int
nested_lives(struct run *run)
{
    struct source_call call = {.code = SOURCE_CREATE,
                               .answer = SOURCE_DONE,
                               .pool = NESTED,
                               .size = NESTED_SIZE};
    ngx_pool_t *nested;
    ngx_pool_cleanup_t *cleanup;
    int has_run = 0;

    note(run, call);
    nested = ngx_create_pool(NESTED_SIZE, NULL);
    note_answer(run, call, nested != NULL);
    if (nested == NULL) {
        return 1;
    }
    nested_alloc(run, nested, NESTED_LARGE);
    nested_alloc(run, nested, NESTED_LARGER);
    cleanup = ngx_pool_cleanup_add(nested, 0);
    if (cleanup != NULL) {
        cleanup->handler = nested_handler;
        cleanup->data = &has_run;
    }
    note(run, (struct source_call){.code = SOURCE_DESTROY, .pool = NESTED});
    ngx_destroy_pool(nested);
    return cleanup == NULL || has_run;
}

static void
nested_alloc(struct run *run, ngx_pool_t *nested, size_t size)
{
    struct source_call call = {.code = SOURCE_PALLOC,
                               .answer = SOURCE_DONE,
                               .pool = NESTED,
                               .object = run->next_key++,
                               .size = size};

    note(run, call);
    note_answer(run, call, ngx_palloc(nested, size) != NULL);
}

static void
nested_handler(void *data)
{
    *(int *) data = 1;
}

/* Removes the newest cleanup with a handler of ours, and copies it to
 * *ret_cleanup. Cleanups of files before it are removed too, and their file
 * events are expected. Returns whether there was one. */
static int
cleanup_take(struct run *run, unsigned pool, struct shadow_cleanup *ret_cleanup)
{
    struct shadow_pool *self = &run->pools[pool];

    while (self->cleanup_count != 0) {
        struct shadow_cleanup *cleanup = &self->cleanups[--self->cleanup_count];

        if (cleanup->is_over || cleanup->handler == SHADOW_NONE) {
            continue;
        }
        lines_expect_debug(run, pool, (uintptr_t) cleanup->node);
        if (cleanup->handler < SHADOW_HANDLERS) {
            *ret_cleanup = *cleanup;
            return 1;
        }
        file_expect(run, cleanup);
    }
    return 0;
}

static void
file_expect(struct run *run, const struct shadow_cleanup *cleanup)
{
    unsigned nth = cleanup->op.number % ACT_DESCRIPTORS;
    int err = run->file_errs[FILES_UNLINK];

    if (cleanup->handler == SHADOW_DELETE) {
        run->events[run->event_count++] = (struct files_event){
            .kind = FILES_UNLINK, .fd = -1, .name = opened[nth].name};
        run->lines.others +=
            err != 0 && err != ENOENT && run_logs(cleanup->op.pool);
    }
    run->events[run->event_count++] =
        (struct files_event){.kind = FILES_CLOSE, .fd = opened[nth].fd};
    run->lines.others +=
        run->file_errs[FILES_CLOSE] != 0 && run_logs(cleanup->op.pool);
    lines_expect_debug(run, cleanup->op.pool, (uintptr_t) opened[nth].fd);
}
