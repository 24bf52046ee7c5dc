/*
 * A program: a version byte, then ops. It is a byte string that the caller
 * holds; every byte string is one, and each prefix of it is a shorter one.
 *
 * All functions: any thread.
 */
#ifndef POOL_OPS_PROGRAM_H
#define POOL_OPS_PROGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "op.h"

enum {
    /* The only version there is. Another first byte is read as this one, so
     * that no byte string is wasted on a fuzzer. */
    PROGRAM_VERSION = 1,
};

/* A place in a program. */
struct program {
    const uint8_t *data; /* the caller's, who keeps them */
    size_t size;
    size_t offset; /* of the next op */
};

/* Start reading data, of size bytes. */
void program_init(struct program *program, const uint8_t *data, size_t size);

/* Read the next op. Returns 1, or 0 at the end. */
int program_next(struct program *program, struct op *ret_op);

/*
 * Write text, one op a line, as bytes to out, of size bytes. '#' starts a
 * comment, unless a digit follows.
 * Returns 0 and the length; -EINVAL and the number of the line that is no op's
 * text; -ENOSPC and the number of the line that does not fit.
 */
int program_parse(const char *text, uint8_t *out, size_t size,
                  size_t *ret_length);

/* Print the ops that data, of size bytes, hold, one a line. */
void program_print(const uint8_t *data, size_t size, FILE *out);

#endif
