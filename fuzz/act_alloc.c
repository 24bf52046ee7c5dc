#include "act.h"

#include "heap.h"
#include "note.h"

enum {
    ALIGNMENTS = 24,
    ALIGNMENTS_GOOD = 17, /* 1 << 0 ... 1 << 16; then bad_alignments */
};

/* The function that makes an allocation. */
enum way {
    OURS,
    NGINX,
    NGINX_OWN_BLOCK,
    NGINX_OWN_LARGE,
};

/* No powers of two, and one for which the system has no memory. */
static const size_t bad_alignments[ALIGNMENTS - ALIGNMENTS_GOOD] = {
    0, 3, 24, 4097, SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 2 + 1,
};

static const enum source_code alloc_codes[OP_COUNT] = {
    [OP_PALLOC] = SOURCE_PALLOC,
    [OP_PNALLOC] = SOURCE_PNALLOC,
    [OP_PCALLOC] = SOURCE_PCALLOC,
    [OP_PMEMALIGN] = SOURCE_PMEMALIGN,
};

static size_t alignment_of(const struct op *op);
static enum way alloc_way(const struct run *run, const struct step *step);
static int alloc_is_hopeless(const struct step *step);
static void *alloc_call(const struct run *run, ngx_pool_t *pool,
                        const struct step *step, enum way way);
static void alloc_expect(struct run *run, struct step *step, unsigned key,
                         enum way way, const struct model_seen *seen);
static int is_power_of_two(size_t number);
static ngx_int_t free_call(const struct run *run,
                           const struct shadow_pool *self,
                           const struct step *step, int is_live);

