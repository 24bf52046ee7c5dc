#include "regions.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"
#include "program.h"
#include "states.h"
#include "worker.h"

enum {
    REGIONS = 2 * OP_POOLS, /* the second half is the copy's: see step_copy() */
    OBJECTS_MAX = 512,      /* live objects of a region */
    PROGRAM_STEPS_MAX = 1024,
    STEPS_MAX = 2 * PROGRAM_STEPS_MAX,

    /* Larger sizes are taken modulo this, except sizes that no heap has. */
    SIZES = 128 * 1024,

    /* The bytes that are written at each end of a longer object. */
    WRITTEN_MAX = 512,

    FILLS = 255, /* values of a written byte; 0 is none of them */

    /* The sizes that relative amounts refer to, without a scale(). */
    SCALE_MAX = 4096,
    SCALE_LEFT = 512,
    SCALE_PAGE = 4096,

    ALIGNMENTS = 13,      /* 1 << 0 ... 1 << 12 */
    BYTES_AN_OBJECT = 64, /* a region's size for its count of objects */

    /* States of a region: see states.h. */
    OBJECTS_STATES = 11,
    BYTES_STATES = 13,
    BYTES_UNIT = 4096,

    NO_REGION = REGIONS,
    NO_STEP = STEPS_MAX,
};

/* An op, with its thread and its region. */
struct step {
    struct op op;
    unsigned thread;
    unsigned region; /* or NO_REGION */
    uint32_t number; /* of the program's op, from 1 */

    uint32_t made;  /* number of the object that the op makes, from 1; or 0 */
    uint32_t freed; /* number of the object that the op frees; or 0 */
    int is_end;     /* the thread ends */

    /* In REGIONS_CONCURRENT: */
    size_t after;   /* another thread's last step on the region, or NO_STEP */
    int is_awaited; /* another step has this one as its after */
};

struct region {
    void *state;     /* NULL: the region does not exist */
    unsigned thread; /* that made it */
    size_t total;    /* bytes that all regions of this number were asked for */

    /* The arguments of create(). */
    size_t size;
    size_t count;

    /* The bytes and the objects that the region was asked for. */
    size_t asked;
    size_t asked_count;

    size_t cleanups;
    size_t ran;          /* cleanups */
    size_t object_count; /* oldest first */
    struct regions_object objects[OBJECTS_MAX];
};

/* The steps of one thread among those from number from on, and before to. */
struct part {
    unsigned thread;
    size_t from;
    size_t to;
};

static struct {
    const struct regions_allocator *allocator;
    enum regions_mode mode;
    size_t step_count;
    struct step steps[STEPS_MAX];
    struct region regions[REGIONS];
    struct worker workers[REGIONS_THREADS];
    sem_t handed[STEPS_MAX];       /* posted after an awaited step */
    int has_handed;                /* the semaphores exist, and all are 0 */
    int is_there[REGIONS_THREADS]; /* the thread has entered */
    int is_over;                   /* the program is done */
    uint64_t hash;
} run;

STATES static struct {
    _Alignas(size_t) unsigned char reached[OBJECTS_STATES][BYTES_STATES];
} states;

_Static_assert(sizeof(states) % sizeof(size_t) == 0, "whole words");

static _Thread_local unsigned self;
static _Thread_local const struct step *current;

static void decode(const uint8_t *data, size_t size);
static int is_create(const struct step *step);
static int needs_region(const struct step *step);
static void step_copy(const struct step *step);
static void run_scheduled(void);
static void run_concurrent(void);
static int is_idle(const struct step *step);
static void order_steps(void);
static size_t epoch_end(size_t from);
static int has_work(unsigned thread, size_t from, size_t to);
static void run_on(unsigned thread, size_t from, size_t to);
static void part_begin(struct part *part);
static void part_perform(void *data);
static void note_effects(const struct step *step);
static void end_all(void);
static void thread_enter(unsigned thread);
static void thread_end(unsigned thread);
static void thread_leave(void *data);
static void perform(const struct step *step);
static void perform_on(struct region *region, const struct step *step);
static void region_create(struct region *region, const struct step *step);
static void region_destroy(struct region *region);
static void region_reset(struct region *region);
static void region_empty(struct region *region);
static void region_end(struct region *region, void (*end)(void *state));
static int is_foreign(const struct region *region);
static size_t size_of(const struct region *region, const struct op *op);
static struct regions_object *object_make(struct region *region,
                                          const struct step *step);
