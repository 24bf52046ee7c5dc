/*
 * Everything that happens to a pool is an op, and ops are data: a fuzzer
 * writes them, a recorder captures them from a real program, a checked executor
 * hunts for bugs with them, a timed one measures, a person reads them as text.
 * This is the one list of ops, and their three encodings.
 *
 * Version 1: a record of OP_SIZE bytes, so that a byte that is changed, or four
 * that are inserted, leave the ops after as they were.
 *
 *     byte 0     the opcode in the lower 6 bits, the pool in the upper 2
 *     byte 1     who: which allocation, descriptor, alignment, handler, ...
 *     bytes 2-3  the amount, little-endian: a mode in the upper 3 bits and a
 *                value in the lower 13; see enum op_mode
 *
 * Version 2: as many bytes as the numbers need. Fuzzers and people write it;
 * README.md has the measurements.
 *
 *     byte 0     the opcode in the lower 6 bits; bit 6: the pool follows, else
 *                it is the one before; bit 7: the amount has a mode
 *     then       pool, who, amount, those that the op has, each as a LEB128
 *                varint; an amount with a mode is the value times 8 plus it
 *
 * Version 3: as version 2, but a free may give its age as a distance from the
 * age, counted from now, of the object that the free before it named. Objects
 * that were made together are often freed together, so most frees take two
 * bytes. The recorder writes it.
 *
 *     byte 0     of free, bit 7: who is such a distance, 0, -1, 1, -2, 2, ...
 *                as the varints 0, 1, 2, 3, 4, ...
 *
 * Opcodes are never renumbered; new ones take the next number. An opcode that
 * is not on the list does nothing and has no operands. A record that the input
 * cuts short ends in zeros. So every byte string means something, and always
 * the same.
 *
 * fail_alloc: of the system's allocations that follow, 0 to 3 lets the first,
 * the second, ... fail. Until the next fail_alloc, 4 lets all fail that are to
 * be cleared, and 5 to 15 all of more than 128, 256, ... 128 KiB.
 *
 * free, resize and steal name an object by its age. The ops palloc, pnalloc,
 * pcalloc, pmemalign and resize of the whole program count, whether or not they
 * made an object: age 0 is the newest one's. An object that is gone is left
 * alone.
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
    X(CREATE, "create", "ps", "create the pool, destroying what was there")    \
    X(DESTROY, "destroy", "p", "destroy the pool")                             \
    X(RESET, "reset", "p", "reset the pool")                                   \
    X(PALLOC, "palloc", "ps", "allocate aligned")                              \
    X(PNALLOC, "pnalloc", "ps", "allocate packed")                             \
    X(PCALLOC, "pcalloc", "ps", "allocate aligned and zeroed")                 \
    X(PMEMALIGN, "pmemalign", "pws", "allocate at alignment number who")       \
    X(PFREE_LARGE, "pfree_large", "pw", "free a live large allocation")        \
    X(PFREE_SMALL, "pfree_small", "pw", "try to free a small allocation")      \
    X(PFREE_FOREIGN, "pfree_foreign", "pw", "try to free another pool's")      \
    X(PFREE_INNER, "pfree_inner", "pws", "try to free at size bytes inside")   \
    X(PFREE_STALE, "pfree_stale", "pw", "try to free what was freed before")   \
    X(PFREE_TWICE, "pfree_twice", "pw", "free a live large one, then again")   \
    X(PFREE_NULL, "pfree_null", "p", "try to free NULL")                       \
    X(CLEANUP, "cleanup", "pws", "add a cleanup with handler number who")      \
    X(CLEANUP_CANCEL, "cleanup_cancel", "pw", "take a cleanup's handler away") \
    X(CLEANUP_FILE, "cleanup_file", "pw", "add a cleanup that closes who")     \
    X(DELETE_FILE, "delete_file", "pw", "add one that deletes who's file")     \
    X(RUN_FILE, "run_cleanup_file", "pw", "close descriptor who early")        \
    X(WRITE, "write", "pw", "write all of an allocation again")                \
    X(TAIL_GROW, "tail_grow", "ps", "grow the last one in place, as an array") \
    X(TAIL_SHRINK, "tail_shrink", "ps", "shrink it in place, as an array")     \
    X(CACHE_LIMIT, "cache_limit", "s", "bound the thread's kept blocks")       \
    X(CACHE_TRIM, "cache_trim", "", "release the thread's kept blocks")        \
    X(FAIL_ALLOC, "fail_alloc", "w", "fail system allocations by who % 16")    \
    X(FAIL_FILES, "fail_files", "w", "let closing or deleting fail from now")  \
    X(AGAIN, "again", "w", "do the op before 1 + who % 16 times more")         \
    X(GROW, "grow", "ps", "do nothing: blocks do not grow any more")           \
    X(THREAD, "thread", "w", "what follows is done by thread who")             \
    X(CHILD, "create_child", "pws", "create the pool below pool who")          \
    X(ADOPT, "adopt", "pw", "move the pool below pool who")                    \
    X(FREE, "free", "w", "free what was made who allocations ago")             \
    X(RESIZE, "resize", "ws", "copy that to one of size bytes, then free it")  \
    X(STEAL, "steal", "pw", "move that to the pool")                           \
    X(CLEANUP_RUN, "cleanup_run", "pw", "run a cleanup early")                 \
    X(NGINX, "nginx", "w", "let nginx's own functions do kinds of op by who")

enum op_code {
#define OP_CODE(name, text, operands, meaning) OP_##name,
    OP_LIST(OP_CODE)
#undef OP_CODE
    OP_COUNT,
};

enum {
    OP_SIZE = 4,        /* of a record of version 1 */
    OP_SIZE_MAX = 21,   /* of any record: opcode, 5 + 5 + 10 bytes of varints */
    OP_CODES = 1 << 6,  /* that a record can hold */
    OP_POOLS = 1 << 2,  /* that a program of version 1 works with */
    OP_TEXT_SIZE = 128, /* enough for any op's text and its end */

    OP_VALUES_1 = 1 << 13, /* that an amount's value can take in version 1 */
    OP_VALUE_BITS = 61,    /* and in version 2 */
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
    uint32_t age;  /* of the object that the free before named, as of now */
};

