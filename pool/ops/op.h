/*
 * Everything that happens to a pool is an op, and ops are data. A fuzzer
 * writes them, a recorder captures them from a real program, a checked executor
 * hunts for bugs with them, a timed one measures them, and a person reads them
 * as text. This is the one list of ops, and their three encodings.
 *
 * Version 1: each op is a record of OP_SIZE bytes. A changed byte, or a record
 * that is inserted, leaves the ops after it as they were.
 *
 *     byte 0     the opcode in the lower 6 bits, the pool in the upper 2
 *     byte 1     the number of an allocation, a descriptor, an alignment, a
 *                handler, ...
 *     bytes 2-3  the amount, little-endian: a mode in the upper 3 bits and a
 *                value in the lower 13; see enum op_mode
 *
 * Version 2: an op takes as many bytes as its numbers need. Fuzzers and people
 * write it. README.md has the measurements.
 *
 *     byte 0     the opcode in the lower 6 bits; bit 6: the pool follows,
 *                otherwise it is the pool of the op before; bit 7: the amount
 *                has a mode
 *     then       the pool, the number and the amount, where the op has them,
 *                each as a LEB128 varint; an amount with a mode is 8 * value +
 *                mode
 *
 * Version 3: as version 2, but a free may give its age as a distance. The
 * distance counts from the object that the free before it named, by that
 * object's age now. Objects that were made together are often freed together,
 * so most frees take two bytes. The recorder writes it.
 *
 *     byte 0     of free, bit 7: the number is a distance; the distances 0, -1,
 *                1, -2, 2, ... are the varints 0, 1, 2, 3, 4, ...
 *
 * Opcodes are never renumbered. New ones take the next number. An opcode that
 * is not on the list does nothing and has no operands. The missing bytes of a
 * record that the input cuts short are zeros. So every byte string is a
 * program, and it always means the same.
 *
 * fail_alloc makes allocations from the system fail, by number % 16:
 *
 *     0 to 3     the first, second, third or fourth from now, once
 *     4          all that ask for cleared memory
 *     5 to 15    all of more than 128 bytes, 256 bytes, ... 128 KiB
 *
 * 4 to 15 hold until the next fail_alloc.
 *
 * free, resize and steal name an object by its age: the number of ops palloc,
 * pnalloc, pcalloc, pmemalign and resize since the op that made it. These ops
 * count in all pools, and also where they made no object. So the object of the
 * newest such op has age 0. An op on an object that is gone does nothing.
 *
 * All functions: any thread.
 */
#ifndef POOL_OPS_OP_H
#define POOL_OPS_OP_H

#include <stddef.h>
#include <stdint.h>

/*
 * name, text, operands, meaning. The operands are in the text's order: p is the
 * pool, n is the number, s is the amount as a size.
 */
#define OP_LIST(X)                                                             \
    X(NOP, "nop", "", "do nothing")                                            \
    X(CREATE, "create", "ps", "create the pool; destroy the old one first")    \
    X(DESTROY, "destroy", "p", "destroy the pool")                             \
    X(RESET, "reset", "p", "reset the pool")                                   \
    X(PALLOC, "palloc", "ps", "allocate aligned")                              \
    X(PNALLOC, "pnalloc", "ps", "allocate packed")                             \
    X(PCALLOC, "pcalloc", "ps", "allocate aligned and zeroed")                 \
    X(PMEMALIGN, "pmemalign", "pns", "allocate at alignment n")                \
    X(PFREE_LARGE, "pfree_large", "pn", "free a live large allocation")        \
    X(PFREE_SMALL, "pfree_small", "pn", "try to free a small allocation")      \
    X(PFREE_FOREIGN, "pfree_foreign", "pn", "try to free another pool's")      \
    X(PFREE_INNER, "pfree_inner", "pns", "try to free at size bytes inside")   \
    X(PFREE_STALE, "pfree_stale", "pn", "try to free a freed allocation")      \
    X(PFREE_TWICE, "pfree_twice", "pn", "free a large allocation twice")       \
    X(PFREE_NULL, "pfree_null", "p", "try to free NULL")                       \
    X(CLEANUP, "cleanup", "pns", "add a cleanup with handler n")               \
    X(CLEANUP_CANCEL, "cleanup_cancel", "pn", "clear a cleanup's handler")     \
    X(CLEANUP_FILE, "cleanup_file", "pn", "add a cleanup: close file n")       \
    X(DELETE_FILE, "delete_file", "pn", "add a cleanup: delete file n")        \
    X(RUN_FILE, "run_cleanup_file", "pn", "run the cleanup of file n early")   \
    X(WRITE, "write", "pn", "write all bytes of an allocation again")          \
    X(TAIL_GROW, "tail_grow", "ps", "grow the last allocation in place")       \
    X(TAIL_SHRINK, "tail_shrink", "ps", "shrink the last one in place")        \
    X(CACHE_LIMIT, "cache_limit", "s", "limit the thread's kept blocks")       \
    X(CACHE_TRIM, "cache_trim", "", "release the thread's kept blocks")        \
    X(FAIL_ALLOC, "fail_alloc", "n", "fail system allocations by n % 16")      \
    X(FAIL_FILES, "fail_files", "n", "let close() or unlink() fail from now")  \
    X(AGAIN, "again", "n", "repeat the op before, 1 + n % 16 times")           \
    X(GROW, "grow", "ps", "do nothing: blocks do not grow any more")           \
    X(THREAD, "thread", "n", "let thread n do the ops that follow")            \
    X(CHILD, "create_child", "pns", "create the pool below pool n")            \
    X(ADOPT, "adopt", "pn", "move the pool below pool n")                      \
    X(FREE, "free", "n", "free the object of age n")                           \
    X(RESIZE, "resize", "ns", "copy it to an object of size bytes, free it")   \
    X(STEAL, "steal", "pn", "move the object of age n to the pool")            \
    X(CLEANUP_RUN, "cleanup_run", "pn", "run a cleanup early")                 \
    X(NGINX, "nginx", "n", "let nginx's functions do the kinds of op in n")