void
act_alloc(struct run *run, const struct op *op, enum op_code code, size_t size)
{
    unsigned pool = op->pool;
    struct shadow_pool *self = &run->pools[pool];
    unsigned key = run->next_key++;
    struct step step = step_begin(run, STEP_ALLOC, pool, code);
    struct shadow_allocation *made = NULL;
    struct source_call call;
    struct model_seen seen;
    unsigned char *p;
    enum way way;

    if (act_is_full(run, pool)) {
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
    note(run, call);
    way = alloc_way(run, &step);
    step.is_nginx = way != OURS;
    self->is_mixed |= step.is_nginx;
    act_begin(run, &step);
    p = alloc_call(run, self->pool, &step, way);
    seen = act_end(run, &step, p == NULL);
    if (p != NULL && (way == NGINX_OWN_LARGE || code == OP_PMEMALIGN ||
                      !model_is_small(&run->model, pool, size))) {
        seen.taken = heap_size(p);
    }
    step.taken = seen.taken;
    alloc_expect(run, &step, key, way, &seen);
    note_answer(run, call, step.succeeds);

    if (p != NULL) {
        made = shadow_add(self, SHADOW_BYTES, p, size, &step.spot,
                          run->made_count);
        made->key = key;
        step.made = made;
        if (step.spot.place == MODEL_LARGE) {
            act_large_made(run, pool, p);
        }
    }
    step_check(run, &step);
    if (made != NULL) {
        shadow_note_cut(self, made);
        shadow_fill(made, (unsigned char) (1 + key % SHADOW_FILLS));
        step.kind = STEP_WRITE;
        step_check(run, &step);
    }
}

static size_t
alignment_of(const struct op *op)
{
    unsigned nth = op->number % ALIGNMENTS;

    return nth < ALIGNMENTS_GOOD ? (size_t) 1 << nth
                                 : bad_alignments[nth - ALIGNMENTS_GOOD];
}

/* nginx passes an alignment to the system, which accepts valid ones only. */
static enum way
alloc_way(const struct run *run, const struct step *step)
{
    int is_small = step->size <= run->model.pools[step->pool].max;

    switch (step->code) {
    case OP_PNALLOC:
        return run->by_nginx & OP_BY_NGINX_PNALLOC ? NGINX : OURS;
    case OP_PCALLOC:
        return run->by_nginx & OP_BY_NGINX_PCALLOC ? NGINX : OURS;
    case OP_PMEMALIGN:
        return run->by_nginx & OP_BY_NGINX_PMEMALIGN &&
                       is_power_of_two(step->alignment) &&
                       step->alignment >= sizeof(void *)
                   ? NGINX
                   : OURS;
    default:
        if (run->by_nginx & OP_BY_NGINX_BLOCK && is_small) {
            return NGINX_OWN_BLOCK;
        }
        if (run->by_nginx & OP_BY_NGINX_LARGE) {
            return NGINX_OWN_LARGE;
        }
        return run->by_nginx & OP_BY_NGINX_PALLOC ? NGINX : OURS;
    }
}

/* Whether the call must fail: no system has memory for the size or the
 * alignment, or the alignment is invalid. */
static int
alloc_is_hopeless(const struct step *step)
{
    return step->size > HEAP_SIZE_MAX ||
           (step->code == OP_PMEMALIGN && (!is_power_of_two(step->alignment) ||
                                           step->alignment > HEAP_SIZE_MAX));
}

static void *
alloc_call(const struct run *run, ngx_pool_t *pool, const struct step *step,
           enum way way)
{
    const struct run_options *options = &run->options;
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

/* Sets the result that the step must have, by the model. */
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
            run->lines.others += run_logs(step->pool);
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

void
act_free_large(struct run *run, const struct op *op, int again)
{
    struct shadow_pool *self = &run->pools[op->pool];
    struct shadow_allocation *allocation =
        shadow_pick(self, op->number, MODEL_LARGE);
    struct shadow_target target = shadow_target_of(allocation);

    if (allocation != NULL) {
        act_free(run, op->pool, target, allocation);
        if (again) {
            act_free(run, op->pool, target, NULL);
        }
    }
}

void
act_decline(struct run *run, const struct op *op, size_t size)
{
    struct shadow_pool *self = &run->pools[op->pool];
    struct shadow_pool *other = &run->pools[(op->pool + 1) % OP_POOLS];
    struct shadow_target target = {.key = MODEL_NO_KEY};
    struct shadow_allocation *allocation;

    /* Without another pool, this is an address of no pool. The pool still has
     * to search for it. */
    static unsigned char foreign[1];

    switch (op->code) {
    case OP_PFREE_SMALL:
        target = shadow_target_of(shadow_pick(self, op->number, MODEL_SMALL));
        break;
    case OP_PFREE_FOREIGN:
        allocation = shadow_pick(other, op->number, MODEL_LARGE);
        target = shadow_target_of(allocation);
        if (allocation == NULL) {
            target.p = foreign;
        }
        break;
    case OP_PFREE_INNER:
        allocation = shadow_pick(self, op->number, MODEL_LARGE);
        if (allocation != NULL && allocation->size > 1) {
            target = shadow_target_of(allocation);
            target.offset = 1 + size % (allocation->size - 1);
            target.p = allocation->p + target.offset;
        }
        break;
    case OP_PFREE_STALE:
        if (self->stale_count != 0) {
            size_t kept = self->stale_count < SHADOW_STALE_MAX
                              ? self->stale_count
                              : SHADOW_STALE_MAX;

            target = self->stale[op->number % kept];
        }
        /* The system may have given the address to another allocation. The pool
         * must search for an address all the same, since that may build an
         * index. */
        if (shadow_is_live(self, target.p)) {
            target = (struct shadow_target){.p = foreign, .key = MODEL_NO_KEY};
        }
        break;
    default: /* NULL */
        break;
    }
    act_free(run, op->pool, target, NULL);
}

void
act_free(struct run *run, unsigned pool, struct shadow_target target,
         struct shadow_allocation *allocation)
{
    struct shadow_pool *self = &run->pools[pool];
    struct step step =
        step_begin(run, STEP_READ, pool, (enum op_code) run->op.code);
    unsigned key = MODEL_NO_KEY;
    struct model_seen seen;

    if (allocation != NULL) {
        key = allocation->key;
        step.is_old = shadow_is_old(self, allocation);
        step.made = allocation;
        step_check(run, &step);
        step.made = NULL;
        note(run, (struct source_call){.code = SOURCE_DROP, .object = key});
        shadow_remove(self, allocation);
        self->stale[self->stale_count++ % SHADOW_STALE_MAX] = target;
    }
    step.kind = STEP_FREE;
    step.freed = target.p;
    note_free(run, pool, target, key != MODEL_NO_KEY);
    /* For NULL, nginx's own function would find an entry without an
     * allocation. */
    step.is_nginx = run->by_nginx & OP_BY_NGINX_PFREE && target.p != NULL;
    self->is_mixed |= step.is_nginx;
    act_begin(run, &step);
    step.answer = free_call(run, self, &step, allocation != NULL);
    seen = act_end(run, &step, 0);
    step.succeeds = step.is_nginx ? model_nginx_free(&run->model, pool, key)
                                  : model_free(&run->model, pool, key, &seen);
    if (step.succeeds) {
        if (!step.is_nginx) {
            lines_expect_debug(run, pool, (uintptr_t) target.p);
        }
        self->large_sum -= shadow_hash(target.p);
        self->large_address_sum -= (uintptr_t) target.p;
    }
    step_check(run, &step);
}

/* A search in an index must not need the list, so the list is removed during
 * the call. */
static ngx_int_t
free_call(const struct run *run, const struct shadow_pool *self,
          const struct step *step, int is_live)
{
    ngx_pool_large_t *list = self->pool->large;
    void *p = (void *) (uintptr_t) step->freed;
    ngx_int_t answer;

    if (step->is_nginx) {
        return run->options.nginx->pfree(self->pool, p);
    }
    if (self->pool->index == NULL || self->is_mixed || !is_live ||
        run->refusals != heap_refusals()) {
        return ngx_pfree(self->pool, p);
    }
    self->pool->large = NULL;
    answer = ngx_pfree(self->pool, p);
    self->pool->large = list;
    return answer;
}

void
act_large_made(struct run *run, unsigned pool, const void *p)
{
    struct shadow_pool *self = &run->pools[pool];

    self->large_sum += shadow_hash(p);
    self->large_address_sum += (uintptr_t) p;
    self->large_order += self->large_power * shadow_hash(p);
    self->large_power *= SHADOW_ORDER;
}