/* The meaning of an amount's value v, in bytes. Relative sizes stop at 0, sizes
 * that are too large at SIZE_MAX. */
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
    uint32_t who;
    uint64_t amount; /* the mode in its upper 3 bits */
};

/* Which ops nginx's own functions do after an op nginx: the bits of its who.
 * The last two are for functions that nginx's own call among themselves. */
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
    size_t left; /* in the block that is tried first */
    size_t page;
};

/*
 * Read the op that data, of size bytes, starts with. *before is then as the
 * next op needs it.
 * Returns the bytes that it took: 0 at the end, else at most OP_SIZE_MAX.
 */
size_t op_decode(struct op *ret_op, enum op_version version,
                 struct op_before *before, const uint8_t *data, size_t size);

/*
 * Write op into out, of OP_SIZE_MAX bytes; *before as in op_decode().
 * Returns the bytes written; 0 when version 1 cannot hold one of its numbers.
 */
size_t op_encode(const struct op *op, enum op_version version,
                 struct op_before *before, uint8_t *out);

/* An amount of a mode and a value, of which OP_VALUE_BITS are taken. */
uint64_t op_amount(enum op_mode mode, uint64_t value);

enum op_mode op_amount_mode(uint64_t amount);
uint64_t op_amount_value(uint64_t amount);

/* Whether code's op is one of those whose age counts. */
int op_makes(unsigned code);

/* Whether the op has the operand: 'p', 'w', 's'. */
int op_has(unsigned code, char operand);

/* The bytes that op's amount stands for. */
size_t op_size(const struct op *op, const struct op_scale *scale);

/*
 * Write op as text into out, of OP_TEXT_SIZE bytes: its name, then operands as
 * in "pmemalign p1 #3 max+2". Sizes: 17, 16*17, 4096*3, max-1, left+8, page+0,
 * top-5, the last being SIZE_MAX - 5. Operands that op ignores are left out.
 * Returns the length.
 */
size_t op_print(const struct op *op, char *out);

/*
 * Read one op from text, which ends at its end, a line's end, or a '#' that
 * follows a blank and no operand.
 * Returns 0, or -EINVAL when it is no op's text, -ENOENT when there is none.
 */
int op_parse(struct op *ret_op, const char *text);

/* The name of code's op, and its meaning in words; NULL when it is not on the
 * list. */
const char *op_name(unsigned code);
const char *op_meaning(unsigned code);

#endif
