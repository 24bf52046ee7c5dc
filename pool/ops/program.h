/*
 * A program: a version byte, then ops in that version's encoding. It is a byte
 * string that the caller holds; every byte string is one, and each prefix of it
 * is a shorter one.
 *
 * All functions: any thread.
 */
#ifndef POOL_OPS_PROGRAM_H
#define POOL_OPS_PROGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "op.h"

/* A position in a program. */
struct program {
    const uint8_t *data; /* owned by the caller */
    size_t size;
    size_t offset; /* of the next op */
    enum op_version version;
    struct op_before before;
};

/* Start reading data, of size bytes. The first byte is the version. A byte that
 * is no version means OP_VARIABLE, so that a fuzzer wastes no byte string. */
void program_init(struct program *program, const uint8_t *data, size_t size);

/* Read the next op. Returns 1, or 0 at the end. */
int program_next(struct program *program, struct op *ret_op);

/* The end of a program that is being written: init() writes its first bytes,
 * add() one more op. Both return the bytes written into out, which has
 * OP_SIZE_MAX bytes; add() returns 0 when version 1 cannot hold the op. */
struct program_end {
    enum op_version version;
    struct op_before before;
};

size_t program_end_init(struct program_end *end, enum op_version version,
                        uint8_t *out);
size_t program_end_add(struct program_end *end, const struct op *op,
                       uint8_t *out);

/*
 * Write text, one op a line, as bytes to out, of size bytes: the length of text
 * plus two is enough. '#' starts a comment, unless a digit follows. Returns
 * 0 and the length; -EINVAL and the number of the line that is no op's text,
 * -ERANGE that of one whose numbers version 1 cannot hold, -ENOSPC that of one
 * that does not fit.
 */
int program_parse(const char *text, enum op_version version, uint8_t *out,
                  size_t size, size_t *ret_length);

enum {
    PROGRAM_ERROR_MAX = 256,
};

/*
 * Whether data, of size bytes, are a program that somebody wrote: a version,
 * then whole records of known ops, written as program_end_add() does. Returns
 * 0, or -EINVAL: error then says at which offset what was found, and what was
 * expected, in at most PROGRAM_ERROR_MAX bytes.
 */
int program_check(const uint8_t *data, size_t size, char *error);

/* Print the ops that data, of size bytes, hold, one a line. */
void program_print(const uint8_t *data, size_t size, FILE *out);

#endif
