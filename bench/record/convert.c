/*
 * record_convert RAW OUT [RAW OUT]...: makes a program (pool/ops/) of the
 * events in RAW (raw.h), and writes a line of JSON about it. A child converts
 * the files. If one of them ends it, another child goes on after that file:
 * whatever is in one does nothing to the others. Exits with 1 if one could not
 * be converted.
 *
 * malloc()'s objects are pool 0's. A chunk that has others below it is an
 * object of the pool that its parent is, and has a pool of its own; those of no
 * parent are of pool 0. Frees of memory that was allocated before recording
 * began are dropped and counted as unknown.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "addresses.h"
#include "program.h"
#include "raw.h"

enum {
    HEAP_SIZE = 16384, /* a pool's that is malloc(): any will do */
    POOL_SIZE = 8192,  /* APR's least block */
    CAPACITY_MIN = 64,
    ALIGNMENT_MAX = 12, /* the greatest logarithm that pmemalign has */
};

struct pool {
    uint64_t address;
    size_t parent;  /* its index, or NONE */
    uint64_t *data; /* of its cleanups, oldest first */
    size_t data_count;
    size_t data_capacity;
    uint64_t ends_by; /* thread that is about to clear or destroy it, or 0 */
    int is_live;
};

/* raw.h's, taken apart. */
struct event {
    enum raw_code code;
    uint64_t thread;
    uint64_t address;
    uint64_t size;
    uint64_t other;
};

/* Between a thread's RAW_MOVE and its RAW_MOVED. */
struct move {
    uint64_t thread;
    uint64_t address;
    uint64_t made;
};

#define NONE SIZE_MAX

static struct {
    FILE *out;
    const char *path;
    struct program_end end;
    struct addresses objects; /* which op made it */
    struct addresses pools;   /* index */
    struct addresses owners;  /* of chunks: the index of the pool they are in */
    struct pool *pool;        /* by index, which is its number */
    size_t pool_count;
    size_t pool_capacity;
    struct move *moves;
    size_t move_count;
    size_t move_capacity;
    uint64_t base;   /* of short events */
    uint64_t made;   /* by ops so far */
    uint64_t thread; /* of the event before */
    uint64_t threads;
    uint64_t events;
    uint64_t ops;
    uint64_t codes[OP_COUNT]; /* of them */
    uint64_t bytes;
    uint64_t asked;   /* bytes of allocations */
    uint64_t unknown; /* events of memory from before the recording */
    uint64_t torn;    /* events that were not finished */
} context;

static int convert_apart(char **files, int count, int *done);
static void convert(const char *raw, const char *out);
static void convert_done(void);
static void report(const char *raw, const char *out,
                   const struct raw_head *head, uint64_t count);
static void report_text(const char *text);
static const uint32_t *raw_map(const char *path, struct raw_head *ret_head,
                               uint64_t *ret_count);
static uint64_t event_read(const uint32_t *words, uint64_t at, uint64_t count,
                           struct event *ret_event);
static uint64_t event_skip(const uint32_t *words, uint64_t at, uint64_t count,
                           struct event *ret_event);
static void event_short(uint32_t first, struct event *ret_event);
static uint64_t event_long(const uint32_t *words, uint64_t left,
                           struct event *ret_event);
static int is_window_end(uint64_t start, uint64_t end);
static void event(const struct event *event);
static void event_alloc(const struct event *event, enum raw_code code);
static void event_pool(const struct event *event);
static void event_end(const struct event *event, enum raw_code code);
static void event_cleanup(const struct event *event, enum raw_code code);
static void event_moved(const struct event *event, uint64_t thread);
static void event_child(const struct event *event);
static void event_release(const struct event *event);
static void event_stolen(const struct event *event);
static size_t pool_of_chunk(uint64_t chunk);
static size_t pool_heap(void);
static void put(struct addresses *addresses, uint64_t address, uint64_t number);
static size_t pool_new(uint64_t address, size_t parent);
static int is_below(size_t pool, size_t top);
static void pool_below(size_t top, int with_itself);
static void emit(struct op op);
static void *grown(void *items, size_t count, size_t *capacity, size_t size);
static void die(const char *path, const char *what);

