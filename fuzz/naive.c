#include "naive.h"

#include "program.h"

enum {
    OPS_MAX = 4096, /* repeated ones count each time */
    REGIONS_MAX = 256,
    OBJECTS_MAX = 512,

    HEADER = 96, /* of a pool's first block */
    PAGE = 4096,
    ALIGNMENTS = 13,

    NONE = -1,
};

struct region {
    int is_alive;
    uint32_t pool;
    uint32_t slot;
    int parent;
    unsigned since; /* it has that parent */
    unsigned cleanups;
    size_t max; /* the largest small allocation */
};

struct object {
    int is_alive; /* no: the op made no object, or it has ended */
    uint32_t slot;
    int region;
    unsigned since; /* it is in that region */
    size_t size;
    int is_large;
};

/* Everything that the program has made. Nothing is removed. */
static struct {
    const struct trace *trace;
    size_t at; /* index of the next action */
    unsigned now;
    int region_count;
    struct region regions[REGIONS_MAX];
    int object_count; /* of the ops that ages count */
    struct object objects[OBJECTS_MAX];
    int is_wrong;
    int is_too_long;
} self;

static void perform(const struct op *op);
static void perform_alloc(const struct op *op);
static void perform_resize(const struct op *op, int old);
static void perform_steal(const struct op *op, int object);
static void perform_create(const struct op *op);
static void perform_on(const struct op *op, int region);
static void object_add(const struct op *op, int region, size_t size, int old);
static void object_end(int object, enum trace_code code);
static void region_clear(int region);
static void region_end(int region);
static void cleanup_run(int region, enum trace_kind kind);
static int region_find(uint32_t pool);
static int object_find(uint32_t age);
static int newest_child(int parent);
static int oldest_object(int region);
static int large_find(int region, uint32_t nth);
static int is_below(int region, int top);
static size_t size_of(const struct op *op, int region);
static const struct trace_action *expect(struct trace_action expected);
static size_t most_alive(uint8_t made, uint8_t ended, uint8_t dropped);

const char *
naive_check(const struct trace *trace, const uint8_t *data, size_t size)
{
    struct program program;
    struct op last = {0};
    struct op op;
    size_t ops = 0;
    size_t idle_ops = 0;
    size_t performed = 0;

    self.trace = trace;
    self.at = 0;
    self.now = 0;
    self.region_count = 0;
    self.object_count = 0;
    self.is_wrong = 0;
    self.is_too_long = 0;
    program_init(&program, data, size);
    while (program_next(&program, &op)) {
        unsigned times = op_times(&op);
        size_t before = self.at;

        last = op.code == OP_AGAIN ? last : op;
        for (; times != 0; times--) {
            if (++performed > OPS_MAX || self.is_too_long) {
                return NULL;
            }
            perform(&last);
        }
        ops++;
        idle_ops += self.at == before;
    }
    while (newest_child(NONE) != NONE) {
        region_end(newest_child(NONE));
    }
    if (self.is_too_long) {
        return NULL;
    }
    if (self.is_wrong || self.at != trace->count) {
        return "a trace has the actions of its program";
    }
    if (trace->ops != ops || trace->idle_ops != idle_ops) {
        return "the ops without an action are counted";
    }
    if (trace->regions !=
            most_alive(TRACE_CREATE, TRACE_DESTROY, TRACE_DESTROY) ||
        trace->objects != most_alive(TRACE_ALLOC, TRACE_FREE, TRACE_DROP)) {
        return "a slot is used again as soon as it is free";
    }
    return NULL;
}

static void
perform(const struct op *op)
{
    int region = region_find(op->pool);
    int object = object_find(op->number);

    switch (op->code) {
    case OP_PALLOC:
    case OP_PNALLOC:
    case OP_PCALLOC:
    case OP_PMEMALIGN:
        perform_alloc(op);
        break;
    case OP_RESIZE:
        perform_resize(op, object);
        break;
    case OP_FREE:
        if (object != NONE) {
            object_end(object, TRACE_FREE);
        }
        break;
    case OP_STEAL:
        if (object != NONE && region != NONE) {
            perform_steal(op, object);
        }
        break;
    case OP_CREATE:
    case OP_CHILD:
        perform_create(op);
        break;
    default:
        if (region != NONE) {
            perform_on(op, region);
        }
        break;
    }
}

static void
perform_alloc(const struct op *op)
{
    int region = region_find(op->pool);

    object_add(op, region, size_of(op, region), NONE);
}

static void
perform_resize(const struct op *op, int old)
{
    int region = old != NONE ? self.objects[old].region : NONE;

    object_add(op, region, size_of(op, region), old);
}

