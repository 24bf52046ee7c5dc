#include "trace.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

enum {
    FIRST_ROOM = 64, /* of an array that grows */

    /* On 64-bit systems: the size of a pool's header, which is 16 bytes more
     * than nginx's, and what is large in any pool. */
    HEADER = 96,
    PAGE = 4096,

    PLACE_HASH_SHIFT = 32, /* the product's upper half */

    AGAIN_MAX = 16,  /* as the checked executor does it */
    ALIGNMENTS = 13, /* an alignment's number that is its logarithm */
};

/* 2^64 over the golden ratio (Knuth). */
#define PLACE_HASH 0x9e3779b97f4a7c15u

/* A growing array. */
struct list {
    void *items;
    size_t count;
    size_t room;
};

struct region {
    uint32_t number;
    uint32_t parent;
    uint32_t child; /* newest */
    uint32_t older; /* of the same parent; of a free slot: the next free one */
    uint32_t newer;
    uint32_t first; /* objects, oldest first */
    uint32_t last;
    uint32_t cleanups;
    uint64_t max;
    int is_live;
};

struct object {
    uint32_t region; /* TRACE_NONE: the slot is free */
    uint32_t prev;
    uint32_t next; /* of a free slot: the next free one */
    uint64_t size;
    size_t made; /* the op that made it, from 0 */
    int is_large;
};

/* The region of a pool's number. */
struct place {
    uint32_t number;
    uint32_t slot; /* TRACE_NONE: there is none */
    int is_used;
};

struct resolver {
    struct list actions;
    struct list regions;  /* by slot */
    struct list objects;  /* by slot */
    struct list made;     /* uint32_t: the object that the nth op made */
    struct place *places; /* open addressing */
    size_t places_used;
    size_t places_room; /* a power of two */
    uint32_t region_free;
    uint32_t object_free;
    uint32_t newest; /* region without a parent */
    int failed;      /* memory has run out */
};

static void resolve(struct resolver *self, const struct op *op);
static void resolve_make(struct resolver *self, const struct op *op);
static void resolve_aged(struct resolver *self, const struct op *op);
static void resolve_on(struct resolver *self, const struct op *op,
                       uint32_t region);
static void make(struct resolver *self, const struct op *op, uint32_t region,
                 uint64_t size, uint32_t from);
static uint64_t size_of(const struct resolver *self, const struct op *op,
                        uint32_t region);

static uint32_t region_find(struct resolver *self, uint32_t number);
static void region_create(struct resolver *self, uint32_t number,
                          uint32_t parent, uint64_t size);
static void region_link(struct resolver *self, uint32_t slot, uint32_t parent);
static void region_unlink(struct resolver *self, uint32_t slot);
static void region_clear(struct resolver *self, uint32_t slot);
static void region_end(struct resolver *self, uint32_t slot);
static uint32_t region_large(const struct resolver *self, uint32_t slot,
                             uint32_t who);
static int is_below(const struct resolver *self, uint32_t slot, uint32_t top);
static struct region *region_at(const struct resolver *self, uint32_t slot);

static uint32_t object_add(struct resolver *self, uint32_t region,
                           uint64_t size, int is_large);
static void object_link(struct resolver *self, uint32_t slot, uint32_t region);
static void object_unlink(struct resolver *self, uint32_t slot);
static void object_end(struct resolver *self, uint32_t slot,
                       enum trace_code code);
static void object_gone(struct resolver *self, uint32_t slot);
static struct object *object_at(const struct resolver *self, uint32_t slot);

static void made_add(struct resolver *self, uint32_t object);
static uint32_t made_find(const struct resolver *self, uint32_t who);

static struct place *place_find(struct resolver *self, uint32_t number);
static int places_grow(struct resolver *self);
static void act(struct resolver *self, struct trace_action action);
static void *list_add(struct resolver *self, struct list *list, size_t size);