static void *object_alloc(struct region *region, const struct step *step,
                          struct regions_object *object);
static int is_refusal_right(const struct region *region, size_t size,
                            size_t refusals);
static void object_check(const struct regions_object *object);
static void object_check_apart(const struct regions_object *object);
static void object_free(struct region *region, size_t nth);
static void object_resize(struct region *region, const struct step *step);
static size_t object_find(const struct region *region, uint32_t number);
static void fill(struct regions_object *object, unsigned char value);
static int is_uniform(const void *p, size_t size, unsigned char value);

void
regions_run(const struct regions_allocator *allocator, enum regions_mode mode,
            const uint8_t *data, size_t size)
{
    run.allocator = allocator;
    run.mode = mode;
    run.is_over = 0;
    run.hash = 0;
    for (unsigned i = 0; i < REGIONS; i++) {
        run.regions[i].state = NULL;
        run.regions[i].total = 0;
    }
    self = 0;
    current = NULL;
    decode(data, size);
    if (mode == REGIONS_SCHEDULED) {
        run_scheduled();
    } else {
        run_concurrent();
    }
    end_all();
}

_Noreturn void
regions_fail(const char *words)
{
    char text[OP_TEXT_SIZE] = "the end";

    if (current != NULL && !run.is_over) {
        op_print(&current->op, text);
    }
    fprintf(stderr, "%s: op %u, %s: broken promise: %s\n", run.allocator->name,
            current != NULL ? (unsigned) current->number : 0u, text, words);
    abort();
}

uint64_t
regions_hash(void)
{
    return run.hash;
}

/* Fowler, Noll and Vo's hash, a word at a time. */
void
regions_hash_add(uint64_t value)
{
    run.hash = (run.hash ^ value) * 0x100000001b3 ^ run.hash >> 29;
}

unsigned
regions_thread(void)
{
    return self;
}

void
regions_each(void (*visit)(void *state, const struct regions_object *object,
                           void *data),
             void *data)
{
    for (unsigned i = 0; i < REGIONS; i++) {
        const struct region *region = &run.regions[i];

        for (size_t j = 0; region->state != NULL && j < region->object_count;
             j++) {
            visit(region->state, &region->objects[j], data);
        }
    }
}

void
regions_each_state(void (*visit)(void *state, void *data), void *data)
{
    for (unsigned i = 0; i < REGIONS; i++) {
        if (run.regions[i].state != NULL) {
            visit(run.regions[i].state, data);
        }
    }
}

/* Makes the steps: an op's thread and region do not depend on the effects of
 * the ops before it. */