static void
perform_steal(const struct op *op, int object)
{
    struct object *stolen = &self.objects[object];
    int region = region_find(op->pool);

    if (region != stolen->region) {
        stolen->region = region;
        stolen->since = ++self.now;
        (void) expect((struct trace_action){
            .code = TRACE_STEAL,
            .region = self.regions[region].slot,
            .object = stolen->slot,
            .size = stolen->size,
        });
    }
}

static void
perform_create(const struct op *op)
{
    size_t size = size_of(op, NONE);
    size_t free_bytes = size - HEADER;
    int parent = op->code == OP_CHILD ? region_find(op->number) : NONE;
    int old = region_find(op->pool);
    const struct trace_action *action;

    if (old != NONE) {
        region_end(old);
    }
    if (parent != NONE && !self.regions[parent].is_alive) {
        parent = NONE;
    }
    if (size < HEADER || size > TRACE_SIZE_MAX) {
        return;
    }
    if (self.region_count == REGIONS_MAX) {
        self.is_too_long = 1;
        return;
    }
    action = expect((struct trace_action){
        .code = TRACE_CREATE,
        .region = TRACE_NONE,
        .other = parent != NONE ? self.regions[parent].slot : TRACE_NONE,
        .size = size,
    });
    self.regions[self.region_count++] = (struct region){
        .is_alive = 1,
        .pool = op->pool,
        .slot = action != NULL ? action->region : TRACE_NONE,
        .parent = parent,
        .since = ++self.now,
        .max = free_bytes < PAGE ? free_bytes : PAGE - 1,
    };
}

/* Performs an op on a pool that exists. */
static void
perform_on(const struct op *op, int region)
{
    size_t size;
    int other;

    switch (op->code) {
    case OP_DESTROY:
        region_end(region);
        break;
    case OP_RESET:
        region_clear(region);
        (void) expect((struct trace_action){
            .code = TRACE_RESET, .region = self.regions[region].slot});
        break;
    case OP_ADOPT:
        other = region_find(op->number);
        if (other != NONE && !is_below(other, region)) {
            self.regions[region].parent = other;
            self.regions[region].since = ++self.now;
        }
        break;
    case OP_CLEANUP:
    case OP_CLEANUP_FILE:
    case OP_DELETE_FILE:
        size = op->code == OP_CLEANUP ? size_of(op, region) : 0;
        if (size <= TRACE_SIZE_MAX) {
            self.regions[region].cleanups++;
            (void) expect((struct trace_action){
                .code = TRACE_CLEANUP,
                .region = self.regions[region].slot,
                .size = size,
            });
        }
        break;
    case OP_CLEANUP_CANCEL:
    case OP_CLEANUP_RUN:
    case OP_RUN_FILE:
        if (self.regions[region].cleanups != 0) {
            cleanup_run(region, TRACE_ALIGNED);
        }
        break;
    case OP_PFREE_LARGE:
    case OP_PFREE_TWICE:
        other = large_find(region, op->number);
        if (other != NONE) {
            object_end(other, TRACE_FREE);
        }
        break;
    default:
        break;
    }
}

/* Counts an op for ages. It makes an object, unless region is NONE or size is
 * too large; then old is freed, unless it is NONE. */
static void
object_add(const struct op *op, int region, size_t size, int old)
{
    const struct trace_action *action;
    int is_aligned = op->code == OP_PMEMALIGN;
    struct object *object;

    if (self.object_count == OBJECTS_MAX) {
        self.is_too_long = 1;
        return;
    }
    object = &self.objects[self.object_count++];
    *object = (struct object){0};
    if (region == NONE || size > TRACE_SIZE_MAX) {
        return;
    }
    action = expect((struct trace_action){
        .code = old == NONE ? TRACE_ALLOC : TRACE_RESIZE,
        .kind = op->code == OP_PNALLOC   ? TRACE_PACKED
                : op->code == OP_PCALLOC ? TRACE_ZEROED
                                         : TRACE_ALIGNED,
        .alignment = (uint8_t) (is_aligned ? op->number % ALIGNMENTS : 0),
        .region = self.regions[region].slot,
        .object = TRACE_NONE,
        .other = old != NONE ? self.objects[old].slot : TRACE_NONE,
        .size = size,
    });
    *object = (struct object){
        .is_alive = 1,
        .slot = action != NULL ? action->object : TRACE_NONE,
        .region = region,
        .since = ++self.now,
        .size = size,
        .is_large = is_aligned || size > self.regions[region].max,
    };
    if (old != NONE) {
        self.objects[old].is_alive = 0;
    }
}

static void
object_end(int object, enum trace_code code)
{
    struct object *ended = &self.objects[object];

    ended->is_alive = 0;
    (void) expect((struct trace_action){
        .code = (uint8_t) code,
        .region = self.regions[ended->region].slot,
        .object = ended->slot,
        .size = ended->size,
    });
}

