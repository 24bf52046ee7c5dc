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
    ACT_DESCRIPTORS = 8, /* that programs use; small, so that they collide */
};

/* Do the op, unless the program has done MODEL_OPS_MAX. */
void act(struct run *run, const struct op *op);

/* All cleanups run; what never ran is the step's due. */
void act_cleanups(struct run *run, unsigned pool,
                  void (*call)(ngx_pool_t *pool), struct step *step);

void act_destroy(struct run *run, unsigned pool);
void act_cache_limit(struct run *run, size_t size);
void act_alloc(struct run *run, const struct op *op, enum op_code code,
               size_t size);
void act_cleanup(struct run *run, const struct op *op, enum shadow_handler kind,
                 size_t size);
void act_cancel(struct run *run, const struct op *op);
void act_run_file(struct run *run, const struct op *op);

/* Give ngx_pfree() the target. allocation: what the target is when it is to be
 * freed; NULL: it is to stay. */
void act_free(struct run *run, unsigned pool, struct shadow_target target,
              struct shadow_allocation *allocation);

/* Free the pool's who'th large allocation, if it has one; and again: a second
 * time. */
void act_free_large(struct run *run, const struct op *op, int again);

/* Give ngx_pfree() what it must decline, as the op says. */
void act_decline(struct run *run, const struct op *op, size_t size);

/* Right before a step's call, and right after it: what was seen of it. */
void act_begin(struct run *run, struct step *step);
struct model_seen act_end(struct run *run, struct step *step, int is_null);

/* The bytes that the op's amount stands for now. A new pool's sizes are about
 * its header, the least useful size, and the size from which on max is a
 * page's. */
size_t act_size(const struct run *run, const struct op *op);

/* Whether the pool has so much memory that ops make no more. */
int act_is_full(const struct run *run, unsigned pool);

/* p is a live large allocation of the pool from now on. */
void act_large_made(struct run *run, unsigned pool, const void *p);

#endif