static void
decode(const uint8_t *data, size_t size)
{
    static unsigned char regions_of[PROGRAM_STEPS_MAX + 1]; /* by step.made */
    int is_made[REGIONS + 1] = {0};
    struct program program;
    struct op last = {0};
    struct op op;
    unsigned thread = 0;
    uint32_t number = 0;
    uint32_t made = 0;
    size_t most = PROGRAM_STEPS_MAX;

    if (run.mode == REGIONS_CONCURRENT) {
        most = STEPS_MAX - 1;
    }
    run.step_count = 0;
    program_init(&program, data, size);
    while (program_next(&program, &op)) {
        unsigned times = op_times(&op);

        number++;
        if (op.code == OP_AGAIN) {
            op = last;
        }
        last = op;
        if (op.code == OP_THREAD) {
            thread = op.number % REGIONS_THREADS;
        }
        /* An op that does nothing is no step, but may count as made. */
        for (; times != 0 && run.step_count < most && made < PROGRAM_STEPS_MAX;
             times--) {
            struct step *step = &run.steps[run.step_count++];
            uint32_t age = op.number;

            *step = (struct step){
                .op = op,
                .thread = thread,
                .number = number,
                .region = op_has(op.code, 'p') ? op.pool % OP_POOLS : NO_REGION,
                .is_end = op.code == OP_THREAD &&
                          op.number / REGIONS_THREADS % 2 != 0,
                .after = NO_STEP,
            };
            if ((op.code == OP_FREE || op.code == OP_RESIZE) && age < made) {
                step->freed = made - age;
                step->region = regions_of[step->freed];
            }
            if (op_makes_object(op.code)) {
                step->made = ++made;
                regions_of[made] = (unsigned char) step->region;
            }
            is_made[step->region] |= is_create(step);
            if (!step->is_end && needs_region(step) && !is_made[step->region]) {
                run.step_count--; /* the op does nothing */
            } else if (run.mode == REGIONS_CONCURRENT && !step->is_end) {
                step_copy(step);
            }
        }
    }
}

static int
is_create(const struct step *step)
{
    return step->op.code == OP_CREATE || step->op.code == OP_CHILD;
}

/* Whether the op does nothing without a region. */
static int
needs_region(const struct step *step)
{
    switch (step->op.code) {
    case OP_CACHE_TRIM:
    case OP_CACHE_LIMIT:
    case OP_FAIL_ALLOC:
        return 0;
    default:
        return !is_create(step);
    }
}

/* Adds the same step on the next thread and on a region of the copy. */
static void
step_copy(const struct step *step)
{
    struct step *copy = &run.steps[run.step_count++];

    *copy = *step;
    copy->thread = (step->thread + 1) % REGIONS_THREADS;
    if (step->region != NO_REGION) {
        copy->region = step->region + OP_POOLS;
    }
}

static void
run_scheduled(void)
{
    size_t i = 0;

    while (i < run.step_count) {
        size_t to = i;

        if (run.steps[i].is_end) {
            thread_end(run.steps[i].thread);
        }
        if (is_idle(&run.steps[i])) {
            i++;
            continue;
        }
        while (to < run.step_count &&
               run.steps[to].thread == run.steps[i].thread &&
               !run.steps[to].is_end) {
            to++;
        }
        run_on(run.steps[i].thread, i, to);
        i = to;
    }
}

/* Whether the op does nothing. Then no thread is started for it. */
static int
is_idle(const struct step *step)
{
    return needs_region(step) && (step->region == NO_REGION ||
                                  run.regions[step->region].state == NULL);
}

/*
 * Lets all threads do their steps at the same time. A thread waits for another
 * one only when it takes over a region, and when a thread ends. So any two
 * other steps of different threads are a data race if they access the same
 * memory, whatever their distance and order.
 */
static void
run_concurrent(void)
{
    size_t i = 0;

    order_steps();
    while (i < run.step_count) {
        struct part parts[REGIONS_THREADS];
        size_t to = epoch_end(i);
        unsigned begun = 0;

        if (run.steps[i].is_end) {
            thread_end(run.steps[i].thread);
        }
        for (unsigned t = REGIONS_THREADS; t-- > 0;) {
            parts[t] = (struct part){.thread = t, .from = i, .to = to};
            if (has_work(t, i, to)) {
                begun |= 1u << t;
                part_begin(&parts[t]);
            }
        }
        for (unsigned t = 1; t < REGIONS_THREADS; t++) {
            if (begun >> t & 1) {
                worker_wait(&run.workers[t]);
            }
        }
        i = to;
    }
}