int
main(int argc, char **argv)
{
    int status = 0;
    int *done; /* files of argv, by all children */

    if (argc < 3 || argc % 2 == 0) {
        fprintf(stderr, "usage: %s RAW OUT [RAW OUT]...\n", argv[0]);
        return 2;
    }
    done = mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (done == MAP_FAILED) {
        die(argv[1], strerror(errno));
    }
    *done = 1;
    while (*done < argc) {
        if (convert_apart(argv, argc, done) != 0) {
            *done += 2;
            status = 1;
        }
    }
    return status;
}

/* Convert, in a child, the files from *done on. Returns 0, or -1 if that of
 * *done could not be. */
static int
convert_apart(char **files, int count, int *done)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        for (; *done < count; *done += 2) {
            convert(files[*done], files[*done + 1]);
        }
        exit(0);
    }
    if (child == -1 || waitpid(child, &status, 0) != child) {
        fprintf(stderr, "record_convert: %s: %s\n", files[*done],
                strerror(errno));
        return -1;
    }
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "record_convert: %s: ended by signal %d\n",
                files[*done], WTERMSIG(status));
    }
    return status == 0 ? 0 : -1;
}

static void
convert(const char *raw, const char *out)
{
    uint8_t version[OP_SIZE_MAX];
    struct raw_head head;
    const uint32_t *words;
    uint64_t count;
    uint64_t at;

    words = raw_map(raw, &head, &count);
    context.base = head.base;
    context.path = out;
    context.out = fopen(out, "wb");
    if (context.out == NULL) {
        die(out, strerror(errno));
    }
    context.bytes = program_end_init(&context.end, OP_NEAR, version);
    (void) fwrite(version, 1, context.bytes, context.out);
    for (at = RAW_HEAD_WORDS; at < count;) {
        struct event next;

        at = event_read(words, at, count, &next);
        if (next.code != RAW_NONE) {
            context.events++;
            event(&next);
        } else if (next.thread != 0 && (at != count || head.lost == 0)) {
            context.torn++; /* words that were left at the limit are none */
        }
    }
    if (fflush(context.out) != 0 || fclose(context.out) != 0) {
        int err = errno;

        (void) unlink(out);
        die(out, strerror(err));
    }
    report(raw, out, &head, count);
    (void) munmap((void *) (uintptr_t) words, count * sizeof(uint32_t));
    convert_done();
}

/* Nothing of a file stays. */
static void
convert_done(void)
{
    addresses_done(&context.objects);
    addresses_done(&context.pools);
    addresses_done(&context.owners);
    while (context.pool_count != 0) {
        free(context.pool[--context.pool_count].data);
    }
    free(context.pool);
    free(context.moves);
    memset(&context, 0, sizeof(context));
}

/* One line of JSON. */
static void
report(const char *raw, const char *out, const struct raw_head *head,
       uint64_t count)
{
    uint64_t written = head->next < head->ready ? head->next : head->ready;

    printf("{\"raw\": ");
    report_text(raw);
    printf(", \"file\": ");
    report_text(out);
    printf(", \"program\": ");
    report_text(head->program);
    printf(", \"pid\": %" PRIu64 ", \"pid_namespace\": %" PRIu64
           ", \"started_ns\": %" PRIu64 ", \"events\": %" PRIu64
           ", \"ops\": %" PRIu64 ", \"bytes\": %" PRIu64
           ", \"unknown\": %" PRIu64 ", \"torn\": %" PRIu64
           ", \"lost\": %" PRIu64 ", \"stopped\": %" PRIu64
           ", \"cut\": %" PRIu64 ", \"allocations\": %" PRIu64
           ", \"asked\": %" PRIu64 ", \"frees\": %" PRIu64
           ", \"regions\": %" PRIu64 ", \"threads\": %" PRIu64
           ", \"aligned\": %" PRIu64 ", \"cleanups\": %" PRIu64
           ", \"resets\": %" PRIu64 "}\n",
           head->pid, head->pid_namespace, head->started_ns, context.events,
           context.ops, context.bytes, context.unknown, context.torn,
           head->lost, head->stopped, written - count, context.made,
           context.asked, context.codes[OP_FREE] + context.codes[OP_RESIZE],
           context.codes[OP_CREATE] + context.codes[OP_CHILD], context.threads,
           context.codes[OP_PMEMALIGN], context.codes[OP_CLEANUP],
           context.codes[OP_RESET]);
    (void) fflush(stdout);
}

