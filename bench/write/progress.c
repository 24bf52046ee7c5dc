#include "write/progress.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "write/machine.h"

enum {
    PROGRESS_FILE_MAX = RESULTS_PATH_MAX + 64,
    PROGRESS_ARGUMENTS_MAX = 256,
};

#define PROGRESS_VERSION "ngxpool-rounds 1"
#define PROGRESS_END     "end"

/* A file, as it is read line by line. */
struct lines {
    FILE *file;
    const char *path;
    char *line; /* without its end; NULL before the first, after the last */
    size_t size;
    int number;
};

static void round_path(const char *folder, int round, char *path);
static int write_file(const char *path,
                      void (*write)(const void *what, FILE *file),
                      const void *what);
static int flush_file(FILE *file);
static void write_run(const void *what, FILE *file);
static void write_round(const void *what, FILE *file);
static void write_row(const struct row *row, int round, FILE *file);
static void write_latency(const struct row *row, FILE *file);
static void remove_rounds(const char *folder);
static int load_run(struct lines *lines, struct progress *progress);
static int take_line(struct progress *progress, const char *line);
static int count_rounds(const struct results *results, int wanted);
static int load_round(const struct results *results, struct rounds *rounds,
                      struct plan *plan, int round);
static int load_lines(struct lines *lines, struct rounds *rounds,
                      struct plan *plan, int round);
static int load_row(struct lines *lines, struct row *row, int round);
static int load_reading(const char *text, struct row *row, int round);
static int load_latency(const char *text, struct row *row);
static const char *next_line(struct lines *lines);
static void lines_close(struct lines *lines);
static const char *after(const char *line, const char *kind, const char *name);
static int fail(const char *path, int err);
static int fail_line(const struct lines *lines, const char *expected,
                     const char *name);

/* The data that a round's file is written from. */
struct round_file {
    const struct rounds *rounds;
    const struct plan *plan;
    int round;
};

struct run_file {
    const struct results *results;
    const struct rounds *rounds;
};

int
progress_begin(const struct results *results, const struct rounds *rounds)
{
    const struct run_file what = {results, rounds};
    char path[PROGRESS_FILE_MAX];

    snprintf(path, sizeof(path), "%s/rounds", results->path);
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        return fail(path, -errno);
    }
    remove_rounds(results->path);
    snprintf(path, sizeof(path), "%s/rounds/run", results->path);
    return write_file(path, write_run, &what);
}

int
progress_keep(const struct rounds *rounds, const struct plan *plan, int round,
              void *user)
{
    const struct results *results = user;
    const struct round_file what = {rounds, plan, round};
    char path[PROGRESS_FILE_MAX];

    round_path(results->path, round, path);
    return write_file(path, write_round, &what);
}

int
progress_open(struct progress *progress, const char *folder)
{
    char path[PROGRESS_FILE_MAX];
    struct lines lines = {.path = path};
    int err;

    snprintf(path, sizeof(path), "%s/rounds/run", folder);
    lines.file = fopen(path, "r");
    if (lines.file == NULL) {
        return fail(path, -errno);
    }
    *progress = (struct progress){
        .argv = calloc(PROGRESS_ARGUMENTS_MAX + 1, sizeof(char *)),
    };
    err = progress->argv != NULL ? load_run(&lines, progress)
                                 : fail(path, -ENOMEM);
    if (err != 0) {
        progress_done(progress);
    }
    lines_close(&lines);
    return err;
}

void
progress_done(struct progress *progress)
{
    for (int i = 0; i < progress->argc; i++) {
        free(progress->argv[i]);
    }
    free(progress->argv);
}

int
progress_load(const struct results *results, struct rounds *rounds,
              struct plan *plan)
{
    int err = rounds_allocate(rounds, plan);

    if (err != 0) {
        return fail(results->path, err);
    }
    rounds->complete = count_rounds(results, rounds->wanted);
    for (int round = 0; round < rounds->complete && err == 0; round++) {
        err = load_round(results, rounds, plan, round);
    }
    return err;
}

void
progress_end(const struct results *results)
{
    char path[PROGRESS_FILE_MAX];

    remove_rounds(results->path);
    snprintf(path, sizeof(path), "%s/rounds", results->path);
    (void) rmdir(path);
}

static void
round_path(const char *folder, int round, char *path)
{
    snprintf(path, PROGRESS_FILE_MAX, "%s/rounds/%04d", folder, round);
}

/* All of the file or nothing. Returns 0, or a negative errno. */
static int
write_file(const char *path, void (*write)(const void *what, FILE *file),
           const void *what)
{
    char made[PROGRESS_FILE_MAX];
    FILE *file;
    int err;

    snprintf(made, sizeof(made), "%.*s.tmp", PROGRESS_FILE_MAX - 8, path);
    file = fopen(made, "w");
    if (file == NULL) {
        return fail(made, -errno);
    }
    write(what, file);
    err = flush_file(file);
    if (fclose(file) != 0 && err == 0) {
        err = -errno;
    }
    if (err == 0 && rename(made, path) != 0) {
        err = -errno;
    }
    if (err != 0) {
        (void) unlink(made);
        return fail(path, err);
    }
    return 0;
}