/* Sets after and is_awaited of all steps. */
static void
order_steps(void)
{
    size_t last[REGIONS]; /* step on each region */

    for (size_t i = 0; i < STEPS_MAX && !run.has_handed; i++) {
        (void) sem_init(&run.handed[i], 0, 0);
    }
    run.has_handed = 1;
    for (unsigned region = 0; region < REGIONS; region++) {
        last[region] = NO_STEP;
    }
    for (size_t i = 0; i < run.step_count; i++) {
        struct step *step = &run.steps[i];

        if (step->region == NO_REGION) {
            continue;
        }
        if (last[step->region] != NO_STEP &&
            run.steps[last[step->region]].thread != step->thread) {
            step->after = last[step->region];
            run.steps[step->after].is_awaited = 1;
        }
        last[step->region] = i;
    }
}

/* Returns the next step after from that ends a thread, or step_count. */
static size_t
epoch_end(size_t from)
{
    size_t i = from + 1;

    while (i < run.step_count && !run.steps[i].is_end) {
        i++;
    }
    return i;
}

static int
has_work(unsigned thread, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (run.steps[i].thread == thread && !run.steps[i].is_end) {
            return 1;
        }
    }
    return 0;
}

/* Lets the thread do its steps among those from number from on, and before to.
 * Waits for it. */
static void
run_on(unsigned thread, size_t from, size_t to)
{
    struct part part = {.thread = thread, .from = from, .to = to};

    part_begin(&part);
    if (thread != 0) {
        worker_wait(&run.workers[thread]);
    }
}

/* Lets the thread do its steps of the part. */
static void
part_begin(struct part *part)
{
    if (part->thread == 0) {
        part_perform(part);
    } else {
        worker_begin(&run.workers[part->thread], part_perform, part);
    }
}

static void
part_perform(void *data)
{
    const struct part *part = data;

    thread_enter(part->thread);
    for (size_t i = part->from; i < part->to; i++) {
        if (run.steps[i].thread == self) {
            current = &run.steps[i];
            if (current->after != NO_STEP) {
                semaphore_take(&run.handed[current->after]);
            }
            perform(current);
            if (current->is_awaited) {
                (void) sem_post(&run.handed[i]);
            }
            if (run.mode == REGIONS_SCHEDULED) {
                note_effects(current);
            }
        }
    }
}

/* Notes a step's effects, in REGIONS_SCHEDULED alone. */
static void
note_effects(const struct step *step)
{
    regions_hash_add(step->number);
    if (step->region != NO_REGION) {
        const struct region *region = &run.regions[step->region];

        regions_hash_add(region->state != NULL);
        regions_hash_add(region->object_count);
        regions_hash_add(region->total);
        states.reached[states_doublings(region->object_count, OBJECTS_STATES)]
                      [states_doublings(region->total / BYTES_UNIT,
                                        BYTES_STATES)] = 1;
    }
    if (run.allocator->check != NULL) {
        run.allocator->check();
    }
}

/* Ends all threads and all regions. A region that is bound to a thread ends on
 * it, all others end here. */
static void
end_all(void)
{
    run.is_over = 1;
    for (unsigned t = 1; t < REGIONS_THREADS; t++) {
        thread_end(t);
    }
    thread_enter(0);
    for (unsigned i = 0; i < REGIONS; i++) {
        if (run.regions[i].state != NULL) {
            region_destroy(&run.regions[i]);
        }
    }
    if (run.allocator->check != NULL && run.mode == REGIONS_SCHEDULED) {
        run.allocator->check();
    }
    if (run.allocator->leave != NULL) {
        run.allocator->leave(0);
    }
    run.is_there[0] = 0;
}

/* Called on the thread, before its steps. */
static void
thread_enter(unsigned thread)
{
    self = thread;
    if (!run.is_there[self]) {
        run.is_there[self] = 1;
        if (run.allocator->enter != NULL) {
            run.allocator->enter(self);
        }
    }
}

static void
thread_end(unsigned thread)
{
    struct worker *worker = &run.workers[thread];

    if (!worker->is_alive) {
        return;
    }
    worker_begin(worker, thread_leave, NULL);
    worker_wait(worker);
    worker_end(worker);
    run.is_there[thread] = 0;
    if (run.allocator->left != NULL) {
        run.allocator->left(thread);
    }
}