/* As a JSON string. Python reads bytes that are not UTF-8 as it reads names. */
static void
report_text(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            putchar('\\');
        }
        if ((unsigned char) *text < ' ') {
            printf("\\u%04x", (unsigned char) *text);
        } else {
            putchar(*text);
        }
    }
    putchar('"');
}

/* The words of a file, as many as are written and there. A process may still
 * write: later events are left out. */
static const uint32_t *
raw_map(const char *path, struct raw_head *ret_head, uint64_t *ret_count)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    ssize_t size;
    uint64_t count;
    void *words;
    char message[128];

    if (fd == -1 || fstat(fd, &status) != 0) {
        die(path, strerror(errno));
    }
    size = pread(fd, ret_head, sizeof(*ret_head), 0);
    if (size != (ssize_t) sizeof(*ret_head)) {
        snprintf(message, sizeof(message),
                 "offset 0: found %zd bytes, expected a head of %zu", size,
                 sizeof(*ret_head));
        die(path, message);
    }
    if (memcmp(ret_head->magic, RAW_MAGIC, sizeof(ret_head->magic)) != 0) {
        die(path, "offset 0: found another text, expected \"" RAW_MAGIC "\"");
    }
    ret_head->program[RAW_PROGRAM_SIZE - 1] = '\0';
    count = (uint64_t) status.st_size / sizeof(uint32_t);
    count = count < ret_head->ready ? count : ret_head->ready;
    count = count < ret_head->next ? count : ret_head->next;
    words = mmap(NULL, count * sizeof(uint32_t), PROT_READ, MAP_SHARED, fd, 0);
    if (words == MAP_FAILED) {
        die(path, strerror(errno));
    }
    (void) close(fd);
    *ret_count = count;
    return words;
}

/* The event at a word; RAW_NONE if there is none, with a thread if one began
 * it. Returns where the next is. */
static uint64_t
event_read(const uint32_t *words, uint64_t at, uint64_t count,
           struct event *ret_event)
{
    uint32_t first = words[at];
    uint64_t length;

    *ret_event = (struct event){.code = RAW_NONE, .thread = 1};
    if ((first & RAW_FIRST) == 0) {
        return event_skip(words, at, count, ret_event);
    }
    if ((first & RAW_LONG) == 0) {
        event_short(first, ret_event);
        return at + 1;
    }
    length = event_long(words + at, count - at, ret_event);
    return length != 0 ? at + length : count;
}

/* Words that no event begins. */
static uint64_t
event_skip(const uint32_t *words, uint64_t at, uint64_t count,
           struct event *ret_event)
{
    uint64_t start = at;

    while (at < count && (words[at] & RAW_FIRST) == 0) {
        at++;
    }
    ret_event->thread = !is_window_end(start, at);
    return at;
}

static void
event_short(uint32_t first, struct event *ret_event)
{
    int is_free = (first & RAW_FREED) != 0;
    unsigned bits = is_free ? RAW_FREE_BITS : RAW_ALLOC_BITS;
    uint64_t units = first & (((uint32_t) 1 << bits) - 1);

    ret_event->code = is_free ? RAW_FREE : RAW_ALLOC;
    ret_event->address = context.base + (units << RAW_UNIT_BITS);
    ret_event->size = is_free ? 0 : (first & ~RAW_FIRST) >> RAW_ALLOC_BITS;
}

/* Returns its length, or 0: there are fewer words left. */
static uint64_t
event_long(const uint32_t *words, uint64_t left, struct event *ret_event)
{
    uint32_t first = words[0];
    unsigned has_rests = first >> RAW_RESTS_SHIFT & 1;
    unsigned has_size = first >> RAW_SIZE_SHIFT & 1;
    unsigned has_other = first >> RAW_OTHER_SHIFT & 1;
    uint64_t high = first & ((1 << RAW_HIGH_BITS) - 1);
    uint64_t length = 2 + has_rests + has_size + 2 * has_other;

    if (length > left) {
        return 0;
    }
    ret_event->code = (enum raw_code)(first >> RAW_CODE_SHIFT & RAW_CODE_MAX);
    ret_event->thread = first >> RAW_THREAD_SHIFT & RAW_THREADS;
    ret_event->address = (high << RAW_WORD_BITS | words[1]) << RAW_LOW_BITS;
    words += 2;
    if (has_rests) {
        uint64_t rests = *words++;

        ret_event->address |= rests >> RAW_REST_BITS;
        ret_event->size = (rests & ((1 << RAW_REST_BITS) - 1)) << RAW_WORD_BITS;
    }
    if (has_size) {
        ret_event->size |= *words++;
    }
    if (has_other) {
        ret_event->other = (uint64_t) words[0] << RAW_WORD_BITS | words[1];
    }
    return length;
}

