#include "plan/repeat.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "plan/generator.h"
#include "trace.h"

enum {
    REPEAT_SEED = 1, /* any number would do, as long as it stays */

    /* No stretch between two visits of the state has more than this share of
     * the part's allocations. A program that makes one region, works, and
     * destroys it is no server: it has one such stretch. The recorded server
     * with the fewest connections has 15. */
    REPEAT_CYCLES = 8,
};

/* The trace between two actions. */
struct repeat_point {
    uint64_t alive; /* a hash of all that is alive there */
    size_t at;      /* actions before it */
    size_t allocations;
};

/*
 * The hash of a set (Zobrist, 1970): each region and each object gets a random
 * number, and the hash is the exclusive or of the numbers of all that are
 * alive. A slot that is used again gets a new number, so an object that has
 * ended never returns. Two points of equal hash therefore have the same objects
 * alive, none of which ended in between. Points of different sets have equal
 * hashes by chance in less than one of 10^7 traces of a million actions.
 */
struct repeat_reader {
    struct generator generator;
    uint64_t alive;
    uint64_t *regions; /* numbers, by slot */
    uint64_t *held;    /* of each region: a hash of the objects in it */
    uint64_t *objects; /* numbers, by slot */
};

static void repeat_read(struct repeat_reader *reader,
                        const struct trace_action *action);
static void repeat_adds(struct repeat_reader *reader, uint32_t region,
                        uint32_t object);
static int repeat_compare(const void *a, const void *b);
static struct repeat repeat_choose(const struct repeat_point *points,
                                   size_t count);

int
repeat_find(const struct trace *trace, struct repeat *ret_repeat)
{
    size_t count = trace->count + 1;
    struct repeat_point *points = calloc(count, sizeof(*points));
    struct repeat_reader reader = {
        .regions = calloc(trace->regions + 1, sizeof(*reader.regions)),
        .held = calloc(trace->regions + 1, sizeof(*reader.held)),
        .objects = calloc(trace->objects + 1, sizeof(*reader.objects)),
    };
    int err = -ENOMEM;

    if (points == NULL || reader.regions == NULL || reader.held == NULL ||
        reader.objects == NULL) {
        goto done;
    }
    generator_init(&reader.generator, REPEAT_SEED);
    for (size_t i = 0; i < trace->count; i++) {
        const struct trace_action *action = &trace->actions[i];

        repeat_read(&reader, action);
        points[i + 1] = (struct repeat_point){
            .alive = reader.alive,
            .at = i + 1,
            .allocations =
                points[i].allocations +
                (action->code == TRACE_ALLOC || action->code == TRACE_RESIZE),
        };
    }
    qsort(points, count, sizeof(*points), repeat_compare);
    *ret_repeat = repeat_choose(points, count);
    err = 0;

done:
    free(reader.objects);
    free(reader.held);
    free(reader.regions);
    free(points);
    return err;
}

static void
repeat_read(struct repeat_reader *reader, const struct trace_action *action)
{
    switch ((enum trace_code) action->code) {
    case TRACE_CREATE:
        reader->regions[action->region] = generator_next(&reader->generator);
        reader->held[action->region] = 0;
        reader->alive ^= reader->regions[action->region];
        break;
    case TRACE_ALLOC:
        repeat_adds(reader, action->region, action->object);
        break;
    case TRACE_RESIZE:
        reader->alive ^= reader->objects[action->other];
        repeat_adds(reader, action->region, action->object);
        break;
    case TRACE_STEAL:
        reader->alive ^= reader->objects[action->object];
        repeat_adds(reader, action->region, action->object);
        break;
    case TRACE_FREE:
    case TRACE_DROP:
        reader->alive ^= reader->objects[action->object];
        break;
    case TRACE_RESET:
        reader->alive ^= reader->held[action->region];
        reader->held[action->region] = 0;
        break;
    case TRACE_DESTROY:
        reader->alive ^=
            reader->regions[action->region] ^ reader->held[action->region];
        break;
    default:
        break;
    }
}

/* The object is alive, and the region holds one more. */
static void
repeat_adds(struct repeat_reader *reader, uint32_t region, uint32_t object)
{
    uint64_t held = generator_next(&reader->generator);

    reader->objects[object] = generator_next(&reader->generator);
    reader->held[region] ^= held;
    reader->alive ^= held ^ reader->objects[object];
}

/* By hash, then in the trace's order. */
static int
repeat_compare(const void *a, const void *b)
{
    const struct repeat_point *x = a;
    const struct repeat_point *y = b;

    if (x->alive != y->alive) {
        return x->alive < y->alive ? -1 : 1;
    }
    return (x->at > y->at) - (x->at < y->at);
}

static struct repeat
repeat_choose(const struct repeat_point *points, size_t count)
{
    struct repeat best = {0};
    size_t first = 0;
    size_t longest = 0;

    for (size_t i = 0; i < count; i++) {
        size_t allocations;

        if (points[i].alive != points[first].alive) {
            first = i;
            longest = 0;
        }
        if (i > first) {
            size_t cycle = points[i].allocations - points[i - 1].allocations;

            longest = cycle > longest ? cycle : longest;
        }
        allocations = points[i].allocations - points[first].allocations;
        if (longest <= allocations / REPEAT_CYCLES &&
            (allocations > best.allocations ||
             (allocations == best.allocations && allocations != 0 &&
              points[first].at < best.from))) {
            best = (struct repeat){.from = points[first].at,
                                   .until = points[i].at,
                                   .allocations = allocations};
        }
    }
    return best;
}
