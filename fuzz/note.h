/*
 * Each call of the pool's is noted before it is made: ngxops writes a C program
 * of the notes (pool/ops/source.h).
 */
#ifndef FUZZ_NOTE_H
#define FUZZ_NOTE_H

#include <stddef.h>

#include "op.h"
#include "run.h"
#include "shadow.h"
#include "source.h"

/* Note a call, or another thing that the program does. */
void note(struct run *run, struct source_call call);

/* The answer to the call that was noted last, if that is another one. */
void note_answer(struct run *run, struct source_call call, int succeeds);

void note_free(struct run *run, unsigned pool, struct shadow_target target,
               int succeeds);
void note_tail(struct run *run, unsigned pool,
               const struct shadow_allocation *allocation, size_t size);

/* All that the pool has is as it was, and goes by a reset or a destroy. */
void note_end(struct run *run, unsigned pool, enum source_code code);

/* The call that adds a cleanup. */
struct source_call note_cleanup(const struct op *op, enum shadow_handler kind,
                                size_t size, unsigned key);

#endif