/* Whether words from start to end are the place that an event left empty
 * because it would have crossed the end of a window. */
static int
is_window_end(uint64_t start, uint64_t end)
{
    return end - start <= RAW_EVENT_WORDS &&
           start / RAW_WINDOW != (end - 1) / RAW_WINDOW;
}

static void
event(const struct event *event)
{
    uint64_t thread = event->thread;
    uint64_t made;

    if (thread != context.thread) {
        if (context.thread != 0) {
            emit((struct op){.code = OP_THREAD,
                             .number = (uint32_t) thread - 1});
        }
        context.thread = thread;
        context.threads = thread > context.threads ? thread : context.threads;
    }
    switch (event->code) {
    case RAW_ALLOC:
    case RAW_PACKED:
    case RAW_ZEROED:
    case RAW_ALIGNED:
        event_alloc(event, event->code);
        break;
    case RAW_FREE:
        if (addresses_take(&context.objects, event->address, &made)) {
            emit((struct op){.code = OP_FREE,
                             .number = (uint32_t) (context.made - made)});
        } else {
            context.unknown++;
        }
        break;
    case RAW_MOVE:
        if (addresses_take(&context.objects, event->address, &made)) {
            context.moves =
                grown(context.moves, context.move_count, &context.move_capacity,
                      sizeof(*context.moves));
            context.moves[context.move_count++] = (struct move){
                .thread = thread, .address = event->address, .made = made};
        }
        break;
    case RAW_MOVED:
        event_moved(event, thread);
        break;
    case RAW_POOL:
        event_pool(event);
        break;
    case RAW_CLEAR:
    case RAW_DESTROY:
        event_end(event, event->code);
        break;
    case RAW_CLEANUP:
    case RAW_CLEANED:
        event_cleanup(event, event->code);
        break;
    case RAW_CHILD:
        event_child(event);
        break;
    case RAW_RELEASE:
        event_release(event);
        break;
    case RAW_STOLEN:
        event_stolen(event);
        break;
    default:
        context.torn++;
        break;
    }
}

static void
event_alloc(const struct event *event, enum raw_code code)
{
    struct op op = {.code = code == RAW_ZEROED    ? OP_PCALLOC
                            : code == RAW_PACKED  ? OP_PNALLOC
                            : code == RAW_ALIGNED ? OP_PMEMALIGN
                                                  : OP_PALLOC,
                    .amount = op_amount(OP_BYTES, event->size)};
    uint64_t owner = event->other;
    uint64_t pool = 0;

    if (code == RAW_ALIGNED) {
        op.number = owner & RAW_ALIGNMENT_MAX;
        op.number = op.number < ALIGNMENT_MAX ? op.number : ALIGNMENT_MAX;
        owner &= ~(uint64_t) RAW_ALIGNMENT_MAX;
    }
    if (owner == 0) {
        pool = pool_heap();
    } else if (!addresses_get(&context.pools, owner, &pool)) {
        context.unknown++;
        return;
    }
    put(&context.objects, event->address, context.made + 1);
    op.pool = (uint32_t) pool;
    context.made++;
    emit(op);
}

static void
event_moved(const struct event *event, uint64_t thread)
{
    struct move move;
    uint64_t number;
    size_t i = context.move_count;

    while (i != 0 && context.moves[i - 1].thread != thread) {
        i--;
    }
    if (i == 0) { /* it was not seen to come */
        struct event alloc = {.address = event->address, .size = event->size};

        context.unknown++;
        if (event->address != 0) {
            event_alloc(&alloc, RAW_ALLOC);
        }
        return;
    }
    move = context.moves[i - 1];
    context.moves[i - 1] = context.moves[--context.move_count];

    if (event->address == 0 && event->size != 0) {
        put(&context.objects, move.address, move.made);
        return;
    }
    if (event->address == 0) {
        emit((struct op){.code = OP_FREE,
                         .number = (uint32_t) (context.made - move.made)});
        return;
    }
    emit((struct op){.code = OP_RESIZE,
                     .number = (uint32_t) (context.made - move.made),
                     .amount = op_amount(OP_BYTES, event->size)});
    context.made++;
    put(&context.objects, event->address, context.made);

    /* A chunk takes along what it is and where. */
    if (addresses_take(&context.owners, move.address, &number)) {
        put(&context.owners, event->address, number);
    }
    if (addresses_take(&context.pools, move.address, &number)) {
        put(&context.pools, event->address, number);
        context.pool[number].address = event->address;
    }
}

