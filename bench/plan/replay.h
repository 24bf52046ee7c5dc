/*
 * A recorded program (pool/ops/), ready to be played on any allocator: all
 * decoding and looking up is done before the clock starts.
 *
 * - A region allocator gets the program's regions. Regions below another one
 *   end before it. An object is given back early only if it has WORKLOAD_LARGE
 *   bytes or more and the allocator has free_early().
 * - A general allocator frees the objects that a region still has at its end,
 *   one by one, in the order in which they were made.
 * - To resize an object, both allocate a new one, copy, and free the old one.
 *   An object that moves to another region is copied there by a region
 *   allocator, and left as it is by a general one.
 * - Alignments beyond ALLOCATOR_ALIGNMENT are not asked for. Zeroed memory is
 *   zeroed by the same loop for all.
 * - A cleanup is a call to a function that does nothing.
 * - The threads of a program are played on one, in the order in which they were
 *   recorded.
 */
#ifndef BENCH_PLAN_REPLAY_H
#define BENCH_PLAN_REPLAY_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "workload.h"

enum {
    REPLAY_NAME_MAX = 64,
    REPLAY_ERROR_MAX = 4600,
};

/* The ops differ by executor: a region allocator gives back large objects, a
 * general one also those that are left at a region's end. A check has all. */
enum replay_for {
    REPLAY_REGION,
    REPLAY_GENERAL,
    REPLAY_CHECKED,
    REPLAY_FOR,
};

/* Parts of a program: all of it, and the ops before, within and after its
 * requests (plan/repeat.h). Without requests all ops come after. */
enum replay_part {
    REPLAY_WHOLE,
    REPLAY_BEFORE,
    REPLAY_REQUESTS,
    REPLAY_AFTER,
    REPLAY_PARTS,
};

enum replay_code {
    REPLAY_CREATE,  /* region, for about object allocations of size bytes */
    REPLAY_ALLOC,   /* object, of size bytes, in region */
    REPLAY_ZEROED,  /* likewise, zeroed */
    REPLAY_COPY,    /* size bytes to object from other */
    REPLAY_MOVE,    /* object, of size bytes, to region; of region allocators */
    REPLAY_FREE,    /* object, of size bytes, of region; checked: other is
                       whether that is because its region ends */
    REPLAY_CLEANUP, /* one runs */
    REPLAY_RESET,
    REPLAY_DESTROY,
};

struct replay_op {
    uint8_t code; /* enum replay_code */
    uint32_t region;
    uint32_t object;
    uint32_t other;
    uint32_t size;
};

/* Ops [from, until). */
struct replay_span {
    size_t from;
    size_t until;
};

struct replay {
    char name[REPLAY_NAME_MAX]; /* the file's, up to its first dot */

    struct replay_op *ops[REPLAY_FOR];
    size_t counts[REPLAY_FOR];
    struct replay_span spans[REPLAY_FOR][REPLAY_PARTS];

    uint32_t regions; /* at a time */
    uint32_t objects;
    size_t allocations;
    uint64_t bytes;             /* asked for, in all */
    size_t request_allocations; /* of REPLAY_REQUESTS; 0: there are none */
    uint64_t request_bytes;
    uint64_t largest; /* object's, in bytes */
    uint64_t live;    /* at most, in bytes */
    uint64_t held; /* at most, if nothing is given back before a region's end */
    uint64_t held_early; /* if those of WORKLOAD_LARGE bytes and more are */
};

/* A replay that is being done. */
struct replay_run {
    const struct replay *replay;
    enum replay_part part;
    void **states;  /* by region; NULL: it is not there */
    void **objects; /* by object */
    int is_valid;   /* the last that was checked */
    size_t done;    /* ops of it */
    size_t *sizes;  /* of objects that were checked; 0: it is not there */
};

/*
 * Load file: a program's bytes, or its text if its name ends in .ops.
 * Returns NULL when it cannot: error says why, with file, offset or line, in at
 * most REPLAY_ERROR_MAX bytes. Release with replay_destroy().
 */
struct replay *replay_create(const char *file, char *error);

