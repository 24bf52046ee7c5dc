#include "plan/replay.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "plan/repeat.h"
#include "program.h"
#include "shim/shim.h"
#include "trace.h"

enum {
    REPLAY_FIRST_CAPACITY = 64,
    REPLAY_LIST_MAX = 256, /* traces in a folder */
    REPLAY_TEXT_MAX = 16 * 1024 * 1024,
};

#define REPLAY_SUFFIX ".trace"

/* A region while the trace is read. */
struct replay_region {
    size_t created[REPLAY_FOR]; /* the op that made it */
    uint64_t bytes;             /* since it was made or reset */
    uint64_t early;             /* given back early of them, if it can be */
    uint64_t most_bytes;
    uint32_t count;
    uint32_t most_count;
};

struct replay_reader {
    struct replay *replay;
    size_t capacities[REPLAY_FOR];
    struct replay_region *regions;
    uint64_t *sizes; /* of objects */
    uint64_t live;
    uint64_t held;
    uint64_t held_early;
    int failed;
};

static uint8_t *replay_read(const char *file, size_t *ret_size, char *error);
static uint8_t *replay_parse(const char *file, uint8_t *text, size_t *ret_size,
                             char *error);
static int replay_has_suffix(const char *name, const char *suffix);
static void replay_name(struct replay *replay, const char *file);
static int replay_fill(struct replay *replay, const struct trace *trace);
static void replay_split(struct replay *replay, enum replay_part part);
static void replay_take(struct replay_reader *reader,
                        const struct trace_action *action);
static void replay_ends(struct replay_reader *reader,
                        struct replay_region *region);
static void replay_made(struct replay_reader *reader,
                        const struct trace_action *action);
static void replay_adds(struct replay_reader *reader,
                        struct replay_region *region, uint64_t size);
static void replay_most(uint64_t *most, uint64_t now);
static void replay_gone(struct replay_reader *reader, uint32_t region,
                        uint32_t object, int is_drop);
static void replay_put(struct replay_reader *reader, enum replay_for executor,
                       struct replay_op op);
static void replay_put_all(struct replay_reader *reader, struct replay_op op);
static int replay_compare(const void *a, const void *b);
static size_t replay_last(const struct replay_op *ops, struct replay_span span);
static int replay_do_part(struct region *region, enum replay_part part);
static int replay_do_checked(struct region *region, const struct replay_op *op);
static void replay_mark(void *p, size_t size, uint32_t object);
static int replay_has_mark(const void *p, size_t size, uint32_t object);

struct replay *
replay_create(const char *file, char *error)
{
    struct replay *replay = calloc(1, sizeof(*replay));
    struct trace trace = {0};
    char reason[PROGRAM_ERROR_MAX];
    size_t size;
    uint8_t *data = replay_read(file, &size, error);

    if (data == NULL || replay == NULL) {
        goto fail;
    }
    if (program_check(data, size, reason) != 0) {
        snprintf(error, REPLAY_ERROR_MAX, "%s: %s", file, reason);
        goto fail;
    }
    replay_name(replay, file);
    snprintf(error, REPLAY_ERROR_MAX, "%s: out of memory", file);
    if (trace_init(&trace, data, size) != 0 ||
        replay_fill(replay, &trace) != 0) {
        goto fail;
    }
    if (replay->allocations == 0) {
        snprintf(error, REPLAY_ERROR_MAX,
                 "%s: found no allocation in %zu ops, expected one", file,
                 trace.ops);
        goto fail;
    }
    trace_done(&trace);
    free(data);
    return replay;

fail:
    trace_done(&trace);
    free(data);
    replay_destroy(replay);
    return NULL;
}

void
replay_destroy(struct replay *replay)
{
    if (replay == NULL) {
        return;
    }
    for (size_t i = 0; i < REPLAY_FOR; i++) {
        free(replay->ops[i]);
    }
    free(replay);
}