static void
thread_leave(void *data)
{
    (void) data;
    for (unsigned i = 0; i < REGIONS; i++) {
        struct region *region = &run.regions[i];

        if (run.allocator->is_bound_to_thread && region->state != NULL &&
            region->thread == self) {
            region_destroy(region);
        }
    }
    if (run.allocator->leave != NULL) {
        run.allocator->leave(self);
    }
}

static void
perform(const struct step *step)
{
    const struct regions_allocator *allocator = run.allocator;
    struct region *region;

    switch (step->op.code) {
    case OP_CACHE_TRIM:
        if (allocator->trim != NULL) {
            allocator->trim();
        }
        return;
    case OP_CACHE_LIMIT:
        if (allocator->limit != NULL) {
            allocator->limit(size_of(NULL, &step->op));
        }
        return;
    case OP_FAIL_ALLOC:
        if (allocator->fail_alloc != NULL && run.mode == REGIONS_SCHEDULED) {
            allocator->fail_alloc(step->op.number);
        }
        return;
    default:
        break;
    }
    if (step->region == NO_REGION) {
        return;
    }
    region = &run.regions[step->region];
    if (region->state != NULL && is_foreign(region)) {
        return;
    }
    if (is_create(step)) {
        region_create(region, step);
    } else if (region->state != NULL) {
        perform_on(region, step);
    }
}

static void
perform_on(struct region *region, const struct step *step)
{
    const struct op *op = &step->op;
    size_t count = region->object_count;
    size_t nth = count == 0 ? count : count - 1 - op->number % count;

    switch (op->code) {
    case OP_DESTROY:
        region_destroy(region);
        break;
    case OP_RESET:
        region_reset(region);
        break;
    case OP_PALLOC:
    case OP_PNALLOC:
    case OP_PCALLOC:
    case OP_PMEMALIGN:
        (void) object_make(region, step);
        break;
    case OP_RESIZE:
        object_resize(region, step);
        break;
    case OP_FREE:
        nth = object_find(region, step->freed);
        if (nth < count) {
            object_free(region, nth);
        }
        break;
    case OP_PFREE_LARGE:
    case OP_PFREE_SMALL:
    case OP_PFREE_TWICE:
        if (nth < count) {
            object_free(region, nth);
        }
        break;
    case OP_WRITE:
        if (nth < count) {
            struct regions_object *object = &region->objects[nth];

            object_check(object);
            fill(object, (unsigned char) (1 + step->number % FILLS));
        }
        break;
    case OP_CLEANUP:
        if (run.allocator->cleanup != NULL &&
            run.allocator->cleanup(region->state, &region->ran) == 0) {
            region->cleanups++;
        }
        break;
    default:
        break;
    }
}

static void
region_create(struct region *region, const struct step *step)
{
    const struct regions_allocator *allocator = run.allocator;
    size_t size = size_of(NULL, &step->op);
    int is_refused =
        allocator->is_refused_size != NULL && allocator->is_refused_size(size);
    size_t refusals;

    if (region->state != NULL) {
        region_destroy(region);
    }
    if (region->total > allocator->bytes_most) {
        return;
    }
    refusals = allocator->refusals != NULL ? allocator->refusals() : 0;
    region->size = size;
    region->count = size / BYTES_AN_OBJECT;
    region->total += size < SIZES ? size : 0;
    region->thread = self;
    region->asked = 0;
    region->asked_count = 0;
    region->cleanups = 0;
    region->ran = 0;
    region->object_count = 0;
    region->state = allocator->create(size, region->count);
    if (region->state == NULL && !is_refused &&
        (allocator->refusals == NULL || allocator->refusals() == refusals)) {
        regions_fail("a region is refused only where the system refuses");
    }
    if (region->state != NULL && is_refused) {
        regions_fail("a region of such a size is refused");
    }
}