/* Returns 0, or the negative errno of the first failure. */
static int
flush_file(FILE *file)
{
    if (fflush(file) != 0) {
        return -errno;
    }
    if (ferror(file)) {
        return -EIO; /* an earlier write failed, and its errno is gone */
    }
    return fsync(fileno(file)) != 0 ? -errno : 0;
}

static void
write_run(const void *what, FILE *file)
{
    const struct run_file *run = what;

    fprintf(file, "%s\ncommit %s\nseed %" PRIu64 "\nwanted %d\nlayouts %d\n",
            PROGRESS_VERSION, machine_commit(), run->rounds->seed,
            run->rounds->wanted, run->rounds->layouts);
    for (int i = 0; i < run->results->argc; i++) {
        fprintf(file, "argument %s\n", run->results->argv[i]);
    }
    fprintf(file, "%s\n", PROGRESS_END);
}

static void
write_round(const void *what, FILE *file)
{
    const struct round_file *of = what;

    fprintf(file, "elapsed %.17g\n", of->rounds->elapsed);
    for (size_t i = 0; i < of->plan->count; i++) {
        write_row(&of->plan->rows[i], of->round, file);
    }
    fprintf(file, "%s\n", PROGRESS_END);
}

static void
write_row(const struct row *row, int round, FILE *file)
{
    const struct reading *reading = &row->readings[round];

    if (row->reason[0] != '\0') {
        fprintf(file, "failed %s %s\n", row->name, row->reason);
        return;
    }
    fprintf(file,
            "row %s %d %" PRId64 " %.17g %.17g %" PRId64
            " %.17g %.17g %.17g %.17g %.17g %.17g %.17g\n",
            row->name, row->slices, row->iterations, row->expected_ns,
            row->seconds, reading->iterations, reading->real_ns,
            reading->cpu_ns, reading->items_per_second,
            reading->bytes_per_second, reading->first_half_ns,
            reading->second_half_ns, reading->page_faults);
    if (row->wants_latency) {
        write_latency(row, file);
    }
}

static void
write_latency(const struct row *row, FILE *file)
{
    fprintf(file, "latency %s %" PRIu64, row->name, row->latency->max_ns);
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        if (row->latency->buckets[i] != 0) {
            fprintf(file, " %u:%" PRIu32, i, row->latency->buckets[i]);
        }
    }
    fputc('\n', file);
}

/* All files of folder/rounds. */
static void
remove_rounds(const char *folder)
{
    char path[PROGRESS_FILE_MAX];
    struct dirent *entry;
    DIR *dir;

    snprintf(path, sizeof(path), "%s/rounds", folder);
    dir = opendir(path);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            (void) unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    if (dir != NULL) {
        (void) closedir(dir);
    }
}

/* Returns 0, or a negative errno: a message is then on stderr. */
static int
load_run(struct lines *lines, struct progress *progress)
{
    const char *line = next_line(lines);
    int err = strcmp(line, PROGRESS_VERSION) == 0 ? 0 : -EINVAL;

    while (err == 0 && strcmp(line = next_line(lines), PROGRESS_END) != 0) {
        err = take_line(progress, line);
    }
    if (err == 0 &&
        (progress->argc == 0 || progress->wanted < 1 || progress->layouts < 1 ||
         progress->layouts > BENCH_LAYOUTS)) {
        err = -EINVAL;
    }
    return err == 0 ? 0
                    : fail_line(lines, "what this program wrote, of commit ",
                                machine_commit());
}

/* A line of the file "run" after the first. Returns 0 or -EINVAL. */
static int
take_line(struct progress *progress, const char *line)
{
    static const char argument[] = "argument ";
    static const char commit[] = "commit ";

    if (strncmp(line, commit, strlen(commit)) == 0) {
        return strcmp(line + strlen(commit), machine_commit()) == 0 ? 0
                                                                    : -EINVAL;
    }
    if (strncmp(line, argument, strlen(argument)) == 0) {
        if (progress->argc == PROGRESS_ARGUMENTS_MAX) {
            return -EINVAL;
        }
        progress->argv[progress->argc] = strdup(line + strlen(argument));
        progress->argc += progress->argv[progress->argc] != NULL;
        return 0;
    }
    return sscanf(line, "seed %" SCNu64, &progress->seed) == 1 ||
                   sscanf(line, "wanted %d", &progress->wanted) == 1 ||
                   sscanf(line, "layouts %d", &progress->layouts) == 1
               ? 0
               : -EINVAL;
}

/* Rounds whose file is there, at most wanted. A file that is missing between
 * others counts, so that reading it fails. */
static int
count_rounds(const struct results *results, int wanted)
{
    char path[PROGRESS_FILE_MAX];

    while (wanted > 0) {
        round_path(results->path, wanted - 1, path);
        if (access(path, F_OK) == 0) {
            break;
        }
        wanted--;
    }
    return wanted;
}