struct replay **
replay_list_create(const char *folder, char *error)
{
    char *names[REPLAY_LIST_MAX];
    size_t count = 0;
    struct dirent *entry;
    DIR *dir = opendir(folder);
    struct replay **list = calloc(REPLAY_LIST_MAX + 1, sizeof(struct replay *));

    if (dir == NULL || list == NULL) {
        snprintf(error, REPLAY_ERROR_MAX, "%s: %s", folder, strerror(errno));
        if (dir != NULL) {
            (void) closedir(dir);
        }
        free(list);
        return NULL;
    }
    while ((entry = readdir(dir)) != NULL && count < REPLAY_LIST_MAX) {
        if (replay_has_suffix(entry->d_name, REPLAY_SUFFIX)) {
            if (asprintf(&names[count], "%s/%s", folder, entry->d_name) > 0) {
                count++;
            }
        }
    }
    (void) closedir(dir);
    qsort(names, count, sizeof(names[0]), replay_compare);
    for (size_t i = 0; i < count && list != NULL; i++) {
        list[i] = replay_create(names[i], error);
        if (list[i] == NULL) {
            replay_list_destroy(list);
            list = NULL;
        }
    }
    for (size_t i = 0; i < count; i++) {
        free(names[i]);
    }
    return list;
}

void
replay_list_destroy(struct replay **list)
{
    for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
        replay_destroy(list[i]);
    }
    free(list);
}

int
replay_check(struct region *region)
{
    struct replay_run *run = region->own;
    const struct replay_op *ops = run->replay->ops[REPLAY_CHECKED];
    struct replay_span span = run->replay->spans[REPLAY_CHECKED][run->part];
    size_t last = replay_last(ops, span);
    int err = 0;

    run->is_valid = 1;
    for (run->done = span.from; run->done < last && err == 0; run->done++) {
        err = replay_do_checked(region, &ops[run->done]);
    }
    for (size_t i = run->done; i < span.until && err == 0; i++) {
        if (ops[i].code == REPLAY_FREE) {
            run->is_valid &= replay_has_mark(run->objects[ops[i].object],
                                             ops[i].size, ops[i].object);
        }
    }
    if (err != 0) {
        run->done = span.until;
    }
    return err;
}

void
replay_end(struct region *region)
{
    struct replay_run *run = region->own;
    const struct replay *replay = run->replay;

    while (run->done < replay->spans[REPLAY_CHECKED][run->part].until) {
        (void) replay_do_checked(region,
                                 &replay->ops[REPLAY_CHECKED][run->done++]);
    }
    if (run->part == REPLAY_WHOLE) {
        replay_clear(region);
    }
}

int
replay_begin(struct region *region)
{
    struct replay_run *run = region->own;
    int err = replay_do_part(region, REPLAY_BEFORE);

    if (err != 0) {
        replay_clear(region);
        return err;
    }
    run->part = REPLAY_REQUESTS;
    return 0;
}

void
replay_finish(struct region *region)
{
    const struct replay_run *run = region->own;

    if (run->part == REPLAY_REQUESTS) {
        (void) replay_do_part(region, REPLAY_AFTER);
        replay_clear(region);
    }
}

int
replay_holds(const struct replay_run *run)
{
    for (uint32_t i = 0; i < run->replay->objects; i++) {
        if (!replay_has_mark(run->objects[i], run->sizes[i], i)) {
            return 0;
        }
    }
    return 1;
}

void
replay_clear(struct region *region)
{
    struct replay_run *run = region->own;

    run->part = REPLAY_WHOLE;

    for (uint32_t i = 0; i < run->replay->regions; i++) {
        if (run->states[i] != NULL) {
            region->allocator->destroy(run->states[i]);
            run->states[i] = NULL;
        }
    }
}

uint64_t
replay_held(const struct replay *replay, const struct allocator *allocator)
{
    if (allocator->kind == ALLOCATOR_GENERAL) {
        return replay->live;
    }
    return allocator->free_early != NULL || allocator->free != NULL
               ? replay->held_early
               : replay->held;
}

__attribute__((noinline)) void
replay_cleanup(void *state)
{
    shim_keep(state);
}

/* A zero byte follows the bytes that are read. */
static uint8_t *
replay_read(const char *file, size_t *ret_size, char *error)
{
    FILE *stream = fopen(file, "rb");
    uint8_t *data = NULL;
    size_t capacity = REPLAY_FIRST_CAPACITY;
    size_t size = 0;

    if (stream == NULL) {
        snprintf(error, REPLAY_ERROR_MAX, "%s: %s", file, strerror(errno));
        return NULL;
    }
    do {
        uint8_t *more = realloc(data, capacity *= 2);

        if (more == NULL) {
            snprintf(error, REPLAY_ERROR_MAX, "%s: out of memory", file);
            free(data);
            (void) fclose(stream);
            return NULL;
        }
        data = more;
        size += fread(data + size, 1, capacity - 1 - size, stream);
    } while (size == capacity - 1);
    if (ferror(stream)) {
        snprintf(error, REPLAY_ERROR_MAX, "%s: %s", file, strerror(errno));
        free(data);
        data = NULL;
    }
    (void) fclose(stream);
    if (data == NULL) {
        return NULL;
    }
    data[size] = '\0';
    *ret_size = size;
    return replay_has_suffix(file, ".ops")
               ? replay_parse(file, data, ret_size, error)
               : data;
}

