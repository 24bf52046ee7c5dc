/*
 * ngxops: prints, converts and runs programs of ops.
 *
 *     ngxops c FILE            print a C program of the calls that the checked
 *                              executor makes for FILE, up to its end or to a
 *                              crash
 *     ngxops print FILE        print text, one op a line
 *     ngxops parse FILE OUT    write text as bytes of version 2
 *     ngxops convert FILE OUT  write bytes of version 1 or 3 as version 2, and
 *                              of version 2 as version 1
 *     ngxops stats FILE        print regions, objects, sizes, lifetimes
 *     ngxops run FILE...       run each by run.h's executor, or by checked.h's
 *                              if FILE is too long or large for that
 *     ngxops hash FILE...      run each by run.h's executor, and print a hash
 *                              of the effects, which depends on FILE alone
 *     ngxops list              print every op and its meaning
 *     ngxops dictionary        print every op as bytes and as text: a
 *                              dictionary for libFuzzer and AFL++
 *
 * FILE is text if its name ends in .ops, else bytes. "-" is standard input:
 * text for parse, bytes for the others.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"
#include "checked.h"
#include "program.h"
#include "run.h"
#include "source.h"
#include "trace.h"

enum {
    FIRST_CAPACITY = 65536,
    SIZE_CLASSES = 31, /* powers of two, up to TRACE_SIZE_MAX */
    LIFE_CLASSES = 40,
    BAR_WIDTH = 40,
    STATUS_USAGE = 2,
};

/* A file's bytes. Text is parsed first. */
struct input {
    const char *path;
    uint8_t *data;
    size_t size;
};

/* The arrays of _CLASSES elements count numbers by their log2_of(). */
struct stats {
    uint64_t counts[TRACE_CODES]; /* actions */
    uint64_t sizes[SIZE_CLASSES];
    uint64_t bytes;
    uint64_t live_objects;
    uint64_t live_bytes;
    uint64_t most_objects;
    uint64_t most_bytes;
    uint64_t object_lives[LIFE_CLASSES];
    uint64_t region_lives[LIFE_CLASSES];
    uint64_t region_objects[LIFE_CLASSES];
};

/* A live object or region. */
struct life {
    size_t since;     /* index of the action that made it */
    uint64_t size;    /* of an object */
    uint64_t objects; /* of a region */
};

static int is_short(const struct input *input);

static int command_c(int count, char **paths);
static int source_short(struct source *source, const struct input *input);
static void note(const struct source_call *call);
static int source_long(struct source *source, const struct input *input);
static int command_print(int count, char **paths);
static int command_parse(int count, char **paths);
static int command_convert(int count, char **paths);
static int command_stats(int count, char **paths);
static int command_run(int count, char **paths);
static int run_short(const struct input *input);
static int run_long(const struct input *input);
static int command_hash(int count, char **paths);
static int command_list(int count, char **paths);
static int command_dictionary(int count, char **paths);
static void dictionary_text(const char *text);
static void dictionary_op(const struct op *op);
static void dictionary_entry(const char *kind, const char *name,
                             const uint8_t *data, size_t size);
static int usage(FILE *out);

static int input_read(struct input *input, const char *path);
static int input_read_any(struct input *input, const char *path);
static int input_parse(struct input *input);
static uint8_t *read_all(const char *path, size_t *ret_size);
static int write_all(const char *path, const uint8_t *data, size_t size);

static void stats_fill(struct stats *stats, const struct trace *trace,
                       struct life *objects, struct life *regions);
static void stats_end(struct stats *stats, const struct life *life, size_t now);
static unsigned log2_of(uint64_t number);
static void stats_print(const struct stats *stats, const struct trace *trace,
                        size_t size);
static void histogram(const char *title, const char *unit,
                      const uint64_t *classes, size_t count);

static const struct {
    const char *name;
    int least; /* number of paths */
    int most;  /* number of paths */
    int (*run)(int count, char **paths);
} commands[] = {
    {"c", 1, 1, command_c},
    {"convert", 2, 2, command_convert},
    {"dictionary", 0, 0, command_dictionary},
    {"hash", 1, 1024, command_hash},
    {"list", 0, 0, command_list},
    {"parse", 2, 2, command_parse},
    {"print", 1, 1, command_print},
    {"run", 1, 1024, command_run},
    {"stats", 1, 1, command_stats},
};

static int notes; /* the file descriptor that note() writes calls to */

int
main(int argc, char **argv)
{
    size_t i;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        return usage(stdout);
    }
    for (i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].name) == 0 &&
            argc - 2 >= commands[i].least && argc - 2 <= commands[i].most) {
            return commands[i].run(argc - 2, argv + 2);
        }
    }
    return usage(stderr);
}

