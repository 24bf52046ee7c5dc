#include "trace.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

enum {
    FIRST_CAPACITY = 64, /* of arrays and of the hash table */

    /* The size of a pool's header on 64-bit systems: 16 bytes more than
     * nginx's. */
    HEADER = 96,
    PAGE = 4096, /* an allocation of this size is large in any pool */

    HASH_SHIFT = 32, /* to the upper half of the product */

    ALIGNMENTS = 13, /* number % ALIGNMENTS is an alignment's logarithm */
};

/* 2^64 over the golden ratio (Knuth). */
#define HASH_FACTOR 0x9e3779b97f4a7c15u

struct list {
    void *items;
    size_t count;
    size_t capacity;
};

struct region {
    uint32_t pool; /* the pool's number in the program */
    uint32_t parent;
    uint32_t newest_child;
    uint32_t older; /* of the same parent; of a free slot: the next free one */
    uint32_t newer;
    uint32_t oldest_object;
    uint32_t newest_object;
    uint32_t cleanups;
    uint64_t max; /* the largest small allocation */
};

struct object {
    uint32_t region; /* TRACE_NONE: the slot is free */
    uint32_t older;  /* of the same region */
    uint32_t newer;  /* of a free slot: the next free one */
    uint64_t size;
    size_t made_index; /* in resolver.made */
    int is_large;
};

/* An entry of the hash table from a pool's number to its region. */
struct entry {
    uint32_t pool;
    uint32_t region; /* TRACE_NONE: the pool does not exist */
    int is_used;
};

struct resolver {
    struct list actions;
    struct list regions;   /* by slot */
    struct list objects;   /* by slot */
    struct list made;      /* uint32_t: the object that the nth op made */
    struct entry *entries; /* a hash table with open addressing */
    size_t entries_used;
    size_t entries_capacity; /* a power of two */
    uint32_t first_free_region;
    uint32_t first_free_object;
    uint32_t newest_root; /* a region without a parent */
    int failed;           /* memory has run out */
};

static void resolve(struct resolver *self, const struct op *op);
static void resolve_alloc(struct resolver *self, const struct op *op);
static void resolve_by_age(struct resolver *self, const struct op *op);
static void resolve_create(struct resolver *self, const struct op *op);
static void resolve_on_pool(struct resolver *self, const struct op *op,
                            uint32_t region);
static void object_make(struct resolver *self, const struct op *op,
                        uint32_t region, uint64_t size, uint32_t from);
static uint64_t size_of(const struct resolver *self, const struct op *op,
                        uint32_t region);

static uint32_t region_find(struct resolver *self, uint32_t pool);
static void region_create(struct resolver *self, uint32_t pool, uint32_t parent,
                          uint64_t size);
static void region_link(struct resolver *self, uint32_t slot, uint32_t parent);
static void region_unlink(struct resolver *self, uint32_t slot);
static void region_clear(struct resolver *self, uint32_t slot);
static void region_end(struct resolver *self, uint32_t slot);
static uint32_t large_find(const struct resolver *self, uint32_t slot,
                           uint32_t nth);
static int is_below(const struct resolver *self, uint32_t slot, uint32_t top);
static struct region *region_at(const struct resolver *self, uint32_t slot);

static uint32_t object_add(struct resolver *self, uint32_t region,
                           uint64_t size, int is_large);
static void object_link(struct resolver *self, uint32_t slot, uint32_t region);
static void object_unlink(struct resolver *self, uint32_t slot);
static void object_end(struct resolver *self, uint32_t slot,
                       enum trace_code code);
static void object_release(struct resolver *self, uint32_t slot);
static struct object *object_at(const struct resolver *self, uint32_t slot);

static void made_add(struct resolver *self, uint32_t object);
static uint32_t made_find(const struct resolver *self, uint32_t age);

static struct entry *entry_find(struct resolver *self, uint32_t pool);
static int entries_grow(struct resolver *self);
static void action_add(struct resolver *self, struct trace_action action);
static void *list_add(struct resolver *self, struct list *list, size_t size);