static void
event_pool(const struct event *event)
{
    struct op op = {.code = OP_CREATE,
                    .amount = op_amount(
                        OP_BYTES, event->size != 0 ? event->size : POOL_SIZE)};
    uint64_t parent;
    uint64_t old;
    int has_parent = addresses_get(&context.pools, event->other, &parent);

    if (addresses_get(&context.pools, event->address, &old)) {
        context.unknown += context.pool[old].ends_by == 0; /* that it went */
        emit((struct op){.code = OP_DESTROY, .pool = (uint32_t) old});
        pool_below(old, 1);
        has_parent = has_parent && parent != old;
    }
    if (has_parent) {
        op.code = OP_CHILD;
        op.number = (uint32_t) parent;
    }
    op.pool = (uint32_t) pool_new(event->address, has_parent ? parent : NONE);
    emit(op);
}

static void
event_end(const struct event *event, enum raw_code code)
{
    uint64_t pool;

    /* A parent's end has ended it, but its own is recorded as well. */
    if (!addresses_get(&context.pools, event->address, &pool)) {
        return;
    }
    if (event->size == RAW_BEGINS) {
        context.pool[pool].ends_by = event->thread;
        return;
    }
    if (event->size == RAW_DONE &&
        context.pool[pool].ends_by != event->thread) {
        return; /* the address is another pool's by now */
    }
    context.pool[pool].ends_by = 0;
    emit((struct op){.code = code == RAW_CLEAR ? OP_RESET : OP_DESTROY,
                     .pool = (uint32_t) pool});
    pool_below(pool, code == RAW_DESTROY);
    context.pool[pool].data_count = 0;
}

/* Adds a cleanup, or runs one early. Then the op's number is the number of
 * cleanups that were added after it and have not run. */
static void
event_cleanup(const struct event *event, enum raw_code code)
{
    struct pool *pool;
    uint64_t index;
    size_t i;

    if (!addresses_get(&context.pools, event->address, &index)) {
        context.unknown++;
        return;
    }
    pool = &context.pool[index];
    if (code == RAW_CLEANUP) {
        pool->data = grown(pool->data, pool->data_count, &pool->data_capacity,
                           sizeof(*pool->data));
        pool->data[pool->data_count++] = event->other;
        emit((struct op){.code = OP_CLEANUP,
                         .pool = (uint32_t) index,
                         .amount = op_amount(OP_BYTES, event->size)});
        return;
    }
    for (i = pool->data_count; i != 0; i--) {
        if (pool->data[i - 1] == event->other) {
            emit((struct op){.code = OP_CLEANUP_RUN,
                             .pool = (uint32_t) index,
                             .number = (uint32_t) (pool->data_count - i)});
            memmove(&pool->data[i - 1], &pool->data[i],
                    (pool->data_count - i) * sizeof(*pool->data));
            pool->data_count--;
            return;
        }
    }
}

static void
event_child(const struct event *event)
{
    size_t pool = pool_of_chunk(event->other);

    context.made++;
    emit((struct op){.code = OP_PALLOC,
                     .pool = (uint32_t) pool,
                     .amount = op_amount(OP_BYTES, event->size)});
    put(&context.objects, event->address, context.made);
    put(&context.owners, event->address, pool);
}

static void
event_release(const struct event *event)
{
    uint64_t pool;
    uint64_t made;

    if (addresses_get(&context.pools, event->address, &pool)) {
        emit((struct op){.code = OP_DESTROY, .pool = (uint32_t) pool});
        pool_below(pool, 1);
    }
    if (addresses_take(&context.objects, event->address, &made)) {
        emit((struct op){.code = OP_FREE,
                         .number = (uint32_t) (context.made - made)});
        (void) addresses_take(&context.owners, event->address, &pool);
    } else {
        context.unknown++;
    }
}