enum op_code {
#define OP_CODE(name, text, operands, meaning) OP_##name,
    OP_LIST(OP_CODE)
#undef OP_CODE
    OP_COUNT,
};

enum {
    OP_SIZE = 4,        /* of a record of version 1 */
    OP_SIZE_MAX = 21,   /* of any record: opcode, 5 + 5 + 10 bytes of varints */
    OP_CODES = 1 << 6,  /* opcodes that a record can hold */
    OP_POOLS = 1 << 2,  /* pools that version 1 has numbers for */
    OP_TEXT_SIZE = 128, /* enough for any op's text and its NUL */
    OP_AGAIN_MAX = 16,  /* repetitions by one op again, at most */

    /* Of fail_alloc: a lower number lets one allocation fail, since no op makes
     * more; this one all that ask for cleared memory; each higher one all above
     * a size, which is twice as large as the one before. */
    OP_FAIL_CLEARED = 4,

    OP_VALUES_1 = 1 << 13, /* values of an amount in version 1 */
    OP_VALUE_BITS = 61,    /* bits of such a value in versions 2 and 3 */
};

/* Versions of the encoding. */
enum op_version {
    OP_FIXED = 1,
    OP_VARIABLE = 2,
    OP_NEAR = 3,
};

/* The state that an op's bytes are relative to; all 0 at the start. */
struct op_before {
    uint32_t pool; /* of the op before */
    uint32_t age;  /* now, of the object that the last free named */
};

/* The bytes that an amount of value v means. A result below 0 becomes 0, a
 * result above SIZE_MAX becomes SIZE_MAX. */
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
    uint32_t pool;
    uint32_t number;
    uint64_t amount; /* the mode in its upper 3 bits */
};

/* The bits of the op nginx's number: each lets nginx's own functions do a kind
 * of op. The last two are for functions that ngx_palloc() calls. */
enum op_by_nginx {
    OP_BY_NGINX_PALLOC = 1,
    OP_BY_NGINX_PNALLOC = 2,
    OP_BY_NGINX_PCALLOC = 4,
    OP_BY_NGINX_PMEMALIGN = 8,
    OP_BY_NGINX_PFREE = 16,
    OP_BY_NGINX_CLEANUP = 32,
    OP_BY_NGINX_BLOCK = 64,  /* palloc appends a block */
    OP_BY_NGINX_LARGE = 128, /* palloc of any size is large */
};

/* The sizes that relative amounts refer to, in bytes. */
struct op_scale {
    size_t max;  /* the largest small allocation */
    size_t left; /* free bytes of the block that is tried first; of
                  * cache_limit: the bytes that the thread keeps */
    size_t page;
};

/*
 * Read the op at the start of data, which has size bytes, and update *before
 * for the next op.
 * Returns the op's length in bytes: 0 at the end, else at most OP_SIZE_MAX.
 */
size_t op_decode(struct op *ret_op, enum op_version version,
                 struct op_before *before, const uint8_t *data, size_t size);

/*
 * Write op into out, of OP_SIZE_MAX bytes, and update *before.
 * Returns the bytes written; 0 when version 1 cannot hold one of op's numbers.
 */
size_t op_encode(const struct op *op, enum op_version version,
                 struct op_before *before, uint8_t *out);

/* The amount of a mode and of the lower OP_VALUE_BITS bits of value. */
uint64_t op_amount(enum op_mode mode, uint64_t value);

enum op_mode op_amount_mode(uint64_t amount);
uint64_t op_amount_value(uint64_t amount);

/* Whether ages count code's op: it makes an object, unless it fails. */
int op_makes_object(unsigned code);

/* Whether code's op has the operand 'p', 'n' or 's'. */
int op_has(unsigned code, char operand);

/* How often op is done. For again: how often it repeats the op before. */
unsigned op_times(const struct op *op);

/* The bytes that op's amount stands for. */
size_t op_size(const struct op *op, const struct op_scale *scale);

/*
 * Write op as text into out, of OP_TEXT_SIZE bytes: its name, then the operands
 * that it has, as in "pmemalign p1 #3 max+2". Sizes look like 17, 16*17,
 * 4096*3, max-1, left+8, page+0 and top-5; top-5 is SIZE_MAX - 5.
 * Returns the length.
 */
size_t op_print(const struct op *op, char *out);

/*
 * Read one op from text. It ends at text's end, at a line's end, or at a
 * comment: a '#' after a blank that no digit follows.
 * Returns 0, -EINVAL when text is no op's, or -ENOENT when the line is empty.
 */
int op_parse(struct op *ret_op, const char *text);

/* The name of code's op, and its meaning in words; NULL when code is not on the
 * list. */
const char *op_name(unsigned code);
const char *op_meaning(unsigned code);

#endif