int
trace_init(struct trace *trace, const uint8_t *data, size_t size)
{
    struct resolver self = {.first_free_region = TRACE_NONE,
                            .first_free_object = TRACE_NONE,
                            .newest_root = TRACE_NONE};
    struct program program;
    struct op last = {0};
    struct op op;

    *trace = (struct trace){0};
    if (!entries_grow(&self)) {
        return -ENOMEM;
    }
    program_init(&program, data, size);
    while (!self.failed && program_next(&program, &op)) {
        unsigned times = op_times(&op);
        size_t before = self.actions.count;

        trace->ops++;
        last = op.code == OP_AGAIN ? last : op;
        while (times-- != 0 && !self.failed) {
            resolve(&self, &last);
        }
        trace->idle_ops += self.actions.count == before;
    }
    while (!self.failed && self.newest_root != TRACE_NONE) {
        region_end(&self, self.newest_root);
    }

    trace->actions = self.actions.items;
    trace->count = self.actions.count;
    trace->regions = (uint32_t) self.regions.count;
    trace->objects = (uint32_t) self.objects.count;
    free(self.regions.items);
    free(self.objects.items);
    free(self.made.items);
    free(self.entries);
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
        resolve_by_age(self, op);
    } else if (op_makes_object(op->code)) {
        resolve_alloc(self, op);
    } else if (op->code == OP_CREATE || op->code == OP_CHILD) {
        resolve_create(self, op);
    } else {
        uint32_t region = region_find(self, op->pool);

        if (region != TRACE_NONE) {
            resolve_on_pool(self, op, region);
        }
    }
}

static void
resolve_alloc(struct resolver *self, const struct op *op)
{
    uint32_t region = region_find(self, op->pool);
    uint64_t size = size_of(self, op, region);

    if (region == TRACE_NONE || size > TRACE_SIZE_MAX) {
        made_add(self, TRACE_NONE);
        return;
    }
    object_make(self, op, region, size, TRACE_NONE);
}

/* Resolves an op that names an object by its age. */
static void
resolve_by_age(struct resolver *self, const struct op *op)
{
    uint32_t object = made_find(self, op->number);
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
            object_make(self, op, region, size, object);
        } else {
            made_add(self, TRACE_NONE);
        }
        break;
    default:
        region = region_find(self, op->pool);
        if (region != TRACE_NONE && region != object_at(self, object)->region) {
            object_unlink(self, object);
            object_link(self, object, region);
            action_add(self, (struct trace_action){
                                 .code = TRACE_STEAL,
                                 .region = region,
                                 .object = object,
                                 .size = object_at(self, object)->size});
        }
        break;
    }
}

static void
resolve_create(struct resolver *self, const struct op *op)
{
    uint64_t size = size_of(self, op, TRACE_NONE);
    uint32_t old = region_find(self, op->pool);
    uint32_t parent =
        op->code == OP_CHILD ? region_find(self, op->number) : TRACE_NONE;

    if (old != TRACE_NONE) {
        /* The end of the old region also ends a parent below it. */
        if (parent != TRACE_NONE && is_below(self, parent, old)) {
            parent = TRACE_NONE;
        }
        region_end(self, old);
    }
    if (size >= HEADER && size <= TRACE_SIZE_MAX) {
        region_create(self, op->pool, parent, size);
    }
}

/* Resolves an op on a pool that exists. */
static void
resolve_on_pool(struct resolver *self, const struct op *op, uint32_t region)
{
    uint32_t parent;
    uint32_t object;
    uint64_t size;

    switch (op->code) {
    case OP_DESTROY:
        region_end(self, region);
        break;
    case OP_RESET:
        region_clear(self, region);
        action_add(
            self, (struct trace_action){.code = TRACE_RESET, .region = region});
        break;
    case OP_ADOPT:
        parent = region_find(self, op->number);
        if (parent != TRACE_NONE && !is_below(self, parent, region)) {
            region_unlink(self, region);
            region_link(self, region, parent);
        }
        break;
    case OP_CLEANUP:
    case OP_CLEANUP_FILE:
    case OP_DELETE_FILE:
        size = op->code == OP_CLEANUP ? size_of(self, op, region) : 0;
        if (size <= TRACE_SIZE_MAX) {
            region_at(self, region)->cleanups++;
            action_add(self, (struct trace_action){.code = TRACE_CLEANUP,
                                                   .region = region,
                                                   .size = size});
        }
        break;
    case OP_CLEANUP_CANCEL:
    case OP_CLEANUP_RUN:
    case OP_RUN_FILE:
        if (region_at(self, region)->cleanups != 0) {
            region_at(self, region)->cleanups--;
            action_add(self, (struct trace_action){.code = TRACE_CLEANUP_RUN,
                                                   .region = region});
        }
        break;
    case OP_PFREE_LARGE:
    case OP_PFREE_TWICE:
        object = large_find(self, region, op->number);
        if (object != TRACE_NONE) {
            object_end(self, object, TRACE_FREE);
        }
        break;
    default:
        break;
    }
}

