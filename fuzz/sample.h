/*
 * Random ops for a mutator (mutator.h), and its random numbers. They depend on
 * the mutator's random generator and program alone.
 *
 * All functions: any thread, one thread for each mutator.
 */
#ifndef FUZZ_SAMPLE_H
#define FUZZ_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "mutator.h"
#include "op.h"

/* Make an op for the place at an index of the program: one with that code, or a
 * create if the code needs a pool and none exists there. */
struct op sample_op(struct mutator *mutator, size_t at, uint8_t code);

/* The code of an op for that place. Many bugs need many ops of one kind, so
 * sometimes it is the code of the op before. */
uint8_t sample_code(struct mutator *mutator, size_t at);

/* An amount for an op with that code: sometimes another op's, since memory is
 * used again for the same size. */
uint64_t sample_amount(struct mutator *mutator, unsigned code);

/* Change an operand that the op at an index has: to a neighbour, to another
 * op's operand, or to a new one. */
void sample_tweak(struct mutator *mutator, size_t at, char operand);

/* An operand of ops with that code, or '\0' if they have none. */
char sample_operand(struct mutator *mutator, unsigned code);

/* A number in 0 ... end - 1. */
uint32_t sample_below(struct mutator *mutator, size_t end);

/* 1 with the probability 1 / count, else 0. */
int sample_one_in(struct mutator *mutator, uint32_t count);

/* A number in 1 ... most. Each is half as likely as the one before. */
size_t sample_few(struct mutator *mutator, size_t most);

/* An index below count, by weights. The first weight is at weights, each next
 * one step bytes later. */
size_t sample_weighted(struct mutator *mutator, const uint8_t *weights,
                       size_t step, size_t count);

#endif
