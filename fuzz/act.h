/*
 * The effect of each op on the pool, the model and the shadow. act() is the
 * one entry from outside; the others are shared by the files act*.c.
 */
#ifndef FUZZ_ACT_H
#define FUZZ_ACT_H

#include <stddef.h>

#include "model.h"
#include "op.h"
#include "run.h"
#include "shadow.h"
#include "step.h"

enum {
    ACT_DESCRIPTORS = 8, /* that programs use; few, so that two cleanups often
                          * have the same one */

    /* Larger sizes are reduced to a size below this one, since the heap has no
     * memory for many of them. Sizes that no heap has, and limits of kept
     * memory, are not reduced. The bound is twice malloc's threshold
     * M_MMAP_THRESHOLD, and malloc() maps new memory above the threshold, which
     * is zero. So programs have both kinds of memory. */
    ACT_SIZES = 256 * 1024,
};

/* Do the op, unless the program has done MODEL_OPS_MAX ops. */
void act(struct run *run, const struct op *op);

/* Set the pool's chain, as nginx does where it releases a link of a chain. */
void act_chain(struct run *run, unsigned pool);

/* Call call(), which runs the pool's cleanups. If one has not run,
 * step->expected is that cleanup. */
void act_cleanups(struct run *run, unsigned pool,
                  void (*call)(ngx_pool_t *pool), struct step *step);

void act_destroy(struct run *run, unsigned pool);
void act_cache_limit(struct run *run, size_t size);

/* Release what the thread keeps. The step is one of pool: the pool whose
 * handler does so, since it does not when another pool is run alone. An op's
 * step is one of pool 0. */
void act_cache_trim(struct run *run, unsigned pool);

void act_alloc(struct run *run, const struct op *op, enum op_code code,
               size_t size);
void act_cleanup(struct run *run, const struct op *op, enum shadow_handler kind,
                 size_t size);

/* The kind of the handler that an op cleanup adds, by its operand number. */
enum shadow_handler act_handler(uint32_t number);

void act_cancel(struct run *run, const struct op *op);
void act_run_file(struct run *run, const struct op *op);

/* Call ngx_pfree() with the target. allocation is the allocation that the call
 * must free, or NULL when the call must decline. */
void act_free(struct run *run, unsigned pool, struct shadow_target target,
              struct shadow_allocation *allocation);

/* Free the large allocation that op's number names, if the pool has one. With
 * again, call ngx_pfree() a second time. */
void act_free_large(struct run *run, const struct op *op, int again);

/* Call ngx_pfree() with an address that it must decline, as the op says. */
void act_decline(struct run *run, const struct op *op, size_t size);

/* Call these right before and right after a step's call. act_end() returns the
 * observations for the model. */
void act_begin(struct run *run, struct step *step);
struct model_seen act_end(struct run *run, struct step *step, int is_null);

/* The bytes that the op's amount means now. For a new pool, relative sizes are
 * close to its header's size, to the least useful size, and to the size from
 * which max is limited by the page. */
size_t act_size(const struct run *run, const struct op *op);

/* Whether act_size() reduces this size of an op with this code. */
int act_is_reduced(unsigned code, size_t size);

/* Whether the pool has reached the limit of memory for a program. */
int act_is_full(const struct run *run, unsigned pool);

/* Record that p is a live large allocation of the pool. */
void act_large_made(struct run *run, unsigned pool, const void *p);

#endif
