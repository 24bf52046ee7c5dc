#include "note.h"

#include "act.h"
#include "heap.h"

void
note_free(struct run *run, unsigned pool, struct shadow_target target,
          int succeeds)
{
    int is_foreign = target.p != NULL && target.key == MODEL_NO_KEY;
    int is_stale = run->op.code == OP_PFREE_STALE;

    note(run, (struct source_call){
                  .code = is_foreign ? SOURCE_FREE_FOREIGN
                          : is_stale ? SOURCE_FREE_STALE
                                     : SOURCE_FREE,
                  .answer = succeeds ? SOURCE_DONE : SOURCE_REFUSED,
                  .pool = pool,
                  .object = target.key,
                  .size = target.offset,
              });
}

struct source_call
note_cleanup(const struct op *op, enum shadow_handler kind, size_t size,
             unsigned key)
{
    int is_file = kind == SHADOW_CLOSE || kind == SHADOW_DELETE;

    return (struct source_call){
        .code = kind == SHADOW_CLOSE    ? SOURCE_CLEANUP_FILE
                : kind == SHADOW_DELETE ? SOURCE_DELETE_FILE
                : kind == SHADOW_NONE   ? SOURCE_CLEANUP_NONE
                                        : SOURCE_CLEANUP,
        .answer = size > HEAP_SIZE_MAX ? SOURCE_REFUSED : SOURCE_DONE,
        .pool = op->pool,
        .object = size == 0 || is_file ? SOURCE_NONE : key,
        .number = key,
        .file = op->number % ACT_DESCRIPTORS,
        .size = size,
    };
}

void
note_tail(struct run *run, unsigned pool,
          const struct shadow_allocation *allocation, size_t size)
{
    note(run, (struct source_call){.code = SOURCE_TAIL,
                                   .pool = pool,
                                   .object = allocation->key,
                                   .size = size});
}

void
note_end(struct run *run, unsigned pool, enum source_code code)
{
    struct shadow_pool *self = &run->pools[pool];
    size_t i;

    for (i = 0; i < self->allocation_count; i++) {
        if (self->allocations[i].key != MODEL_NO_KEY) {
            note(run, (struct source_call){.code = SOURCE_DROP,
                                           .pool = pool,
                                           .object = self->allocations[i].key});
        }
    }
    note(run, (struct source_call){.code = (uint8_t) code, .pool = pool});
}
