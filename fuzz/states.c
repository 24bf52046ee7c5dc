#include "states.h"

#include <stddef.h>

#include <ngx_pool_index.h>

#include "run.h"

/* The number of states of each kind. */
enum {
    KEPT_UNIT = 4096, /* bytes */
    KEPT = 14,
    REGIONS = 9,
    ENDS = 4, /* regions whose number is a multiple of KEPT_REGIONS_LEAST */

    LARGE = 10,
    INDEX_UNIT = 64, /* slots of the smallest index */
    INDEXES = 5,
    PARTS = 33, /* filled parts of an index, 0 to 32 */

    SMALL = 5,
    PIECES = 8,

    BLOCKS = 12, /* up to as many as a program's ops make */
    FAILED = 6,  /* counted one by one */
};

STATES static struct {
    _Alignas(size_t) unsigned char kept[KEPT][REGIONS];
    unsigned char ends[KEPT][ENDS];
    unsigned char taken[SMALL][KEPT];
    /* Needed pieces, and others. First: kept.passed. */
    unsigned char sweeps[SMALL][PIECES][PIECES];
    unsigned char lists[LARGE][1 + INDEXES];
    /* Linked slots of an index, and those with an allocation. The same by
     * doublings, of all indexes. */
    unsigned char indexes[INDEXES][PARTS][PARTS];
    unsigned char lengths[LARGE][LARGE];
    /* The same, where nginx's functions run, too. First: whether one has put an
     * allocation into the index's tail. */
    unsigned char tails[2][INDEXES][PARTS][LARGE];
    /* Entries without an allocation, and with one. First: whether nginx's own
     * ngx_pfree() frees, or the library's. */
    unsigned char empties[2][LARGE][LARGE];
    unsigned char blocks[BLOCKS][FAILED];
} states;

static int looks_at_kept(const struct run *run);
static size_t part_of(size_t count, size_t slots);

_Static_assert(sizeof(states) % sizeof(size_t) == 0, "whole words");

void
states_note(const struct run *run, unsigned pool)
{
    const ngx_pool_t *self = run->pools[pool].pool;
    const struct model_pool *model = &run->model.pools[pool];
    const ngx_pool_index_t *index = self == NULL ? NULL : self->index;
    size_t nth = 0; /* number of the index's size, from 1 */
    size_t failed;

    if (looks_at_kept(run)) {
        states.kept[states_doublings(run->kept.stats.size / KEPT_UNIT, KEPT)]
                   [states_doublings(run->kept.region_count, REGIONS)] = 1;
    }
    if (self == NULL) {
        return;
    }
    if (index != NULL) {
        size_t slots = index->mask + 1;
        size_t linked = part_of(index->linked, slots);
        size_t part = part_of(model->large_count, slots);
        size_t live = states_doublings(model->large_count, LARGE);

        nth = states_doublings(slots / INDEX_UNIT, 1 + INDEXES);
        if (run->options.nginx == NULL) {
            states.indexes[nth - 1][linked][part] = 1;
            states.lengths[states_doublings(index->linked, LARGE)][live] = 1;
        } else {
            states.tails[index->tail.alloc != NULL][nth - 1][linked][live] = 1;
        }
    } else {
        states.empties[(run->by_nginx & OP_BY_NGINX_PFREE) != 0]
                      [states_doublings(model->empty_count, LARGE)]
                      [states_doublings(model->large_count, LARGE)] = 1;
    }
    states.lists[states_doublings(model->large_count, LARGE)][nth] = 1;
    failed = self->current->d.failed;
    states.blocks[states_doublings(model->block_count, BLOCKS)]
                 [failed < FAILED ? failed : FAILED - 1] = 1;
}

void
states_note_end(const struct run *run, size_t ended)
{
    size_t count = run->kept.region_count;
    size_t nth =
        count % KEPT_REGIONS_LEAST == 0 ? count / KEPT_REGIONS_LEAST : 0;

    if (looks_at_kept(run)) {
        states.ends[states_doublings(ended / KEPT_UNIT, KEPT)]
                   [nth < ENDS ? nth : ENDS - 1] = 1;
    }
}

void
states_note_taken(const struct run *run, size_t size)
{
    if (looks_at_kept(run)) {
        size_t small = pieces_too_small(&run->kept.pieces, size);
        size_t kept = run->kept.stats.size / KEPT_UNIT;

        states.taken[states_doublings(small, SMALL)]
                    [states_doublings(kept, KEPT)] = 1;
    }
}

void
states_note_sweep(const struct run *run, size_t needed, size_t left)
{
    if (looks_at_kept(run)) {
        size_t others = left < needed ? 0 : left - needed;

        states.sweeps[states_doublings(run->kept.passed, SMALL)]
                     [states_doublings(needed, PIECES)]
                     [states_doublings(others, PIECES)] = 1;
    }
}

/* Where nginx's functions run, too, the lists of large allocations matter. More
 * inputs for kept memory would take time from them. */
static int
looks_at_kept(const struct run *run)
{
    return run->options.nginx == NULL;
}

/* Returns how many of an index's 32 parts count slots fill, rounded up, so that
 * only an empty one has 0. There may be more allocations than slots, if memory
 * for a larger index was refused. */
static size_t
part_of(size_t count, size_t slots)
{
    return count < slots ? ((PARTS - 1) * count + slots - 1) / slots
                         : PARTS - 1;
}