/* Frees text. */
static uint8_t *
replay_parse(const char *file, uint8_t *text, size_t *ret_size, char *error)
{
    size_t capacity = *ret_size + 2;
    uint8_t *bytes = malloc(capacity);
    size_t line = 0;

    if (bytes == NULL) {
        snprintf(error, REPLAY_ERROR_MAX, "%s: out of memory", file);
    } else if (program_parse((const char *) text, OP_VARIABLE, bytes, capacity,
                             &line) != 0) {
        snprintf(error, REPLAY_ERROR_MAX,
                 "%s: line %zu: expected an op, see pool/ops/op.h", file, line);
        free(bytes);
        bytes = NULL;
    }
    *ret_size = line;
    free(text);
    return bytes;
}

static int
replay_has_suffix(const char *name, const char *suffix)
{
    size_t length = strlen(name);

    return length > strlen(suffix) &&
           strcmp(name + length - strlen(suffix), suffix) == 0;
}

/* As rows' names are: [a-z0-9_]+. */
static void
replay_name(struct replay *replay, const char *file)
{
    const char *slash = strrchr(file, '/');
    const char *from = slash != NULL ? slash + 1 : file;
    size_t i;

    for (i = 0; i + 1 < REPLAY_NAME_MAX && from[i] != '\0' && from[i] != '.';
         i++) {
        char c = from[i];

        if (c >= 'A' && c <= 'Z') {
            c = (char) (c - 'A' + 'a');
        }
        replay->name[i] =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_';
    }
    if (i == 0) {
        replay->name[0] = '_';
    }
}

static int
replay_fill(struct replay *replay, const struct trace *trace)
{
    struct replay_reader reader = {
        .replay = replay,
        .regions = calloc(trace->regions + 1, sizeof(*reader.regions)),
        .sizes = calloc(trace->objects + 1, sizeof(*reader.sizes)),
    };

    struct repeat requests = {0};

    reader.failed = reader.regions == NULL || reader.sizes == NULL ||
                    repeat_find(trace, &requests) != 0;
    replay->regions = trace->regions;
    replay->objects = trace->objects;
    for (size_t i = 0; i < trace->count && !reader.failed; i++) {
        if (i == requests.from) {
            replay_split(replay, REPLAY_REQUESTS);
        }
        if (i == requests.until) {
            replay_split(replay, REPLAY_AFTER);
        }
        replay_take(&reader, &trace->actions[i]);
    }
    if (requests.until == trace->count) {
        replay_split(replay, REPLAY_AFTER);
    }
    for (size_t i = 0; i < REPLAY_FOR; i++) {
        replay->spans[i][REPLAY_WHOLE].until = replay->counts[i];
        replay->spans[i][REPLAY_AFTER].until = replay->counts[i];
    }
    free(reader.regions);
    free(reader.sizes);
    return reader.failed ? -ENOMEM : 0;
}

/* The part, of the requests or after them, begins here. */
static void
replay_split(struct replay *replay, enum replay_part part)
{
    for (size_t i = 0; i < REPLAY_FOR; i++) {
        replay->spans[i][part - 1].until = replay->counts[i];
        replay->spans[i][part].from = replay->counts[i];
    }
    replay->request_allocations =
        replay->allocations - replay->request_allocations;
    replay->request_bytes = replay->bytes - replay->request_bytes;
}

