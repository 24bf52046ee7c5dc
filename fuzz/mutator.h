/*
 * The mutator changes a program op by op. So an engine's next input is a
 * program too, and most of its ops do something. A random change of a byte
 * mostly makes an op whose pool does not exist, or shifts the bytes of all ops
 * after it.
 *
 * Everything here depends on the input and on the seed alone: the same two give
 * the same bytes on every compiler and every machine. The output of a mutator
 * is valid for program_check(), whatever it has read.
 *
 * All functions: any thread, one thread for each mutator.
 */
#ifndef FUZZ_MUTATOR_H
#define FUZZ_MUTATOR_H

#include <stddef.h>
#include <stdint.h>

#include "op.h"

enum {
    /* The ops of a program that are mutated; the executor does no more. Later
     * ops are dropped. */
    MUTATOR_OPS_MAX = 1024,
};

/* The target that the ops are for. Each target ignores some ops. */
enum mutator_use {
    MUTATOR_POOL,    /* pool_ops in each of its builds, and pool_oom */
    MUTATOR_MIXED,   /* pool_mixed: the op nginx as well */
    MUTATOR_TRACE,   /* trace_reader: the ops of recorded programs */
    MUTATOR_THREADS, /* pool_threads, arena_ops: those of fuzz/regions.h */
    MUTATOR_USES,
};

/* A program that is being mutated, and the state of the random generator. */
struct mutator {
    enum mutator_use use;
    uint64_t random;
    enum op_version version; /* that the program is written in */
    size_t work_most;        /* ops that the mutated program may do */
    size_t count;
    struct op ops[MUTATOR_OPS_MAX];
};

/* Start with a program that has no ops. */
void mutator_init(struct mutator *mutator, enum mutator_use use, uint64_t seed);

/* Take the program at data, of size bytes, in place of the one before. Ops that
 * are not on the list are left out. */
void mutator_read(struct mutator *mutator, const uint8_t *data, size_t size);

/*
 * Write the program to out, of size bytes. If it is too long for them, ops at
 * random places are deleted first. A number that version 1 cannot hold is
 * reduced to one that it can.
 * Returns the bytes written: at least 1, the version; 0 if size is 0.
 */
size_t mutator_write(struct mutator *mutator, uint8_t *out, size_t size);

/*
 * Copy data, of size bytes, to out, of size_max bytes, with a few bytes
 * changed, inserted or deleted. So an engine also tries inputs that no encoder
 * writes. Bytes beyond size_max are dropped.
 * Returns the bytes written.
 */
size_t mutator_bytes(struct mutator *mutator, const uint8_t *data, size_t size,
                     uint8_t *out, size_t size_max);

/*
 * The mutations. Each returns whether it has changed the program. One that
 * cannot leaves it as it was: a program without ops has nothing to delete, and
 * one of MUTATOR_OPS_MAX has no place for more.
 */

/* Insert one op, or a few in a row. A pool is created before it is used. */
int mutator_insert(struct mutator *mutator);

/* Delete a run of ops, mostly of one. */
int mutator_delete(struct mutator *mutator);

/* Swap two ops that differ, mostly close to each other. */
int mutator_swap(struct mutator *mutator);

/* Change one operand of one op: to a neighbour, to a boundary, to the operand
 * of another op, or to an operand that an inserted op might have. */
int mutator_tweak(struct mutator *mutator);

/* Let an op be another op. Operands that both have stay. */
int mutator_replace(struct mutator *mutator);

/* Copy a run of ops once or a few times, to the place after it or to
 * another place. */
int mutator_duplicate(struct mutator *mutator);

/* Repeat an op 16 to 128 times, or sometimes until the program does as many ops
 * as it may. work_most grows by that number, but not above 1,024. */
int mutator_repeat(struct mutator *mutator);

/* Repeat a run of ops 64 times, or as often as work_most allows; for
 * trace_reader at times with four other pools in each round. */
int mutator_loop(struct mutator *mutator);

/*
 * Let regions of a pool end 65 to 129 times in a row: insert a reset, or a
 * create where there is no pool, and repeat it. A thread then releases the kept
 * memory that none of them needed. work_most grows in the same way.
 */
int mutator_age(struct mutator *mutator);

/*
 * Free many large allocations of a pool: insert a pfree_large, and repeat it 16
 * to 128 times. Half of the time insert before that a row of large allocations,
 * and half of the time before these a fail_alloc: there is no cleared memory
 * for an index then. work_most grows in the same way. Where there is no pool, a
 * create stands for the pfree_large, alone.
 */
int mutator_drain(struct mutator *mutator);

/* For pool_mixed, let nginx's functions do some kinds of a run's ops: insert an
 * op nginx before the run and after it. Half of the time the library's own do
 * all ops after it. */
int mutator_nginx(struct mutator *mutator);

/*
 * Let a thread release a part of what it keeps after a reset: insert a
 * cache_limit of a few bytes less between a reset and a row of resets. Half of
 * the time insert before that another row of resets, and up to four ops of the
 * program with fewer repetitions; then half of the time without the limit.
 * Where there is no pool, a create stands for the reset.
 */
int mutator_lower(struct mutator *mutator);

/* Let the thread keep memory from the program's start on: insert a cache_limit
 * there, unless there is one. */
int mutator_keep(struct mutator *mutator);

/* Insert a run of the ops of the program at other, of size bytes. */
int mutator_splice(struct mutator *mutator, const uint8_t *other, size_t size);

/* Keep a head of this program, and append a tail of the program at other, or
 * the whole of it. */
int mutator_cross(struct mutator *mutator, const uint8_t *other, size_t size);

/* Do one mutation or a few, of random kinds. Splices and cross-overs need
 * other; NULL: there is no other program. */
void mutator_mutate(struct mutator *mutator, const uint8_t *other, size_t size);

#endif