int
trace_init(struct trace *trace, const uint8_t *data, size_t size)
{
    struct resolver self = {.region_free = TRACE_NONE,
                            .object_free = TRACE_NONE,
                            .newest = TRACE_NONE};
    struct program program;
    struct op last = {0};
    struct op op;

    *trace = (struct trace){0};
    if (!places_grow(&self)) {
        return -ENOMEM;
    }
    program_init(&program, data, size);
    while (!self.failed && program_next(&program, &op)) {
        unsigned times = op.code == OP_AGAIN ? 1 + op.who % AGAIN_MAX : 1;
        size_t before = self.actions.count;

        trace->ops++;
        last = op.code == OP_AGAIN ? last : op;
        while (times-- != 0 && !self.failed) {
            resolve(&self, &last);
        }
        trace->silent += self.actions.count == before;
    }
    while (!self.failed && self.newest != TRACE_NONE) {
        region_end(&self, self.newest);
    }

    trace->actions = self.actions.items;
    trace->count = self.actions.count;
    trace->regions = (uint32_t) self.regions.count;
    trace->objects = (uint32_t) self.objects.count;
    free(self.regions.items);
    free(self.objects.items);
    free(self.made.items);
    free(self.places);
    if (self.failed) {
        trace_done(trace);
        return -ENOMEM;
    }
    return 0;
}

void
trace_done(struct trace *trace)
{
    free(trace->actions);
    *trace = (struct trace){0};
}

static void
resolve(struct resolver *self, const struct op *op)
{
    if (op->code == OP_FREE || op->code == OP_RESIZE || op->code == OP_STEAL) {
        resolve_aged(self, op);
    } else if (op_makes(op->code)) {
        resolve_make(self, op);
    } else {
        resolve_on(self, op, region_find(self, op->pool));
    }
}

static void
resolve_make(struct resolver *self, const struct op *op)
{
    uint32_t region = region_find(self, op->pool);
    uint64_t size = size_of(self, op, region);

    if (region == TRACE_NONE || size > TRACE_SIZE_MAX) {
        made_add(self, TRACE_NONE);
        return;
    }
    make(self, op, region, size, TRACE_NONE);
}

/* Resolves an op on an object that was made before. */
static void
resolve_aged(struct resolver *self, const struct op *op)
{
    uint32_t object = made_find(self, op->who);
    uint32_t region;
    uint64_t size;

    if (object == TRACE_NONE && op->code == OP_RESIZE) {
        made_add(self, TRACE_NONE);
    }
    if (object == TRACE_NONE) {
        return;
    }
    switch (op->code) {
    case OP_FREE:
        object_end(self, object, TRACE_FREE);
        break;
    case OP_RESIZE:
        region = object_at(self, object)->region;
        size = size_of(self, op, region);
        if (size <= TRACE_SIZE_MAX) {
            make(self, op, region, size, object);
        } else {
            made_add(self, TRACE_NONE);
        }
        break;
    default:
        region = region_find(self, op->pool);
        if (region != TRACE_NONE && region != object_at(self, object)->region) {
            object_unlink(self, object);
            object_link(self, object, region);
            act(self,
                (struct trace_action){.code = TRACE_STEAL,
                                      .region = region,
                                      .object = object,
                                      .size = object_at(self, object)->size});
        }
        break;
    }
}

