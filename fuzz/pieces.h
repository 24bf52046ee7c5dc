/*
 * The pieces of memory that a thread keeps, as far as they are known: from a
 * moment on where nothing is kept, each piece that is put and taken is noted.
 * When something else happens to them they are unknown, until nothing is kept
 * again. What is known must be there, and serves what it should.
 */
#ifndef FUZZ_PIECES_H
#define FUZZ_PIECES_H

#include <stddef.h>

enum {
    PIECES_SIZES = 32, /* with more sizes nothing is known */
};

struct pieces {
    int is_known;
    int has_left;         /* a bin, maybe: all blocks of a size were taken */
    int has_other_blocks; /* some have a size that is no power of two */
    size_t bins;          /* that blocks have been put into, at most */
    size_t bytes;
    size_t blocks;
    size_t large;
    size_t size_most; /* of any piece so far */
    size_t count;     /* of sizes */
    struct piece_size {
        size_t size;
        size_t count;
        int is_block;
    } sizes[PIECES_SIZES];
};

/* Nothing is kept. */
void pieces_clear(struct pieces *pieces);

void pieces_put(struct pieces *pieces, size_t size, size_t count, int is_block);
void pieces_take(struct pieces *pieces, size_t size, int is_block);

/* Whether a block of size bytes is kept, and is found: a few sizes have a bin
 * each, and so have the powers of two. */
int pieces_have_block(const struct pieces *pieces, size_t size);

/* Whether a piece is kept for a large allocation of size bytes: it has at most
 * an eighth more, and not many other pieces of about the size hide it. */
int pieces_have_large(const struct pieces *pieces, size_t size);

#endif