/* NULL is ignored. */
void replay_destroy(struct replay *replay);

/*
 * Load all of folder whose names end in .trace, sorted. Returns a list that
 * ends in NULL, or NULL as replay_create() does. Release with
 * replay_list_destroy().
 */
struct replay **replay_list_create(const char *folder, char *error);
void replay_list_destroy(struct replay **list);

/*
 * Do the run's part up to its last allocation. Every object is filled, and
 * looked at before it is freed or at the end: is_valid is 1 if all still had
 * the bytes that they were filled with.
 * Returns 0 or -ENOMEM. replay_end() does the rest of the part, in both cases.
 */
int replay_check(struct region *region);
void replay_end(struct region *region);

/*
 * Do the ops before the requests, with every object filled, and make
 * REPLAY_REQUESTS the run's part. Returns 0, or -ENOMEM as after
 * replay_clear().
 */
int replay_begin(struct region *region);

/* Do the ops after the requests, unless replay_clear() was called. */
void replay_finish(struct region *region);

/* Whether all objects that were filled and are alive are as they were filled.
 */
int replay_holds(const struct replay_run *run);

/* End the regions that a replay which failed has left. The run's part is then
 * REPLAY_WHOLE. */
void replay_clear(struct region *region);

/* The most bytes that the allocator must hold at a time for its objects. */
uint64_t replay_held(const struct replay *replay,
                     const struct allocator *allocator);

/* The function that a cleanup calls. */
void replay_cleanup(void *state);

/* The first and the last byte, as in all workloads. */
static inline void
replay_touch(unsigned char *p, size_t size, size_t mark)
{
    if (size != 0) {
        p[0] = region_mark(mark);
        p[size - 1] = region_mark(mark);
    }
}

/* Do the run's part, with alloc() and release() compiled into the loop.
 * Returns 0 or -ENOMEM; replay_clear() then ends the regions that are left. */
static inline __attribute__((always_inline)) int
replay_with(struct region *region, void *(*alloc)(void *, size_t),
            void (*release)(void *, void *))
{
    const struct replay_run *run = (const struct replay_run *) region->own;
    const struct allocator *allocator = region->allocator;
    enum replay_for executor =
        allocator->kind == ALLOCATOR_GENERAL ? REPLAY_GENERAL : REPLAY_REGION;
    const struct replay_span *span = &run->replay->spans[executor][run->part];
    const struct replay_op *op = run->replay->ops[executor] + span->from;
    const struct replay_op *end = run->replay->ops[executor] + span->until;
    void **states = run->states;
    void **objects = run->objects;

    for (; op != end; op++) {
        void *state = states[op->region];
        unsigned char *p;

        switch ((enum replay_code) op->code) {
        case REPLAY_CREATE:
            state = allocator->create(region->library, op->size, op->object);
            states[op->region] = state;
            if (state == NULL) {
                return -ENOMEM;
            }
            break;
        case REPLAY_ALLOC:
        case REPLAY_ZEROED:
            p = (unsigned char *) alloc(state, op->size);
            if (p == NULL) {
                return -ENOMEM;
            }
            objects[op->object] = p;
            if (op->code == REPLAY_ZEROED) {
                memset(p, 0, op->size);
            } else {
                replay_touch(p, op->size, op->object);
            }
            break;
        case REPLAY_COPY:
            memcpy(objects[op->object], objects[op->other], op->size);
            break;
        case REPLAY_MOVE:
            p = (unsigned char *) alloc(state, op->size);
            if (p == NULL) {
                return -ENOMEM;
            }
            memcpy(p, objects[op->object], op->size);
            objects[op->object] = p;
            break;
        case REPLAY_FREE:
            if (release != NULL) {
                release(state, objects[op->object]);
            }
            break;
        case REPLAY_CLEANUP:
            replay_cleanup(state);
            break;
        case REPLAY_RESET:
            if (allocator->reset != NULL) {
                allocator->reset(state);
            }
            break;
        case REPLAY_DESTROY:
            allocator->destroy(state);
            states[op->region] = NULL;
            break;
        }
    }
    return 0;
}

#endif