static void
resolve_on(struct resolver *self, const struct op *op, uint32_t region)
{
    uint32_t other = TRACE_NONE;
    uint32_t object;
    uint64_t size;

    if (op->code == OP_CREATE || op->code == OP_CHILD) {
        size = size_of(self, op, TRACE_NONE);
        if (op->code == OP_CHILD) {
            other = region_find(self, op->who);
        }
        if (region != TRACE_NONE) {
            /* A region that is made again below itself has no parent left. */
            other = other != TRACE_NONE && is_below(self, other, region)
                        ? TRACE_NONE
                        : other;
            region_end(self, region);
        }
        if (size >= HEADER && size <= TRACE_SIZE_MAX) {
            region_create(self, op->pool, other, size);
        }
        return;
    }
    if (region == TRACE_NONE) {
        return;
    }

    switch (op->code) {
    case OP_DESTROY:
        region_end(self, region);
        break;
    case OP_RESET:
        region_clear(self, region);
        act(self, (struct trace_action){.code = TRACE_RESET, .region = region});
        break;
    case OP_ADOPT:
        other = region_find(self, op->who);
        if (other != TRACE_NONE && !is_below(self, other, region)) {
            region_unlink(self, region);
            region_link(self, region, other);
        }
        break;
    case OP_CLEANUP:
    case OP_CLEANUP_FILE:
    case OP_DELETE_FILE:
        size = op->code == OP_CLEANUP ? size_of(self, op, region) : 0;
        if (size <= TRACE_SIZE_MAX) {
            region_at(self, region)->cleanups++;
            act(self, (struct trace_action){.code = TRACE_CLEANUP,
                                            .region = region,
                                            .size = size});
        }
        break;
    case OP_CLEANUP_CANCEL:
    case OP_CLEANUP_RUN:
    case OP_RUN_FILE:
        if (region_at(self, region)->cleanups != 0) {
            region_at(self, region)->cleanups--;
            act(self, (struct trace_action){.code = TRACE_CLEANUP_RUN,
                                            .region = region});
        }
        break;
    case OP_PFREE_LARGE:
    case OP_PFREE_TWICE:
        object = region_large(self, region, op->who);
        if (object != TRACE_NONE) {
            object_end(self, object, TRACE_FREE);
        }
        break;
    default:
        break;
    }
}

static void
make(struct resolver *self, const struct op *op, uint32_t region, uint64_t size,
     uint32_t from)
{
    struct trace_action action = {
        .code = from == TRACE_NONE ? TRACE_ALLOC : TRACE_RESIZE,
        .kind = op->code == OP_PNALLOC   ? TRACE_PACKED
                : op->code == OP_PCALLOC ? TRACE_ZEROED
                                         : TRACE_ALIGNED,
        .region = region,
        .other = from,
        .size = size,
    };
    int is_large = size > region_at(self, region)->max;

    if (op->code == OP_PMEMALIGN) {
        action.alignment = (uint8_t) (op->who % ALIGNMENTS);
        is_large = 1;
    }
    action.object = object_add(self, region, size, is_large);
    if (self->failed) {
        return;
    }
    made_add(self, action.object);
    act(self, action);
    if (from != TRACE_NONE) {
        object_gone(self, from);
    }
}

static uint64_t
size_of(const struct resolver *self, const struct op *op, uint32_t region)
{
    struct op_scale scale = {.max = HEADER, .left = HEADER, .page = PAGE};

    if (region != TRACE_NONE) {
        scale.max = region_at(self, region)->max;
        scale.left = scale.max;
    }
    return op_size(op, &scale);
}

static uint32_t
region_find(struct resolver *self, uint32_t number)
{
    struct place *place = place_find(self, number);

    return place->is_used ? place->slot : TRACE_NONE;
}

static void
region_create(struct resolver *self, uint32_t number, uint32_t parent,
              uint64_t size)
{
    uint64_t room = size - HEADER;
    uint32_t slot = self->region_free;
    struct place *place;

    if (!places_grow(self)) {
        return;
    }
    if (slot != TRACE_NONE) {
        self->region_free = region_at(self, slot)->older;
    } else {
        slot = (uint32_t) self->regions.count;
        if (list_add(self, &self->regions, sizeof(struct region)) == NULL) {
            return;
        }
    }
    *region_at(self, slot) = (struct region){
        .number = number,
        .child = TRACE_NONE,
        .first = TRACE_NONE,
        .last = TRACE_NONE,
        .max = room < PAGE - 1 ? room : PAGE - 1,
        .is_live = 1,
    };
    region_link(self, slot, parent);
    place = place_find(self, number);
    self->places_used += !place->is_used;
    *place = (struct place){.number = number, .slot = slot, .is_used = 1};
    act(self, (struct trace_action){.code = TRACE_CREATE,
                                    .region = slot,
                                    .other = parent,
                                    .size = size});
}

/* Makes the region the newest below parent. */
static void
region_link(struct resolver *self, uint32_t slot, uint32_t parent)
{
    struct region *region = region_at(self, slot);
    uint32_t *newest =
        parent == TRACE_NONE ? &self->newest : &region_at(self, parent)->child;

    region->parent = parent;
    region->newer = TRACE_NONE;
    region->older = *newest;
    if (*newest != TRACE_NONE) {
        region_at(self, *newest)->newer = slot;
    }
    *newest = slot;
}

