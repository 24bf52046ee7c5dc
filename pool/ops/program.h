/*
 * A program: a version byte, then ops in that version's encoding. The caller
 * holds its bytes. Every byte string is a program, and each prefix of it is a
 * shorter program.
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
 * is no version means OP_VARIABLE, so that every byte string is a program. */
void program_init(struct program *program, const uint8_t *data, size_t size);

/* Read the next op. Returns 1, or 0 at the end. */
int program_next(struct program *program, struct op *ret_op);

/* The end of a program that is being written. program_end_init() writes the
 * program's first bytes, and program_end_add() writes one more op. Both return
 * the bytes written into out, which has OP_SIZE_MAX bytes. program_end_add()
 * returns 0 when version 1 cannot hold the op. */
struct program_end {
    enum op_version version;
    struct op_before before;
};

size_t program_end_init(struct program_end *end, enum op_version version,
                        uint8_t *out);
size_t program_end_add(struct program_end *end, const struct op *op,
                       uint8_t *out);

/*
 * Write text, one op a line, as bytes to out, of size bytes: text's length plus
 * two is enough. '#' starts a comment, unless a digit follows.
 * Returns 0, and the program's length in *ret_length. On failure *ret_length is
 * the number of the line, and the result is
 *
 *     -EINVAL  the line is no op's text
 *     -ERANGE  version 1 cannot hold a number of the line
 *     -ENOSPC  the line's op does not fit into out
 */
int program_parse(const char *text, enum op_version version, uint8_t *out,
                  size_t size, size_t *ret_length);

enum {
    PROGRAM_ERROR_MAX = 256,
};

/*
 * Check that program_end_init() and program_end_add() could have written data,
 * of size bytes: a version, then whole records of known ops.
 * Returns 0, or -EINVAL with a message in error, of PROGRAM_ERROR_MAX bytes:
 * the offset, and the bytes that were found and expected there.
 */
int program_check(const uint8_t *data, size_t size, char *error);

/* Print the ops that data, of size bytes, hold, one a line. */
void program_print(const uint8_t *data, size_t size, FILE *out);

#endif