static void
object_make(struct resolver *self, const struct op *op, uint32_t region,
            uint64_t size, uint32_t from)
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
        action.alignment = (uint8_t) (op->number % ALIGNMENTS);
        is_large = 1;
    }
    action.object = object_add(self, region, size, is_large);
    if (self->failed) {
        return;
    }
    made_add(self, action.object);
    action_add(self, action);
    if (from != TRACE_NONE) {
        object_release(self, from);
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
region_find(struct resolver *self, uint32_t pool)
{
    struct entry *entry = entry_find(self, pool);

    return entry->is_used ? entry->region : TRACE_NONE;
}

static void
region_create(struct resolver *self, uint32_t pool, uint32_t parent,
              uint64_t size)
{
    uint64_t free_bytes = size - HEADER;
    uint32_t slot = self->first_free_region;
    struct entry *entry;

    if (!entries_grow(self)) {
        return;
    }
    if (slot != TRACE_NONE) {
        self->first_free_region = region_at(self, slot)->older;
    } else {
        slot = (uint32_t) self->regions.count;
        if (list_add(self, &self->regions, sizeof(struct region)) == NULL) {
            return;
        }
    }
    *region_at(self, slot) = (struct region){
        .pool = pool,
        .newest_child = TRACE_NONE,
        .oldest_object = TRACE_NONE,
        .newest_object = TRACE_NONE,
        .max = free_bytes < PAGE - 1 ? free_bytes : PAGE - 1,
    };
    region_link(self, slot, parent);
    entry = entry_find(self, pool);
    self->entries_used += !entry->is_used;
    *entry = (struct entry){.pool = pool, .region = slot, .is_used = 1};
    action_add(self, (struct trace_action){.code = TRACE_CREATE,
                                           .region = slot,
                                           .other = parent,
                                           .size = size});
}

/* Makes the region the newest child of parent, or the newest root. */
static void
region_link(struct resolver *self, uint32_t slot, uint32_t parent)
{
    struct region *region = region_at(self, slot);
    uint32_t *newest = parent == TRACE_NONE
                           ? &self->newest_root
                           : &region_at(self, parent)->newest_child;

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
        region_at(self, region->parent)->newest_child = region->older;
    } else {
        self->newest_root = region->older;
    }
}

/* Ends the regions below the region, its cleanups and its objects. */
static void
region_clear(struct resolver *self, uint32_t slot)
{
    while (region_at(self, slot)->newest_child != TRACE_NONE) {
        region_end(self, region_at(self, slot)->newest_child);
    }
    while (region_at(self, slot)->cleanups != 0) {
        region_at(self, slot)->cleanups--;
        action_add(self, (struct trace_action){.code = TRACE_CLEANUP_RUN,
                                               .kind = TRACE_AT_END,
                                               .region = slot});
    }
    while (region_at(self, slot)->oldest_object != TRACE_NONE) {
        object_end(self, region_at(self, slot)->oldest_object, TRACE_DROP);
    }
}

/* Regions are nested as deep as a program likes, so this does not recurse. */
static void
region_end(struct resolver *self, uint32_t slot)
{
    uint32_t deepest = slot;

    for (;;) {
        struct region *region;
        uint32_t parent;

        while (region_at(self, deepest)->newest_child != TRACE_NONE) {
            deepest = region_at(self, deepest)->newest_child;
        }
        region_clear(self, deepest);
        action_add(self, (struct trace_action){.code = TRACE_DESTROY,
                                               .region = deepest});
        region = region_at(self, deepest);
        parent = region->parent;
        region_unlink(self, deepest);
        entry_find(self, region->pool)->region = TRACE_NONE;
        region->older = self->first_free_region;
        self->first_free_region = deepest;
        if (deepest == slot || self->failed) {
            return;
        }
        deepest = parent;
    }
}

/* The nth large object of the region, from the oldest one, which is 0. nth is
 * taken modulo the number of large objects. Returns TRACE_NONE without any. */