static void
replay_take(struct replay_reader *reader, const struct trace_action *action)
{
    struct replay_region *region = &reader->regions[action->region];
    struct replay_op op = {.region = action->region, .object = action->object};

    switch ((enum trace_code) action->code) {
    case TRACE_CREATE:
        *region = (struct replay_region){0};
        for (size_t i = 0; i < REPLAY_FOR; i++) {
            region->created[i] = reader->replay->counts[i];
        }
        op.code = REPLAY_CREATE;
        replay_put_all(reader, op);
        break;
    case TRACE_ALLOC:
        replay_made(reader, action);
        break;
    case TRACE_RESIZE:
        replay_made(reader, action);
        op.code = REPLAY_COPY;
        op.other = action->other;
        op.size = (uint32_t) (reader->sizes[action->other] < action->size
                                  ? reader->sizes[action->other]
                                  : action->size);
        replay_put_all(reader, op);
        replay_gone(reader, action->region, action->other, 0);
        break;
    case TRACE_FREE:
    case TRACE_DROP:
        replay_gone(reader, action->region, action->object,
                    action->code == TRACE_DROP);
        break;
    case TRACE_STEAL:
        op.code = REPLAY_MOVE;
        op.size = (uint32_t) action->size;
        replay_put(reader, REPLAY_REGION, op);
        replay_put(reader, REPLAY_CHECKED, op);
        replay_adds(reader, region, action->size);
        break;
    case TRACE_CLEANUP_RUN:
        op.code = REPLAY_CLEANUP;
        replay_put_all(reader, op);
        break;
    case TRACE_RESET:
        op.code = REPLAY_RESET;
        replay_put_all(reader, op);
        replay_ends(reader, region);
        break;
    case TRACE_DESTROY:
        op.code = REPLAY_DESTROY;
        replay_put_all(reader, op);
        replay_ends(reader, region);
        break;
    default: /* a cleanup that is added has nothing to be given */
        break;
    }
}

static void
replay_ends(struct replay_reader *reader, struct replay_region *region)
{
    reader->held -= region->bytes;
    reader->held_early -= region->bytes - region->early;
    region->bytes = 0;
    region->early = 0;
    region->count = 0;
}

static void
replay_made(struct replay_reader *reader, const struct trace_action *action)
{
    struct replay *replay = reader->replay;
    struct replay_region *region = &reader->regions[action->region];
    struct replay_op op = {
        .code = action->kind == TRACE_ZEROED ? REPLAY_ZEROED : REPLAY_ALLOC,
        .region = action->region,
        .object = action->object,
        .size = (uint32_t) action->size,
    };

    replay_put_all(reader, op);
    reader->sizes[action->object] = action->size;
    replay->allocations++;
    replay->bytes += action->size;
    replay_most(&replay->largest, action->size);

    reader->live += action->size;
    replay_most(&replay->live, reader->live);
    replay_adds(reader, region, action->size);
}

/* An object that was allocated or moved there takes bytes of the region, up to
 * the region's end. */
static void
replay_adds(struct replay_reader *reader, struct replay_region *region,
            uint64_t size)
{
    struct replay *replay = reader->replay;

    reader->held += size;
    reader->held_early += size;
    replay_most(&replay->held, reader->held);
    replay_most(&replay->held_early, reader->held_early);

    region->bytes += size;
    region->count++;
    replay_most(&region->most_bytes, region->bytes);
    if (region->count > region->most_count) {
        region->most_count = region->count;
    }
    for (size_t i = 0; i < REPLAY_FOR && !reader->failed; i++) {
        struct replay_op *created = &replay->ops[i][region->created[i]];

        created->size = region->most_bytes < UINT32_MAX
                            ? (uint32_t) region->most_bytes
                            : UINT32_MAX;
        created->object = region->most_count;
    }
}

static void
replay_most(uint64_t *most, uint64_t now)
{
    if (now > *most) {
        *most = now;
    }
}

static void
replay_gone(struct replay_reader *reader, uint32_t region, uint32_t object,
            int is_drop)
{
    uint64_t size = reader->sizes[object];
    struct replay_op op = {
        .code = REPLAY_FREE,
        .region = region,
        .object = object,
        .other = (uint32_t) is_drop,
        .size = (uint32_t) size,
    };

    reader->live -= size;
    if (!is_drop && size >= WORKLOAD_LARGE) {
        reader->held_early -= size;
        reader->regions[region].early += size;
        replay_put(reader, REPLAY_REGION, op);
    }
    replay_put(reader, REPLAY_GENERAL, op);
    replay_put(reader, REPLAY_CHECKED, op);
}

static void
replay_put_all(struct replay_reader *reader, struct replay_op op)
{
    for (size_t i = 0; i < REPLAY_FOR; i++) {
        replay_put(reader, (enum replay_for) i, op);
    }
}