/* Whether run.h's executor runs the program as it is: it has arrays for all of
 * the program's ops and pools, and reduces none of its sizes. Relative sizes
 * are close to those of a pool, so the executor does not reduce them either. */
static int
is_short(const struct input *input)
{
    const struct op_scale scale = {0};
    struct program program;
    size_t count = 0;
    struct op op;

    program_init(&program, input->data, input->size);
    while (program_next(&program, &op)) {
        count++;
        if (count > MODEL_OPS_MAX || op.pool >= OP_POOLS ||
            act_is_reduced(op.code, op_size(&op, &scale))) {
            return 0;
        }
    }
    return 1;
}

static int
command_c(int count, char **paths)
{
    struct source source;
    struct input input;
    int rc;

    (void) count;
    if (input_read(&input, paths[0]) != 0) {
        return EXIT_FAILURE;
    }
    source_init(&source);
    rc = is_short(&input) ? source_short(&source, &input)
                          : source_long(&source, &input);
    if (rc != 0) {
        fprintf(stderr, "ngxops: %s: %s\n", input.path, strerror(-rc));
    } else {
        source_print(&source, input.path, stdout);
    }
    source_done(&source);
    free(input.data);
    return rc != 0 || ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Runs the program in another process, since it may crash. */
static int
source_short(struct source *source, const struct input *input)
{
    const struct run_options options = {.only = RUN_ALL, .note = note};
    struct source_call call;
    int ends[2];
    pid_t child;
    int status;
    int rc = 0;

    if (pipe(ends) != 0) {
        return -errno;
    }
    child = fork();
    if (child < 0) {
        return -errno;
    }
    if (child == 0) {
        notes = ends[1];
        (void) run_program(input->data, input->size, &options);
        _exit(EXIT_SUCCESS);
    }
    (void) close(ends[1]);
    while (rc == 0 && read(ends[0], &call, sizeof(call)) == sizeof(call)) {
        if (call.code == SOURCE_ANSWER) {
            source_answer(source, (enum source_answer) call.answer);
        } else {
            rc = source_add(source, &call);
        }
    }
    (void) close(ends[0]);
    if (waitpid(child, &status, 0) == child && WIFSIGNALED(status)) {
        fprintf(stderr, "ngxops: %s: signal %d; the program ends there\n",
                input->path, WTERMSIG(status));
    }
    return rc;
}

/* A call has less than PIPE_BUF bytes, so one write() takes all of it. */
static void
note(const struct source_call *call)
{
    if (write(notes, call, sizeof(*call)) != sizeof(*call)) {
        _exit(EXIT_FAILURE);
    }
}

static int
source_long(struct source *source, const struct input *input)
{
    struct trace trace;
    int rc = trace_init(&trace, input->data, input->size);

    if (rc == 0) {
        rc = source_add_trace(source, &trace);
    }
    trace_done(&trace);
    return rc;
}

static int
command_print(int count, char **paths)
{
    struct input input;

    (void) count;
    if (input_read(&input, paths[0]) != 0) {
        return EXIT_FAILURE;
    }
    program_print(input.data, input.size, stdout);
    free(input.data);
    return ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int
command_parse(int count, char **paths)
{
    struct input input = {.path = paths[0]};
    int rc;

    (void) count;
    input.data = read_all(paths[0], &input.size);
    if (input.data == NULL || input_parse(&input) != 0) {
        return EXIT_FAILURE;
    }
    rc = write_all(paths[1], input.data, input.size);
    free(input.data);
    return rc;
}

static int
command_convert(int count, char **paths)
{
    struct input input;
    struct program program;
    struct program_end end;
    char text[OP_TEXT_SIZE];
    uint8_t *out;
    size_t length;
    struct op op;
    int rc = EXIT_SUCCESS;

    (void) count;
    if (input_read(&input, paths[0]) != 0) {
        return EXIT_FAILURE;
    }
    out = malloc(input.size * OP_SIZE_MAX + OP_SIZE_MAX);
    if (out == NULL) {
        fprintf(stderr, "ngxops: %s: out of memory\n", paths[0]);
        return EXIT_FAILURE;
    }
    program_init(&program, input.data, input.size);
    length = program_end_init(
        &end, program.version == OP_VARIABLE ? OP_FIXED : OP_VARIABLE, out);
    while (rc == 0 && program_next(&program, &op)) {
        size_t added = program_end_add(&end, &op, out + length);

        if (added == 0) {
            op_print(&op, text);
            fprintf(stderr,
                    "ngxops: %s: before offset %zu: found \"%s\", expected "
                    "numbers that version 1 can hold\n",
                    paths[0], program.offset, text);
            rc = EXIT_FAILURE;
        }
        length += added;
    }
    if (rc == 0) {
        rc = write_all(paths[1], out, length);
    }
    free(out);
    free(input.data);
    return rc;
}

static int
command_stats(int count, char **paths)
{
    static struct stats stats;
    struct input input;
    struct trace trace;
    struct life *objects;
    struct life *regions;

    (void) count;
    if (input_read(&input, paths[0]) != 0) {
        return EXIT_FAILURE;
    }
    if (trace_init(&trace, input.data, input.size) != 0) {
        fprintf(stderr, "ngxops: %s: out of memory\n", paths[0]);
        return EXIT_FAILURE;
    }
    objects = calloc(trace.objects + 1, sizeof(*objects));
    regions = calloc(trace.regions + 1, sizeof(*regions));
    if (objects != NULL && regions != NULL) {
        stats_fill(&stats, &trace, objects, regions);
        stats_print(&stats, &trace, input.size);
    }
    free(objects);
    free(regions);
    trace_done(&trace);
    free(input.data);
    return ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int
command_run(int count, char **paths)
{
    int i;

    for (i = 0; i < count; i++) {
        struct input input;
        int rc;

        if (input_read(&input, paths[i]) != 0) {
            return EXIT_FAILURE;
        }
        rc = is_short(&input) ? run_short(&input) : run_long(&input);
        free(input.data);
        if (rc != 0) {
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}

/* Returns 0. A broken promise ends the process. */
static int
run_short(const struct input *input)
{
    const struct run_options options = {.only = RUN_ALL};
    const struct run *run = run_program(input->data, input->size, &options);

    printf("%s: %zu ops done, %zu of them effective, no promise broken%s\n",
           input->path, run->op_count, run->effective,
           run->op_count == MODEL_OPS_MAX ? "; the executor stopped there"
                                          : "");
    return 0;
}

static int
run_long(const struct input *input)
{
    char error[CHECKED_ERROR_MAX] = "out of memory";
    struct trace trace;
    int rc = trace_init(&trace, input->data, input->size);

    if (rc == 0) {
        rc = checked_run(&trace, error);
    }
    if (rc != 0) {
        fprintf(stderr, "ngxops: %s: %s\n", input->path, error);
    } else {
        printf("%s: %zu ops done, %zu of them effective, no promise broken\n",
               input->path, trace.ops, trace.ops - trace.idle_ops);
    }
    trace_done(&trace);
    return rc;
}

static int
command_hash(int count, char **paths)
{
    const struct run_options options = {.only = RUN_ALL};
    int i;

    for (i = 0; i < count; i++) {
        struct input input;

        if (input_read_any(&input, paths[i]) != 0) {
            return EXIT_FAILURE;
        }
        printf("%016" PRIx64 " %s\n",
               run_program(input.data, input.size, &options)->hash, input.path);
        free(input.data);
    }
    return EXIT_SUCCESS;
}

static int
command_list(int count, char **paths)
{
    unsigned code;

    (void) count;
    (void) paths;
    for (code = 0; code < OP_COUNT; code++) {
        const struct op op = {.code = (uint8_t) code};
        char text[OP_TEXT_SIZE];

        op_print(&op, text);
        printf("%-24s %s\n", text, op_meaning(code));
    }
    return EXIT_SUCCESS;
}

/* Prints the bytes of each op, also with a size at each boundary, and the words
 * of the text. */
static int
command_dictionary(int count, char **paths)
{
    static const char *const sizes[] = {
        "64", "max+0", "max+1", "left+0", "left+1", "page+0", "4096*8", "top-0",
    };
    unsigned code;
    size_t i;

    (void) count;
    (void) paths;
    printf("# Made by ngxops dictionary of the list in pool/ops/op.h.\n");
    for (code = 0; code < OP_COUNT; code++) {
        struct op op = {.code = (uint8_t) code};

        dictionary_text(op_name(code));
        if (!op_has(code, 's')) {
            dictionary_op(&op);
        }
        for (i = 0; op_has(code, 's') && i < sizeof(sizes) / sizeof(sizes[0]);
             i++) {
            char text[OP_TEXT_SIZE];
            struct op sized;

            (void) snprintf(text, sizeof(text), "palloc p0 %s", sizes[i]);
            if (op_parse(&sized, text) == 0) {
                op.amount = sized.amount;
                dictionary_op(&op);
            }
        }
    }
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        dictionary_text(sizes[i]);
    }
    return ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void
dictionary_text(const char *text)
{
    dictionary_entry("text", text, (const uint8_t *) text, strlen(text));
}

/* Prints an op on the pool of the op before. */
static void
dictionary_op(const struct op *op)
{
    uint8_t record[OP_SIZE_MAX];
    char text[OP_TEXT_SIZE];
    struct op_before before = {0};

    (void) op_print(op, text);
    dictionary_entry("op", text, record,
                     op_encode(op, OP_VARIABLE, &before, record));
}

/* In an entry's name, '_' replaces all but letters and digits. */
static void
dictionary_entry(const char *kind, const char *name, const uint8_t *data,
                 size_t size)
{
    size_t i;

    printf("%s_", kind);
    for (; *name != '\0'; name++) {
        putchar(isalnum((unsigned char) *name) ? *name : '_');
    }
    printf("=\"");
    for (i = 0; i < size; i++) {
        printf("\\x%02x", data[i]);
    }
    printf("\"\n");
}

static int
usage(FILE *out)
{
    fputs("usage: ngxops c FILE            print a C program of its calls\n"
          "       ngxops print FILE        print text, one op a line\n"
          "       ngxops parse FILE OUT    write text as bytes\n"
          "       ngxops convert FILE OUT  write version 1 or 3 as 2, 2 as 1\n"
          "       ngxops stats FILE        regions, objects, sizes, lifetimes\n"
          "       ngxops run FILE...       run each, and check all promises\n"
          "       ngxops hash FILE...      run each, and print a hash of it\n"
          "       ngxops list              print every op and its meaning\n"
          "       ngxops dictionary        every op, for a fuzzing engine\n"
          "FILE is text if its name ends in .ops, else bytes. - is standard\n"
          "input: text for parse, bytes for the others.\n",
          out);
    return out == stdout ? EXIT_SUCCESS : STATUS_USAGE;
}

/* Returns 0, or -1 with a message. */
static int
input_read(struct input *input, const char *path)
{
    char error[PROGRAM_ERROR_MAX];

    if (input_read_any(input, path) != 0) {
        return -1;
    }
    if (program_check(input->data, input->size, error) != 0) {
        fprintf(stderr, "ngxops: %s: %s\n", path, error);
        free(input->data);
        return -1;
    }
    return 0;
}

/* Reads any bytes, or text. The bytes need not pass program_check(). */
static int
input_read_any(struct input *input, const char *path)
{
    const char *end = strrchr(path, '.');

    input->path = path;
    input->data = read_all(path, &input->size);
    if (input->data == NULL) {
        return -1;
    }
    return end != NULL && strcmp(end, ".ops") == 0 ? input_parse(input) : 0;
}

/* Replaces the input's text by its bytes. */
static int
input_parse(struct input *input)
{
    size_t capacity = input->size + 2;
    uint8_t *bytes = malloc(capacity);
    size_t length = 0;
    int rc = -ENOMEM;

    if (bytes != NULL) {
        rc = program_parse((const char *) input->data, OP_VARIABLE, bytes,
                           capacity, &length);
    }
    free(input->data);
    if (rc != 0) {
        fprintf(stderr,
                rc == -EINVAL
                    ? "ngxops: %s: line %zu: found no op, expected an op of "
                      "ngxops list\n"
                    : "ngxops: %s: line %zu: out of memory\n",
                input->path, length);
        free(bytes);
        return -1;
    }
    input->data = bytes;
    input->size = length;
    return 0;
}

/* Returns the file's bytes and a NUL after them, or NULL with a message. */
static uint8_t *
read_all(const char *path, size_t *ret_size)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    uint8_t *data = NULL;
    size_t capacity = FIRST_CAPACITY;
    size_t size = 0;

    if (file == NULL) {
        fprintf(stderr, "ngxops: %s: %s\n", path, strerror(errno));
        return NULL;
    }
    do {
        uint8_t *more = realloc(data, capacity *= 2);

        if (more == NULL) {
            break;
        }
        data = more;
        size += fread(data + size, 1, capacity - 1 - size, file);
    } while (size == capacity - 1);

    if (ferror(file) || data == NULL || size == capacity - 1) {
        fprintf(stderr, "ngxops: %s: %s\n", path, strerror(errno));
        free(data);
        data = NULL;
    } else {
        data[size] = '\0';
        *ret_size = size;
    }
    if (file != stdin) {
        (void) fclose(file);
    }
    return data;
}

static int
write_all(const char *path, const uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "wb");

    if (file == NULL || fwrite(data, 1, size, file) != size ||
        fclose(file) != 0) {
        fprintf(stderr, "ngxops: %s: %s\n", path, strerror(errno));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

static void
stats_fill(struct stats *stats, const struct trace *trace, struct life *objects,
           struct life *regions)
{
    size_t i;

    for (i = 0; i < trace->count; i++) {
        const struct trace_action *action = &trace->actions[i];
        struct life *region = &regions[action->region];

        stats->counts[action->code]++;
        switch ((enum trace_code) action->code) {
        case TRACE_CREATE:
            *region = (struct life){.since = i};
            break;
        case TRACE_RESIZE:
            stats_end(stats, &objects[action->other], i);
            /* fall through */
        case TRACE_ALLOC:
            objects[action->object] =
                (struct life){.since = i, .size = action->size};
            region->objects++;
            stats->sizes[log2_of(action->size)]++;
            stats->bytes += action->size;
            stats->live_objects++;
            stats->live_bytes += action->size;
            if (stats->live_objects > stats->most_objects) {
                stats->most_objects = stats->live_objects;
            }
            if (stats->live_bytes > stats->most_bytes) {
                stats->most_bytes = stats->live_bytes;
            }
            break;
        case TRACE_FREE:
        case TRACE_DROP:
            stats_end(stats, &objects[action->object], i);
            break;
        case TRACE_RESET:
        case TRACE_DESTROY:
            stats->region_lives[log2_of(i - region->since)]++;
            stats->region_objects[log2_of(region->objects)]++;
            *region = (struct life){.since = i};
            break;
        default:
            break;
        }
    }
}

static void
stats_end(struct stats *stats, const struct life *life, size_t now)
{
    stats->object_lives[log2_of(now - life->since)]++;
    stats->live_objects--;
    stats->live_bytes -= life->size;
}

/* Returns the least exponent whose power of 2 is number or more. */
static unsigned
log2_of(uint64_t number)
{
    unsigned class = 0;

    while (number > 1) {
        number = (number + 1) / 2;
        class ++;
    }
    return class;
}

static void
stats_print(const struct stats *stats, const struct trace *trace, size_t size)
{
    uint64_t made = stats->counts[TRACE_ALLOC] + stats->counts[TRACE_RESIZE];
    uint64_t ends = stats->counts[TRACE_RESET] + stats->counts[TRACE_DESTROY];

    printf(
        "ops            %zu in %zu bytes, %.2f bytes an op; %zu do nothing\n",
        trace->ops, size,
        trace->ops == 0 ? 0 : (double) size / (double) trace->ops,
        trace->idle_ops);
    printf("regions        %" PRIu64 " made, %" PRIu64 " times reset; %" PRIu32
           " at a time\n",
           stats->counts[TRACE_CREATE], stats->counts[TRACE_RESET],
           trace->regions);
    printf("allocations    %" PRIu64 " of %" PRIu64 " bytes, %" PRIu64
           " of them by resizing; %.1f a region\n",
           made, stats->bytes, stats->counts[TRACE_RESIZE],
           ends == 0 ? 0 : (double) made / (double) ends);
    printf("freed          %" PRIu64 " one by one, %" PRIu64
           " with their region\n",
           stats->counts[TRACE_FREE] + stats->counts[TRACE_RESIZE],
           stats->counts[TRACE_DROP]);
    printf("live at most   %" PRIu64 " objects, %" PRIu64 " bytes\n",
           stats->most_objects, stats->most_bytes);
    printf("cleanups       %" PRIu64 "\n", stats->counts[TRACE_CLEANUP]);
    histogram("sizes", "bytes", stats->sizes, SIZE_CLASSES);
    histogram("objects' lifetimes", "ops", stats->object_lives, LIFE_CLASSES);
    histogram("regions' lifetimes", "ops", stats->region_lives, LIFE_CLASSES);
    histogram("objects in a region", "objects", stats->region_objects,
              LIFE_CLASSES);
}

static void
histogram(const char *title, const char *unit, const uint64_t *classes,
          size_t count)
{
    uint64_t all = 0;
    uint64_t most = 0;
    uint64_t below = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        all += classes[i];
        most = classes[i] > most ? classes[i] : most;
    }
    if (all == 0) {
        return;
    }
    printf("\n%s, up to this number of %s:\n", title, unit);
    for (i = 0; i < count; i++) {
        if (classes[i] == 0) {
            continue;
        }
        below += classes[i];
        printf("%12" PRIu64 " %10" PRIu64 " %5.1f %% %.*s\n", (uint64_t) 1 << i,
               classes[i], 100 * (double) below / (double) all,
               (int) (BAR_WIDTH * classes[i] / most),
               "########################################");
    }
}