static uint32_t
large_find(const struct resolver *self, uint32_t slot, uint32_t nth)
{
    uint32_t count = 0;
    uint32_t object;

    for (object = region_at(self, slot)->oldest_object; object != TRACE_NONE;
         object = object_at(self, object)->newer) {
        count += object_at(self, object)->is_large != 0;
    }
    if (count == 0) {
        return TRACE_NONE;
    }
    nth %= count;
    for (object = region_at(self, slot)->oldest_object;;
         object = object_at(self, object)->newer) {
        if (object_at(self, object)->is_large && nth-- == 0) {
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
    uint32_t slot = self->first_free_object;

    if (slot != TRACE_NONE) {
        self->first_free_object = object_at(self, slot)->newer;
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

/* Makes the object the newest one of the region. */
static void
object_link(struct resolver *self, uint32_t slot, uint32_t region)
{
    struct object *object = object_at(self, slot);
    struct region *owner = region_at(self, region);

    object->region = region;
    object->newer = TRACE_NONE;
    object->older = owner->newest_object;
    if (owner->newest_object != TRACE_NONE) {
        object_at(self, owner->newest_object)->newer = slot;
    } else {
        owner->oldest_object = slot;
    }
    owner->newest_object = slot;
}

static void
object_unlink(struct resolver *self, uint32_t slot)
{
    struct object *object = object_at(self, slot);
    struct region *owner = region_at(self, object->region);

    if (object->older != TRACE_NONE) {
        object_at(self, object->older)->newer = object->newer;
    } else {
        owner->oldest_object = object->newer;
    }
    if (object->newer != TRACE_NONE) {
        object_at(self, object->newer)->older = object->older;
    } else {
        owner->newest_object = object->older;
    }
}

static void
object_end(struct resolver *self, uint32_t slot, enum trace_code code)
{
    struct object *object = object_at(self, slot);

    action_add(self, (struct trace_action){.code = (uint8_t) code,
                                           .region = object->region,
                                           .object = slot,
                                           .size = object->size});
    object_release(self, slot);
}

/* Frees the object's slot, and its age names no object any more. */
static void
object_release(struct resolver *self, uint32_t slot)
{
    struct object *object = object_at(self, slot);

    object_unlink(self, slot);
    ((uint32_t *) self->made.items)[object->made_index] = TRACE_NONE;
    object->region = TRACE_NONE;
    object->newer = self->first_free_object;
    self->first_free_object = slot;
}

static struct object *
object_at(const struct resolver *self, uint32_t slot)
{
    assert(slot < self->objects.count && self->objects.items != NULL);
    return (struct object *) self->objects.items + slot;
}

/* Counts an op that makes objects. object is its object, or TRACE_NONE. */
static void
made_add(struct resolver *self, uint32_t object)
{
    uint32_t *made = list_add(self, &self->made, sizeof(*made));

    if (made == NULL) {
        return;
    }
    *made = object;
    if (object != TRACE_NONE) {
        object_at(self, object)->made_index = self->made.count - 1;
    }
}

/* The object of that age, or TRACE_NONE. */
static uint32_t
made_find(const struct resolver *self, uint32_t age)
{
    if (age >= self->made.count) {
        return TRACE_NONE;
    }
    return ((uint32_t *) self->made.items)[self->made.count - 1 - age];
}

/* The pool's entry in the hash table, or the unused entry that it would get. */
static struct entry *
entry_find(struct resolver *self, uint32_t pool)
{
    size_t mask = self->entries_capacity - 1;
    size_t i = (pool * (uint64_t) HASH_FACTOR >> HASH_SHIFT) & mask;

    assert(self->entries != NULL);
    while (self->entries[i].is_used && self->entries[i].pool != pool) {
        i = (i + 1) & mask;
    }
    return &self->entries[i];
}

/* Grows the hash table, unless half of it stays unused with one more entry.
 * Returns 0 when memory runs out, else 1. */
static int
entries_grow(struct resolver *self)
{
    struct entry *old = self->entries;
    size_t capacity = self->entries_capacity;
    size_t i;

    if (2 * (self->entries_used + 1) <= capacity) {
        return 1;
    }
    self->entries_capacity = capacity == 0 ? FIRST_CAPACITY : 2 * capacity;
    self->entries = calloc(self->entries_capacity, sizeof(*self->entries));
    if (self->entries == NULL) {
        self->entries = old;
        self->entries_capacity = capacity;
        self->failed = 1;
        return 0;
    }
    self->entries_used = 0;
    for (i = 0; i < capacity; i++) {
        if (old[i].is_used && old[i].region != TRACE_NONE) {
            *entry_find(self, old[i].pool) = old[i];
            self->entries_used++;
        }
    }
    free(old);
    return 1;
}

static void
action_add(struct resolver *self, struct trace_action action)
{
    struct trace_action *added = list_add(self, &self->actions, sizeof(*added));

    if (added != NULL) {
        *added = action;
    }
}

/* Adds an item, which the caller sets. Returns NULL when memory or the numbers
 * of slots run out. */
static void *
list_add(struct resolver *self, struct list *list, size_t size)
{
    if (list->count == list->capacity) {
        size_t capacity =
            list->capacity == 0 ? FIRST_CAPACITY : 2 * list->capacity;
        void *items = capacity < TRACE_NONE
                          ? realloc(list->items, capacity * size)
                          : NULL;

        if (items == NULL) {
            self->failed = 1;
            return NULL;
        }
        list->items = items;
        list->capacity = capacity;
    }
    return (char *) list->items + size * list->count++;
}