static void
region_destroy(struct region *region)
{
    region_empty(region);
    region_end(region, run.allocator->destroy);
    region->state = NULL;
}

static void
region_reset(struct region *region)
{
    if (run.allocator->reset == NULL ||
        (region->cleanups != 0 && !run.allocator->reset_runs_cleanups)) {
        return;
    }
    region_empty(region);
    region_end(region, run.allocator->reset);
    region->asked = 0;
    region->asked_count = 0;
}

/* Checks all objects. Frees them if the allocator is a general one. */
static void
region_empty(struct region *region)
{
    for (size_t i = 0; i < region->object_count; i++) {
        object_check(&region->objects[i]);
    }
    if (region->ran != 0) {
        regions_fail("a cleanup does not run before its region's end");
    }
    while (run.allocator->is_general && region->object_count != 0) {
        /* The oldest and the newest object in turn. */
        object_free(region, region->object_count % 2 == 0
                                ? 0
                                : region->object_count - 1);
    }
}

/* Calls end(), and ends the region's objects. */
static void
region_end(struct region *region, void (*end)(void *state))
{
    end(region->state);
    if (region->ran != region->cleanups) {
        regions_fail("each cleanup runs once");
    }
    region->ran = 0;
    region->cleanups = 0;
    for (size_t i = 0; run.allocator->ended != NULL && i < region->object_count;
         i++) {
        run.allocator->ended(&region->objects[i]);
    }
    region->object_count = 0;
}

/* Whether the calling thread may not use the region. */
static int
is_foreign(const struct region *region)
{
    return run.allocator->is_bound_to_thread && region->thread != self;
}

/* Returns the size of an op. region is NULL for a new region. */
static size_t
size_of(const struct region *region, const struct op *op)
{
    const struct regions_allocator *allocator = run.allocator;
    struct op_scale scale = {SCALE_MAX, SCALE_LEFT, SCALE_PAGE};
    size_t size;

    if (allocator->scale != NULL) {
        allocator->scale(region != NULL ? region->state : NULL, &scale);
    }
    size = op_size(op, &scale);
    if (size >= SIZES && (size <= HEAP_SIZE_MAX || !allocator->takes_any_size ||
                          run.mode == REGIONS_CONCURRENT)) {
        size %= SIZES;
    }
    return size;
}

/* Returns the new object, or NULL. */
static struct regions_object *
object_make(struct region *region, const struct step *step)
{
    const struct regions_allocator *allocator = run.allocator;
    struct regions_object *object = &region->objects[region->object_count];
    size_t size = size_of(region, &step->op);
    size_t refusals = allocator->refusals != NULL ? allocator->refusals() : 0;

    if (region->object_count == OBJECTS_MAX ||
        region->total > allocator->bytes_most) {
        return NULL;
    }
    *object = (struct regions_object){
        .size = size, .code = step->op.code, .number = step->made};
    object->p = object_alloc(region, step, object);
    if (object->p == NULL) {
        if (!is_refusal_right(region, size, refusals)) {
            regions_fail("memory is refused only where the system refuses it");
        }
        return NULL;
    }
    if (size > HEAP_SIZE_MAX) {
        regions_fail("a size that no system can give is refused");
    }
    region->total += size;
    region->asked += size;
    region->asked_count++;
    if ((uintptr_t) object->p % object->alignment != 0) {
        regions_fail("an object is aligned as its allocator says");
    }
    object_check_apart(object);
    region->object_count++;
    fill(object, (unsigned char) (1 + step->number % FILLS));
    return object;
}

static void *
object_alloc(struct region *region, const struct step *step,
             struct regions_object *object)
{
    const struct regions_allocator *allocator = run.allocator;
    void *state = region->state;
    size_t size = object->size;
    void *p;