static void
replay_put(struct replay_reader *reader, enum replay_for executor,
           struct replay_op op)
{
    struct replay *replay = reader->replay;

    if (reader->failed) {
        return;
    }
    if (replay->counts[executor] == reader->capacities[executor]) {
        size_t capacity = reader->capacities[executor] == 0
                              ? REPLAY_FIRST_CAPACITY
                              : 2 * reader->capacities[executor];
        struct replay_op *ops =
            realloc(replay->ops[executor], capacity * sizeof(*ops));

        if (ops == NULL) {
            reader->failed = 1;
            return;
        }
        replay->ops[executor] = ops;
        reader->capacities[executor] = capacity;
    }
    replay->ops[executor][replay->counts[executor]++] = op;
}

static int
replay_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

/* The end of the span's last op that allocates. */
static size_t
replay_last(const struct replay_op *ops, struct replay_span span)
{
    size_t last = span.until;

    while (last != span.from && ops[last - 1].code != REPLAY_ALLOC &&
           ops[last - 1].code != REPLAY_ZEROED &&
           ops[last - 1].code != REPLAY_MOVE) {
        last--;
    }
    return last;
}

/* Returns 0, or -ENOMEM at the first failure. */
static int
replay_do_part(struct region *region, enum replay_part part)
{
    const struct replay_run *run = region->own;
    struct replay_span span = run->replay->spans[REPLAY_CHECKED][part];
    int err = 0;

    for (size_t i = span.from; i < span.until && err == 0; i++) {
        err = replay_do_checked(region, &run->replay->ops[REPLAY_CHECKED][i]);
    }
    return err;
}

static int
replay_do_checked(struct region *region, const struct replay_op *op)
{
    const struct allocator *allocator = region->allocator;
    int is_general = allocator->kind == ALLOCATOR_GENERAL;
    struct replay_run *run = region->own;
    void **states = run->states;
    void **objects = run->objects;
    void *state = states[op->region];
    void *p;

    switch ((enum replay_code) op->code) {
    case REPLAY_CREATE:
        states[op->region] =
            allocator->create(region->library, op->size, op->object);
        return states[op->region] != NULL ? 0 : -ENOMEM;
    case REPLAY_ALLOC:
    case REPLAY_ZEROED:
        p = allocator->alloc(state, op->size);
        if (p == NULL) {
            return -ENOMEM;
        }
        objects[op->object] = p;
        run->sizes[op->object] = op->size;
        replay_mark(p, op->size, op->object);
        return 0;
    case REPLAY_COPY: /* marks differ */
        run->is_valid &= replay_has_mark(objects[op->other],
                                         run->sizes[op->other], op->other);
        return 0;
    case REPLAY_MOVE:
        if (is_general) {
            return 0;
        }
        p = allocator->alloc(state, op->size);
        if (p == NULL) {
            return -ENOMEM;
        }
        run->is_valid &=
            replay_has_mark(objects[op->object], op->size, op->object);
        memcpy(p, objects[op->object], op->size);
        objects[op->object] = p;
        return 0;
    case REPLAY_FREE:
        p = objects[op->object];
        run->is_valid &= replay_has_mark(p, op->size, op->object);
        run->sizes[op->object] = 0;
        if (allocator->free != NULL &&
            (is_general || (op->size >= WORKLOAD_LARGE && op->other == 0))) {
            allocator->free(state, p);
        } else if (op->size >= WORKLOAD_LARGE && op->other == 0 &&
                   allocator->free_early != NULL) {
            allocator->free_early(state, p);
        }
        return 0;
    case REPLAY_CLEANUP:
        return 0;
    case REPLAY_RESET:
        if (allocator->reset != NULL) {
            allocator->reset(state);
        }
        return 0;
    case REPLAY_DESTROY:
        allocator->destroy(state);
        states[op->region] = NULL;
        return 0;
    }
    return 0;
}

static void
replay_mark(void *p, size_t size, uint32_t object)
{
    memset(p, (int) region_mark(object), size);
}

static int
replay_has_mark(const void *p, size_t size, uint32_t object)
{
    const unsigned char *bytes = p;

    return size == 0 || (bytes[0] == region_mark(object) &&
                         memcmp(bytes, bytes + 1, size - 1) == 0);
}
