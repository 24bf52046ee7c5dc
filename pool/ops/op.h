/*
 * Everything that happens to a pool is an op, and ops are data: a fuzzer
 * writes them, a checked executor hunts for bugs with them, a person reads
 * them as text. This is the one list of ops and their one encoding.
 *
 * An op is a record of OP_SIZE bytes:
 *
 *     byte 0     the opcode in the lower 6 bits, the pool in the upper 2
 *     byte 1     who: which allocation, descriptor, alignment, handler, ...
 *     bytes 2-3  the amount, little-endian: a mode in the upper 3 bits and a
 *                value in the lower 13; see enum op_mode
 *
 * Opcodes are never renumbered; new ones take the next number. An opcode that
 * is not on the list does nothing. A record that the input cuts short ends in
 * zeros. So every byte string means something, and always the same.
 *
 * All functions: any thread.
 */
#ifndef POOL_OPS_OP_H
#define POOL_OPS_OP_H

#include <stddef.h>
#include <stdint.h>

/*
 * name, text, operands, meaning. Operands: p the pool, w who, s the amount as
 * a size; in the order in which the text gives them.
 */
#define OP_LIST(X)                                                             \
    X(NOP, "nop", "", "do nothing")                                            \
    X(CREATE, "create", "ps", "make the pool anew, destroying what was there") \
    X(DESTROY, "destroy", "p", "destroy the pool")                             \
    X(RESET, "reset", "p", "reset the pool")                                   \
    X(PALLOC, "palloc", "ps", "allocate aligned")                              \
    X(PNALLOC, "pnalloc", "ps", "allocate packed")                             \
    X(PCALLOC, "pcalloc", "ps", "allocate aligned and zeroed")                 \
    X(PMEMALIGN, "pmemalign", "pws", "allocate at alignment number who")       \
    X(PFREE_LARGE, "pfree_large", "pw", "free a live large allocation")        \
    X(PFREE_SMALL, "pfree_small", "pw", "try to free a small allocation")      \
    X(PFREE_FOREIGN, "pfree_foreign", "pw", "try to free another pool's")      \
    X(PFREE_INNER, "pfree_inner", "pws", "try to free at size bytes behind")   \
    X(PFREE_STALE, "pfree_stale", "pw", "try to free what was freed before")   \
    X(PFREE_TWICE, "pfree_twice", "pw", "free a live large one, then again")   \
    X(PFREE_NULL, "pfree_null", "p", "try to free NULL")                       \
    X(CLEANUP, "cleanup", "pws", "add a cleanup with handler number who")      \
    X(CLEANUP_CANCEL, "cleanup_cancel", "pw", "take a cleanup's handler away") \
    X(CLEANUP_FILE, "cleanup_file", "pw", "add a cleanup that closes who")     \
    X(DELETE_FILE, "delete_file", "pw", "add one that deletes who's file")     \
    X(RUN_FILE, "run_cleanup_file", "pw", "close descriptor who early")        \
    X(WRITE, "write", "pw", "write all of an allocation anew")                 \
    X(TAIL_GROW, "tail_grow", "ps", "grow the last one in place, as an array") \
    X(TAIL_SHRINK, "tail_shrink", "ps", "shrink it in place, as an array")     \
    X(CACHE_LIMIT, "cache_limit", "s", "bound the thread's kept blocks")       \
    X(CACHE_TRIM, "cache_trim", "", "release the thread's kept blocks")        \
    X(FAIL_ALLOC, "fail_alloc", "w", "fail system allocation who % 4")         \
    X(FAIL_FILES, "fail_files", "w", "let closing or deleting fail from now")  \
    X(AGAIN, "again", "w", "do the op before 1 + who % 16 times more")         \
    X(GROW, "grow", "ps", "let later blocks double up to size bytes")

enum op_code {
#define OP_CODE(name, text, operands, meaning) OP_##name,
    OP_LIST(OP_CODE)
#undef OP_CODE
    OP_COUNT,
};

enum {
    OP_SIZE = 4,         /* of a record */
    OP_CODES = 1 << 6,   /* that a record can hold */
    OP_POOLS = 1 << 2,   /* that a program works with */
    OP_VALUES = 1 << 13, /* that an amount's value can take */
    OP_TEXT_SIZE = 64,   /* room for any op's text and its end */
};

/* What an amount's value v means, in bytes. Relative ones stop at 0. */
enum op_mode {
    OP_BYTES,  /* v */
    OP_UNITS,  /* 16 * v */
    OP_MAX,    /* max - 3 ... max + 3, by v % 7 */
    OP_LEFT,   /* left - 8 ... left + 8, by v % 17 */
    OP_PAGE,   /* page - 1 ... page + 1, by v % 3 */
    OP_SMALL,  /* v % 64 */
    OP_BIG,    /* 4096 * (v % 32) */
    OP_BEYOND, /* SIZE_MAX - v */
};

struct op {
    uint8_t code; /* < OP_CODES */
    uint8_t pool; /* < OP_POOLS */
    uint8_t who;
    uint16_t amount;
};

/* What relative amounts are relative to, in bytes. */
struct op_scale {
    size_t max;  /* the largest small allocation */
    size_t left; /* in the block that is tried first */
    size_t page;
};

/*
 * Read the op that data, of size bytes, starts with.
 * Returns the bytes that it took: 0 at the end, else at most OP_SIZE.
 */
size_t op_decode(struct op *ret_op, const uint8_t *data, size_t size);

/* Write op as the OP_SIZE bytes at out. */
void op_encode(const struct op *op, uint8_t *out);

/* An amount of a mode and a value < OP_VALUES. */
uint16_t op_amount(enum op_mode mode, unsigned value);

/* The bytes that op's amount stands for. */
size_t op_size(const struct op *op, const struct op_scale *scale);

/*
 * Write op as text into out, of OP_TEXT_SIZE bytes: its name, then operands as
 * in "pmemalign p1 #3 max+2". Sizes: 17, 16*17, 4096*3, max-1, left+8, page+0,
 * top-5, the last being SIZE_MAX - 5. What op ignores is left out.
 * Returns the length.
 */
size_t op_print(const struct op *op, char *out);

/*
 * Read one op from text, which ends at its end, a line's end, or a '#' that
 * follows a blank and no operand.
 * Returns 0, or -EINVAL when it is no op's text, -ENOENT when there is none.
 */
int op_parse(struct op *ret_op, const char *text);

/* What code's op does, in words; NULL when it is not on the list. */
const char *op_meaning(unsigned code);

#endif