static void
event_stolen(const struct event *event)
{
    size_t pool = pool_of_chunk(event->other);
    uint64_t below;
    uint64_t made;

    if (!addresses_get(&context.objects, event->address, &made)) {
        context.unknown++;
        return;
    }
    emit((struct op){.code = OP_STEAL,
                     .pool = (uint32_t) pool,
                     .number = (uint32_t) (context.made - made)});
    put(&context.owners, event->address, pool);
    if (addresses_get(&context.pools, event->address, &below) &&
        !is_below(pool, below)) {
        emit((struct op){.code = OP_ADOPT,
                         .pool = (uint32_t) below,
                         .number = (uint32_t) pool});
        context.pool[below].parent = pool;
    }
}

/* The pool of what is below chunk: made at the first need. */
static size_t
pool_of_chunk(uint64_t chunk)
{
    uint64_t pool;
    uint64_t owner;

    if (addresses_get(&context.pools, chunk, &pool)) {
        return pool;
    }
    if (chunk == 0 || !addresses_get(&context.owners, chunk, &owner) ||
        !context.pool[owner].is_live) {
        /* It is none, was not seen to come, or outlived its parent by a
         * reference. */
        return pool_heap();
    }
    pool = pool_new(chunk, owner);
    emit((struct op){.code = OP_CHILD,
                     .pool = (uint32_t) pool,
                     .number = (uint32_t) owner,
                     .amount = op_amount(OP_BYTES, POOL_SIZE)});
    return pool;
}

/* Pool 0: of what has none. */
static size_t
pool_heap(void)
{
    if (context.pool_count == 0) {
        (void) pool_new(0, NONE);
        emit((struct op){.code = OP_CREATE,
                         .amount = op_amount(OP_BYTES, HEAP_SIZE)});
    }
    return 0;
}

static void
put(struct addresses *addresses, uint64_t address, uint64_t number)
{
    if (addresses_put(addresses, address, number) != 0) {
        die(context.path, strerror(ENOMEM));
    }
}

/* Under the lowest number that is free. */
static size_t
pool_new(uint64_t address, size_t parent)
{
    size_t index = 0;
    struct pool *pool;

    while (index < context.pool_count && context.pool[index].is_live) {
        index++;
    }
    if (index == context.pool_count) {
        context.pool = grown(context.pool, context.pool_count,
                             &context.pool_capacity, sizeof(*context.pool));
        context.pool[context.pool_count++] = (struct pool){0};
    }
    pool = &context.pool[index];
    pool->address = address;
    pool->parent = parent;
    pool->data_count = 0;
    pool->ends_by = 0;
    pool->is_live = 1;
    if (address != 0) {
        put(&context.pools, address, index);
    }
    return index;
}

/* Whether the pool is top or below it. */
static int
is_below(size_t pool, size_t top)
{
    while (pool != NONE && pool != top) {
        pool = context.pool[pool].parent;
    }
    return pool == top;
}

/* All pools below top have ended. */
static void
pool_below(size_t top, int with_itself)
{
    size_t i;

    for (i = 0; i < context.pool_count; i++) {
        uint64_t index;

        if (context.pool[i].is_live && (i != top || with_itself) &&
            is_below(i, top)) {
            (void) addresses_take(&context.pools, context.pool[i].address,
                                  &index);
            context.pool[i].is_live = -1; /* parents are still asked for */
        }
    }
    for (i = 0; i < context.pool_count; i++) {
        if (context.pool[i].is_live == -1) {
            context.pool[i].is_live = 0;
        }
    }
}

static void
emit(struct op op)
{
    uint8_t record[OP_SIZE_MAX];
    size_t size = program_end_add(&context.end, &op, record);

    (void) fwrite(record, 1, size, context.out);
    context.ops++;
    context.codes[op.code]++;
    context.bytes += size;
    if (op_makes_object(op.code)) {
        context.asked += op_amount_value(op.amount);
    }
}

/* Returns items, or a copy with space for one more where they are full. */
static void *
grown(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return items;
    }
    *capacity = *capacity == 0 ? CAPACITY_MIN : 2 * *capacity;
    items = realloc(items, *capacity * size);
    if (items == NULL) {
        die(context.path, strerror(ENOMEM));
    }
    return items;
}

static void
die(const char *path, const char *what)
{
    fprintf(stderr, "record_convert: %s: %s\n", path, what);
    exit(1);
}