static void
region_unlink(struct resolver *self, uint32_t slot)
{
    struct region *region = region_at(self, slot);

    if (region->older != TRACE_NONE) {
        region_at(self, region->older)->newer = region->newer;
    }
    if (region->newer != TRACE_NONE) {
        region_at(self, region->newer)->older = region->older;
    } else if (region->parent != TRACE_NONE) {
        region_at(self, region->parent)->child = region->older;
    } else {
        self->newest = region->older;
    }
}

/* The region has no regions below it and no objects any more. */
static void
region_clear(struct resolver *self, uint32_t slot)
{
    while (region_at(self, slot)->child != TRACE_NONE) {
        region_end(self, region_at(self, slot)->child);
    }
    while (region_at(self, slot)->cleanups != 0) {
        region_at(self, slot)->cleanups--;
        act(self, (struct trace_action){.code = TRACE_CLEANUP_RUN,
                                        .kind = TRACE_AT_END,
                                        .region = slot});
    }
    while (region_at(self, slot)->first != TRACE_NONE) {
        object_end(self, region_at(self, slot)->first, TRACE_DROP);
    }
}

/* Below a parent there may be many, one below the other: no recursion. */
static void
region_end(struct resolver *self, uint32_t slot)
{
    uint32_t deepest = slot;

    for (;;) {
        struct region *region;
        uint32_t parent;

        while (region_at(self, deepest)->child != TRACE_NONE) {
            deepest = region_at(self, deepest)->child;
        }
        region_clear(self, deepest);
        act(self,
            (struct trace_action){.code = TRACE_DESTROY, .region = deepest});
        region = region_at(self, deepest);
        parent = region->parent;
        region_unlink(self, deepest);
        place_find(self, region->number)->slot = TRACE_NONE;
        region->is_live = 0;
        region->older = self->region_free;
        self->region_free = deepest;
        if (deepest == slot || self->failed) {
            return;
        }
        deepest = parent;
    }
}

/* The large object that is `who` places after the oldest; it wraps around. */
static uint32_t
region_large(const struct resolver *self, uint32_t slot, uint32_t who)
{
    uint32_t count = 0;
    uint32_t object;

    for (object = region_at(self, slot)->first; object != TRACE_NONE;
         object = object_at(self, object)->next) {
        count += object_at(self, object)->is_large != 0;
    }
    if (count == 0) {
        return TRACE_NONE;
    }
    who %= count;
    for (object = region_at(self, slot)->first;;
         object = object_at(self, object)->next) {
        if (object_at(self, object)->is_large && who-- == 0) {
            return object;
        }
    }
}

/* Whether the region is top or below it. */
static int
is_below(const struct resolver *self, uint32_t slot, uint32_t top)
{
    while (slot != TRACE_NONE && slot != top) {
        slot = region_at(self, slot)->parent;
    }
    return slot == top;
}

static struct region *
region_at(const struct resolver *self, uint32_t slot)
{
    assert(slot < self->regions.count && self->regions.items != NULL);
    return (struct region *) self->regions.items + slot;
}

static uint32_t
object_add(struct resolver *self, uint32_t region, uint64_t size, int is_large)
{
    uint32_t slot = self->object_free;

    if (slot != TRACE_NONE) {
        self->object_free = object_at(self, slot)->next;
    } else {
        slot = (uint32_t) self->objects.count;
        if (list_add(self, &self->objects, sizeof(struct object)) == NULL) {
            return TRACE_NONE;
        }
    }
    *object_at(self, slot) =
        (struct object){.size = size, .is_large = is_large};
    object_link(self, slot, region);
    return slot;
}

/* Makes the object the newest of the region. */
static void
object_link(struct resolver *self, uint32_t slot, uint32_t region)
{
    struct object *object = object_at(self, slot);
    struct region *owner = region_at(self, region);

    object->region = region;
    object->next = TRACE_NONE;
    object->prev = owner->last;
    if (owner->last != TRACE_NONE) {
        object_at(self, owner->last)->next = slot;
    } else {
        owner->first = slot;
    }
    owner->last = slot;
}

