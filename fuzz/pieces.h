/*
 * The pieces of memory that a thread keeps, as far as they are known. They are
 * known when no memory is kept, and from then on each piece that is put or
 * taken is noted. An event that cannot be noted makes them unknown, until no
 * memory is kept again. Known pieces must be there, and must serve requests.
 */
#ifndef FUZZ_PIECES_H
#define FUZZ_PIECES_H

#include <stddef.h>

enum {
    PIECES_SIZES = 32, /* with more sizes, the pieces are unknown */
};

struct pieces {
    int is_known;
    int has_free_bin;     /* all blocks of a size were taken: a bin may be free
                           * for another size */
    int has_other_blocks; /* a block's size was no power of two */
    size_t bins;          /* at most this number of bins has had blocks */
    size_t bytes;
    size_t blocks;    /* number of block pieces */
    size_t large;     /* number of other pieces */
    size_t size_most; /* the largest piece so far */
    size_t count;     /* of elements in sizes */
    struct piece_size {
        size_t size;
        size_t count;
        int is_block;
    } sizes[PIECES_SIZES];
};

/* Start with no kept memory: all pieces are known. */
void pieces_clear(struct pieces *pieces);

/* Note that the thread keeps count more pieces of size bytes. */
void pieces_put(struct pieces *pieces, size_t size, size_t count, int is_block);
/* Note that a piece of size bytes was taken. */
void pieces_take(struct pieces *pieces, size_t size, int is_block);

/* Whether a block of size bytes is kept and must be found. Each power of two
 * has a bin, and so has each of a few other sizes. */
int pieces_have_block(const struct pieces *pieces, size_t size);

/* Whether a piece for a large allocation of size bytes is kept and must be
 * found: one of the next class, or one of its own class, unless eight pieces of
 * that class which are too small may hide it. */
int pieces_have_large(const struct pieces *pieces, size_t size);

/* The number of large pieces of the class of size that have less than size
 * bytes. */
size_t pieces_too_small(const struct pieces *pieces, size_t size);

/* Note that a lower limit left that number of bytes. */
void pieces_leave(struct pieces *pieces, size_t bytes);

/* The size of all pieces, or NULL if they have several, or are unknown. */
struct piece_size *pieces_only(struct pieces *pieces);

#endif