static void
region_clear(int region)
{
    while (newest_child(region) != NONE) {
        region_end(newest_child(region));
    }
    while (self.regions[region].cleanups != 0) {
        cleanup_run(region, TRACE_AT_END);
    }
    while (oldest_object(region) != NONE) {
        object_end(oldest_object(region), TRACE_DROP);
    }
}

static void
region_end(int region)
{
    region_clear(region);
    self.regions[region].is_alive = 0;
    (void) expect((struct trace_action){.code = TRACE_DESTROY,
                                        .region = self.regions[region].slot});
}

static void
cleanup_run(int region, enum trace_kind kind)
{
    self.regions[region].cleanups--;
    (void) expect((struct trace_action){
        .code = TRACE_CLEANUP_RUN,
        .kind = (uint8_t) kind,
        .region = self.regions[region].slot,
    });
}

static int
region_find(uint32_t pool)
{
    int i = self.region_count - 1;

    while (i != NONE &&
           !(self.regions[i].is_alive && self.regions[i].pool == pool)) {
        i--;
    }
    return i;
}

static int
object_find(uint32_t age)
{
    int i = age < (uint32_t) self.object_count
                ? self.object_count - 1 - (int) age
                : NONE;

    return i != NONE && self.objects[i].is_alive ? i : NONE;
}

/* parent is NONE for the regions without a parent. */
static int
newest_child(int parent)
{
    int newest = NONE;

    for (int i = 0; i < self.region_count; i++) {
        if (self.regions[i].is_alive && self.regions[i].parent == parent &&
            (newest == NONE ||
             self.regions[i].since > self.regions[newest].since)) {
            newest = i;
        }
    }
    return newest;
}

static int
oldest_object(int region)
{
    int oldest = NONE;

    for (int i = 0; i < self.object_count; i++) {
        if (self.objects[i].is_alive && self.objects[i].region == region &&
            (oldest == NONE ||
             self.objects[i].since < self.objects[oldest].since)) {
            oldest = i;
        }
    }
    return oldest;
}

/* Returns the large object at index nth of the region, or NONE. Index 0 is the
 * object that has been there longest. nth is taken modulo their number. */
static int
large_find(int region, uint32_t nth)
{
    int found[OBJECTS_MAX];
    uint32_t count = 0;

    for (int i = 0; i < self.object_count; i++) {
        const struct object *object = &self.objects[i];
        uint32_t at = count;

        if (!object->is_alive || object->region != region ||
            !object->is_large) {
            continue;
        }
        for (; at != 0 && self.objects[found[at - 1]].since > object->since;
             at--) {
            found[at] = found[at - 1];
        }
        found[at] = i;
        count++;
    }
    return count != 0 ? found[nth % count] : NONE;
}

/* Whether region is top or below it. */
static int
is_below(int region, int top)
{
    while (region != NONE && region != top) {
        region = self.regions[region].parent;
    }
    return region == top;
}

static size_t
size_of(const struct op *op, int region)
{
    size_t max = region != NONE ? self.regions[region].max : HEADER;
    const struct op_scale scale = {.max = max, .left = max, .page = PAGE};

    return op_size(op, &scale);
}

/* Compares the next action with the expected one. A field that is TRACE_NONE
 * may have any value if the action makes the region or the object. Returns the
 * action, or NULL after the last one. */
static const struct trace_action *
expect(struct trace_action expected)
{
    const struct trace_action *action;

    if (self.at == self.trace->count) {
        self.is_wrong = 1;
        return NULL;
    }
    action = &self.trace->actions[self.at++];
    if (expected.region == TRACE_NONE) {
        expected.region = action->region;
    }
    if (expected.object == TRACE_NONE) {
        expected.object = action->object;
    }
    self.is_wrong |=
        action->code != expected.code || action->kind != expected.kind ||
        action->alignment != expected.alignment ||
        action->region != expected.region ||
        action->object != expected.object || action->size != expected.size;
    if (expected.code == TRACE_CREATE || expected.code == TRACE_RESIZE) {
        self.is_wrong |= action->other != expected.other;
    }
    return action;
}

/* The most regions or objects of the trace that live at a time. The new object
 * of a resize lives beside the old one. */
static size_t
most_alive(uint8_t made, uint8_t ended, uint8_t dropped)
{
    size_t alive = 0;
    size_t most = 0;

    for (size_t i = 0; i < self.trace->count; i++) {
        uint8_t code = self.trace->actions[i].code;
        int is_resize = made == TRACE_ALLOC && code == TRACE_RESIZE;

        alive += code == made || is_resize;
        most = alive > most ? alive : most;
        alive -= code == ended || code == dropped || is_resize;
    }
    return most;
}