    object->alignment =
        size == 0 && allocator->is_empty_anywhere ? 1 : allocator->alignment;
    switch (object->code) {
    case OP_PNALLOC:
        if (allocator->alloc_packed != NULL) {
            object->alignment = 1;
            return allocator->alloc_packed(state, size);
        }
        break;
    case OP_PCALLOC:
        if (allocator->alloc_zeroed != NULL) {
            p = allocator->alloc_zeroed(state, size);
            if (p != NULL && size <= HEAP_SIZE_MAX && !is_uniform(p, size, 0)) {
                regions_fail("zeroed memory is zero in every byte");
            }
            return p;
        }
        break;
    case OP_PMEMALIGN:
        if (allocator->alloc_aligned != NULL) {
            object->alignment = (size_t) 1 << step->op.number % ALIGNMENTS;
            return allocator->alloc_aligned(state, size, object->alignment);
        }
        break;
    default:
        break;
    }
    return allocator->alloc(state, size);
}

static int
is_refusal_right(const struct region *region, size_t size, size_t refusals)
{
    const struct regions_allocator *allocator = run.allocator;

    return size > HEAP_SIZE_MAX ||
           (allocator->refusals != NULL && allocator->refusals() != refusals) ||
           (allocator->is_limited && (region->asked + size > region->size ||
                                      region->asked_count >= region->count));
}

static void
object_check(const struct regions_object *object)
{
    size_t size = object->size;
    size_t part = size <= 2 * WRITTEN_MAX ? size : WRITTEN_MAX;

    if (!is_uniform(object->p, part, object->fill) ||
        !is_uniform(object->p + size - part, part, object->fill)) {
        regions_fail("an object's contents stay until its end");
    }
}

/* Checks that the object overlaps no other one. In REGIONS_CONCURRENT, only the
 * objects of the same region are compared; the contents of the other objects
 * show an overlap with them. */
static void
object_check_apart(const struct regions_object *object)
{
    for (unsigned i = 0; i < REGIONS; i++) {
        const struct region *region = &run.regions[i];
        int is_own =
            object >= region->objects && object < region->objects + OBJECTS_MAX;

        if (!is_own && run.mode == REGIONS_CONCURRENT) {
            continue;
        }
        for (size_t j = 0; region->state != NULL && j < region->object_count;
             j++) {
            const struct regions_object *other = &region->objects[j];

            if (other->size != 0 && object->size != 0 &&
                other->p < object->p + object->size &&
                object->p < other->p + other->size) {
                regions_fail("objects do not overlap");
            }
        }
    }
}

static void
object_free(struct region *region, size_t nth)
{
    struct regions_object *object = &region->objects[nth];
    const struct regions_allocator *allocator = run.allocator;

    if (allocator->free == NULL ||
        (allocator->frees_newest_only && nth != region->object_count - 1)) {
        return;
    }
    object_check(object);
    if (allocator->free(region->state, object)) {
        region->object_count--;
        memmove(object, object + 1,
                (region->object_count - nth) * sizeof(*object));
    }
}

/* Makes another object, then frees the old one, as users without realloc()
 * do. */
static void
object_resize(struct region *region, const struct step *step)
{
    size_t nth = object_find(region, step->freed);

    if (nth == region->object_count) {
        return;
    }
    if (object_make(region, step) != NULL) {
        object_free(region, nth);
    }
}

/* Returns the index of the object of that number, or object_count. */
static size_t
object_find(const struct region *region, uint32_t number)
{
    size_t i = 0;

    while (i < region->object_count && region->objects[i].number != number) {
        i++;
    }
    return i;
}

static void
fill(struct regions_object *object, unsigned char value)
{
    size_t size = object->size;
    size_t part = size <= 2 * WRITTEN_MAX ? size : WRITTEN_MAX;

    object->fill = value;
    memset(object->p, value, part);
    memset(object->p + size - part, value, part);
}

static int
is_uniform(const void *p, size_t size, unsigned char value)
{
    const unsigned char *bytes = p;

    return size == 0 ||
           (bytes[0] == value && memcmp(bytes, bytes + 1, size - 1) == 0);
}
