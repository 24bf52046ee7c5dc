#include "pieces.h"

enum {
    HIDE_MAX = 7, /* so few pieces of a class cannot hide another one */
    CLASSES = 4,  /* of large allocations' sizes, to each doubling */

    BINS = 8, /* any eight sizes of blocks have a bin each */

    /* The least and the greatest power of two with a bin. */
    POWER_LEAST = 32,
    POWER_MOST = 256 * 1024,
};

static struct piece_size *find(struct pieces *pieces, size_t size,
                               int is_block);
static int is_power(size_t size);
static size_t class_end(size_t size);

void
pieces_clear(struct pieces *pieces)
{
    pieces->is_known = 1;
    pieces->has_free_bin = 0;
    pieces->has_other_blocks = 0;
    pieces->bins = 0;
    pieces->bytes = 0;
    pieces->blocks = 0;
    pieces->large = 0;
    pieces->count = 0;
}

void
pieces_put(struct pieces *pieces, size_t size, size_t count, int is_block)
{
    struct piece_size *found = find(pieces, size, is_block);

    if (size > pieces->size_most) {
        pieces->size_most = size;
    }
    if (found == NULL && pieces->count == PIECES_SIZES) {
        pieces->is_known = 0;
        return;
    }
    if (found == NULL) {
        found = &pieces->sizes[pieces->count++];
        *found = (struct piece_size){.size = size, .is_block = is_block};
    }
    /* The blocks may have got a bin that another size has left. */
    if (is_block) {
        pieces->bins += found->count == 0 || pieces->has_free_bin;
        pieces->has_other_blocks |= !is_power(size);
    }
    found->count += count;
    pieces->bytes += size * count;
    *(is_block ? &pieces->blocks : &pieces->large) += count;
}

void
pieces_take(struct pieces *pieces, size_t size, int is_block)
{
    struct piece_size *found = find(pieces, size, is_block);

    if (found == NULL || found->count == 0) {
        pieces->is_known = 0;
        return;
    }
    found->count--;
    pieces->has_free_bin |= is_block && found->count == 0;
    pieces->bytes -= size;
    --*(is_block ? &pieces->blocks : &pieces->large);
}

int
pieces_have_block(const struct pieces *pieces, size_t size)
{
    size_t i;

    if (!pieces->is_known ||
        (pieces->bins > BINS && pieces->has_other_blocks)) {
        return 0;
    }
    for (i = 0; i < pieces->count; i++) {
        if (pieces->sizes[i].is_block && pieces->sizes[i].size == size) {
            return pieces->sizes[i].count != 0;
        }
    }
    return 0;
}

int
pieces_have_large(const struct pieces *pieces, size_t size)
{
    size_t end;
    int has_own = 0;
    int has_next = 0;
    size_t i;

    if (!pieces->is_known || pieces->large == 0) {
        return 0;
    }
    end = class_end(size);
    for (i = 0; i < pieces->count; i++) {
        const struct piece_size *piece = &pieces->sizes[i];

        if (piece->is_block || piece->count == 0) {
            continue;
        }
        if (piece->size >= end) {
            has_next |= piece->size < class_end(end);
        } else if (piece->size >= size) {
            has_own = 1;
        }
    }
    return has_next || (has_own && pieces_too_small(pieces, size) <= HIDE_MAX);
}

size_t
pieces_too_small(const struct pieces *pieces, size_t size)
{
    size_t end = class_end(size);
    size_t small = 0;
    size_t i;

    for (i = 0; i < pieces->count; i++) {
        const struct piece_size *piece = &pieces->sizes[i];

        if (!piece->is_block && piece->count != 0 && piece->size < size &&
            class_end(piece->size) == end) {
            small += piece->count;
        }
    }
    return small;
}

void
pieces_leave(struct pieces *pieces, size_t bytes)
{
    struct piece_size *piece = pieces_only(pieces);

    if (piece == NULL || bytes % piece->size != 0) {
        pieces->is_known = 0;
        return;
    }
    while (pieces->bytes > bytes) {
        pieces_take(pieces, piece->size, piece->is_block);
    }
}

struct piece_size *
pieces_only(struct pieces *pieces)
{
    struct piece_size *only = NULL;
    size_t i;

    for (i = 0; pieces->is_known && i < pieces->count; i++) {
        if (pieces->sizes[i].count == 0) {
            continue;
        }
        if (only != NULL) {
            return NULL;
        }
        only = &pieces->sizes[i];
    }
    return only;
}

/* Returns the least size above the class of size. */
static size_t
class_end(size_t size)
{
    size_t width = 1;

    while (size / width >= 2 * CLASSES) {
        width *= 2;
    }
    return (size / width + 1) * width;
}

/* Returns NULL when no piece had that size. */
static struct piece_size *
find(struct pieces *pieces, size_t size, int is_block)
{
    size_t i;

    for (i = 0; i < pieces->count; i++) {
        struct piece_size *piece = &pieces->sizes[i];

        if (piece->size == size && piece->is_block == is_block) {
            return piece;
        }
    }
    return NULL;
}

static int
is_power(size_t size)
{
    return size >= POWER_LEAST && size <= POWER_MOST &&
           (size & (size - 1)) == 0;
}