static void
object_unlink(struct resolver *self, uint32_t slot)
{
    struct object *object = object_at(self, slot);
    struct region *owner = region_at(self, object->region);

    if (object->prev != TRACE_NONE) {
        object_at(self, object->prev)->next = object->next;
    } else {
        owner->first = object->next;
    }
    if (object->next != TRACE_NONE) {
        object_at(self, object->next)->prev = object->prev;
    } else {
        owner->last = object->prev;
    }
}

static void
object_end(struct resolver *self, uint32_t slot, enum trace_code code)
{
    struct object *object = object_at(self, slot);

    act(self, (struct trace_action){.code = (uint8_t) code,
                                    .region = object->region,
                                    .object = slot,
                                    .size = object->size});
    object_gone(self, slot);
}

/* Frees the object's slot. */
static void
object_gone(struct resolver *self, uint32_t slot)
{
    struct object *object = object_at(self, slot);

    object_unlink(self, slot);
    ((uint32_t *) self->made.items)[object->made] = TRACE_NONE;
    object->region = TRACE_NONE;
    object->next = self->object_free;
    self->object_free = slot;
}

static struct object *
object_at(const struct resolver *self, uint32_t slot)
{
    assert(slot < self->objects.count && self->objects.items != NULL);
    return (struct object *) self->objects.items + slot;
}

/* Notes the object that the next op made, TRACE_NONE where it made none. */
static void
made_add(struct resolver *self, uint32_t object)
{
    uint32_t *made = list_add(self, &self->made, sizeof(*made));

    if (made == NULL) {
        return;
    }
    *made = object;
    if (object != TRACE_NONE) {
        object_at(self, object)->made = self->made.count - 1;
    }
}

/* The object that was made who ops ago, or TRACE_NONE. */
static uint32_t
made_find(const struct resolver *self, uint32_t who)
{
    if (who >= self->made.count) {
        return TRACE_NONE;
    }
    return ((uint32_t *) self->made.items)[self->made.count - 1 - who];
}

/* The slot of number in the hash table, or the empty one where it belongs. */
static struct place *
place_find(struct resolver *self, uint32_t number)
{
    size_t mask = self->places_room - 1;
    size_t i = (number * (uint64_t) PLACE_HASH >> PLACE_HASH_SHIFT) & mask;

    assert(self->places != NULL);
    while (self->places[i].is_used && self->places[i].number != number) {
        i = (i + 1) & mask;
    }
    return &self->places[i];
}

/* Lets one more number fit in, with half of all slots free. Returns whether it
 * does. */
static int
places_grow(struct resolver *self)
{
    struct place *old = self->places;
    size_t room = self->places_room;
    size_t i;

    if (2 * (self->places_used + 1) <= room) {
        return 1;
    }
    self->places_room = room == 0 ? FIRST_ROOM : 2 * room;
    self->places = calloc(self->places_room, sizeof(*self->places));
    if (self->places == NULL) {
        self->places = old;
        self->places_room = room;
        self->failed = 1;
        return 0;
    }
    self->places_used = 0;
    for (i = 0; i < room; i++) {
        if (old[i].is_used && old[i].slot != TRACE_NONE) {
            *place_find(self, old[i].number) = old[i];
            self->places_used++;
        }
    }
    free(old);
    return 1;
}

static void
act(struct resolver *self, struct trace_action action)
{
    struct trace_action *added = list_add(self, &self->actions, sizeof(*added));

    if (added != NULL) {
        *added = action;
    }
}

/* One more item, which the caller fills in. NULL when memory runs out, or the
 * numbers of slots do. */
static void *
list_add(struct resolver *self, struct list *list, size_t size)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? FIRST_ROOM : 2 * list->room;
        void *items =
            room < TRACE_NONE ? realloc(list->items, room * size) : NULL;

        if (items == NULL) {
            self->failed = 1;
            return NULL;
        }
        list->items = items;
        list->room = room;
    }
    return (char *) list->items + size * list->count++;
}
