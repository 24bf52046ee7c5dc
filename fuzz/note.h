/*
 * Notes of the executor. It notes each call of a pool function before it makes
 * the call. ngxops turns the notes into a C program (pool/ops/source.h).
 */
#ifndef FUZZ_NOTE_H
#define FUZZ_NOTE_H

#include <stddef.h>

#include "op.h"
#include "run.h"
#include "shadow.h"
#include "source.h"

/* Note a call, or another event of enum source_code. */
static inline void
note(struct run *run, struct source_call call)
{
    run->has_called |= call.code != SOURCE_OP;
    if (run->options.note != NULL) {
        run->options.note(&call);
    }
}

/* Note the answer to call, the last one, if it is not call.answer. */
static inline void
note_answer(struct run *run, struct source_call call, int succeeds)
{
    uint8_t answer = succeeds ? SOURCE_DONE : SOURCE_REFUSED;

    if (answer != call.answer) {
        note(run,
             (struct source_call){.code = SOURCE_ANSWER, .answer = answer});
    }
}

void note_free(struct run *run, unsigned pool, struct shadow_target target,
               int succeeds);
void note_tail(struct run *run, unsigned pool,
               const struct shadow_allocation *allocation, size_t size);

/* Note a reset or a destroy, as code says, and before it the end of each of the
 * pool's allocations. */
void note_end(struct run *run, unsigned pool, enum source_code code);

/* Return, but do not note, the call that adds a cleanup. */
struct source_call note_cleanup(const struct op *op, enum shadow_handler kind,
                                size_t size, unsigned key);

#endif