static int
load_round(const struct results *results, struct rounds *rounds,
           struct plan *plan, int round)
{
    char path[PROGRESS_FILE_MAX];
    struct lines lines = {.path = path};
    int err;

    round_path(results->path, round, path);
    lines.file = fopen(path, "r");
    if (lines.file == NULL) {
        return fail(path, -errno);
    }
    err = load_lines(&lines, rounds, plan, round);
    lines_close(&lines);
    return err;
}

/* The rows come in the plan's order. */
static int
load_lines(struct lines *lines, struct rounds *rounds, struct plan *plan,
           int round)
{
    int err = 0;

    if (sscanf(next_line(lines), "elapsed %lf", &rounds->elapsed) != 1) {
        return fail_line(lines, "the time", "");
    }
    for (size_t i = 0; i < plan->count && err == 0; i++) {
        err = load_row(lines, &plan->rows[i], round);
    }
    if (err == 0 && strcmp(next_line(lines), PROGRESS_END) != 0) {
        err = fail_line(lines, "the end of this run's rows", "");
    }
    return err;
}

static int
load_row(struct lines *lines, struct row *row, int round)
{
    const char *line = next_line(lines);
    const char *text = after(line, "failed", row->name);

    if (text != NULL) {
        snprintf(row->reason, sizeof(row->reason), "%.600s", text);
        return 0;
    }
    text = after(line, "row", row->name);
    if (text == NULL || load_reading(text, row, round) != 0) {
        return fail_line(lines, "row ", row->name);
    }
    if (!row->wants_latency) {
        return 0;
    }
    text = after(next_line(lines), "latency", row->name);
    if (text == NULL || load_latency(text, row) != 0) {
        return fail_line(lines, "latency ", row->name);
    }
    return 0;
}

/* Returns 0 or -EINVAL. */
static int
load_reading(const char *text, struct row *row, int round)
{
    struct reading *reading = &row->readings[round];
    int found = sscanf(
        text, "%d %" SCNd64 " %lf %lf %" SCNd64 " %lf %lf %lf %lf %lf %lf %lf",
        &row->slices, &row->iterations, &row->expected_ns, &row->seconds,
        &reading->iterations, &reading->real_ns, &reading->cpu_ns,
        &reading->items_per_second, &reading->bytes_per_second,
        &reading->first_half_ns, &reading->second_half_ns,
        &reading->page_faults);

    return found == 12 && row->slices > 0 && row->slices <= ROW_SLICES
               ? 0
               : -EINVAL;
}

/* The histogram replaces the row's. Returns 0 or -EINVAL. */
static int
load_latency(const char *text, struct row *row)
{
    struct latency latency = {0};
    int used = 0;
    unsigned bucket;
    uint32_t regions;

    if (sscanf(text, "%" SCNu64 "%n", &latency.max_ns, &used) != 1) {
        return -EINVAL;
    }
    for (text += used;
         sscanf(text, " %u:%" SCNu32 "%n", &bucket, &regions, &used) == 2;
         text += used) {
        if (bucket >= LATENCY_BUCKETS) {
            return -EINVAL;
        }
        latency.buckets[bucket] = regions;
        latency.regions += regions;
    }
    if (*text != '\0') {
        return -EINVAL;
    }
    *row->latency = latency;
    return 0;
}

/* Without the line's end; "" after the last line. Valid until the next call. */
static const char *
next_line(struct lines *lines)
{
    if (getline(&lines->line, &lines->size, lines->file) <= 0) {
        free(lines->line);
        lines->line = NULL;
        lines->size = 0;
        return "";
    }
    lines->number++;
    lines->line[strcspn(lines->line, "\n")] = '\0';
    return lines->line;
}

static void
lines_close(struct lines *lines)
{
    free(lines->line);
    (void) fclose(lines->file);
}

/* The text after "kind name ", or NULL where the line begins otherwise. */
static const char *
after(const char *line, const char *kind, const char *name)
{
    size_t kind_length = strlen(kind);
    size_t name_length = strlen(name);

    if (strncmp(line, kind, kind_length) != 0 || line[kind_length] != ' ') {
        return NULL;
    }
    line += kind_length + 1;
    if (strncmp(line, name, name_length) != 0 || line[name_length] != ' ') {
        return NULL;
    }
    return line + name_length + 1;
}

/* Prints a message; returns err. */
static int
fail(const char *path, int err)
{
    fprintf(stderr, "bench: %s: %s\n", path, strerror(-err));
    return err;
}

/* Prints a message about the line that was read last; returns -EINVAL. */
static int
fail_line(const struct lines *lines, const char *expected, const char *name)
{
    if (lines->line == NULL) {
        fprintf(stderr, "bench: %s:%d: found the end, expected %s%s\n",
                lines->path, lines->number, expected, name);
    } else {
        fprintf(stderr, "bench: %s:%d: found \"%.80s\", expected %s%s\n",
                lines->path, lines->number, lines->line, expected, name);
    }
    return -EINVAL;
}
