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

static void round_path(const char *folder, int round, char *path);
static int write_file(const char *path,
                      void (*write)(const void *what, FILE *file),
                      const void *what);
static void write_run(const void *what, FILE *file);
static void write_round(const void *what, FILE *file);
static void write_row(const struct row *row, int round, FILE *file);
static void write_latency(const struct row *row, FILE *file);
static void remove_rounds(const char *folder);
static int load_round(const char *path, struct rounds *rounds,
                      struct plan *plan, int round);
static int load_lines(FILE *file, struct rounds *rounds, struct plan *plan,
                      int round, int *ret_ended);
static int load_row(const char *line, struct row *row, int round);
static int load_latency(const char *line, struct row *row);
static struct row *find_row(struct plan *plan, const char *name, size_t *next);
static int take_line(struct progress *progress, char *line);
static int fail(const char *path, int err);

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
    FILE *file;
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    int number = 0;
    int err = 0;

    snprintf(path, sizeof(path), "%s/rounds/run", folder);
    file = fopen(path, "r");
    if (file == NULL) {
        return fail(path, -errno);
    }
    *progress = (struct progress){0};
    progress->argv = calloc(PROGRESS_ARGUMENTS_MAX + 1, sizeof(char *));
    while (progress->argv != NULL && err == 0 &&
           (length = getline(&line, &size, file)) > 0) {
        line[strcspn(line, "\n")] = '\0';
        number++;
        err = number == 1 ? -(strcmp(line, PROGRESS_VERSION) != 0) * EINVAL
                          : take_line(progress, line);
        if (err != 0) {
            fprintf(stderr,
                    "bench: %s:%d: found \"%.80s\", expected what this program "
                    "of commit %s wrote\n",
                    path, number, line, machine_commit());
        }
    }
    free(line);
    fclose(file);
    if (err == 0 && (progress->argc == 0 || progress->wanted == 0)) {
        fprintf(stderr, "bench: %s: found %d lines, expected more\n", path,
                number);
        err = -EINVAL;
    }
    if (err != 0) {
        progress_done(progress);
    }
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
    int err = rounds_make_room(rounds, plan);

    if (err != 0) {
        return fail(results->path, err);
    }
    rounds->complete = 0;
    while (rounds->complete < rounds->wanted && err == 0) {
        char path[PROGRESS_FILE_MAX];

        round_path(results->path, rounds->complete, path);
        if (access(path, F_OK) != 0) {
            break;
        }
        err = load_round(path, rounds, plan, rounds->complete);
        rounds->complete += err == 0;
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
    int failed;

    snprintf(made, sizeof(made), "%.*s.tmp", PROGRESS_FILE_MAX - 8, path);
    file = fopen(made, "w");
    if (file == NULL) {
        return fail(made, -errno);
    }
    write(what, file);
    errno = 0;
    failed = ferror(file) | fflush(file) | fsync(fileno(file));
    failed |= fclose(file);
    if (failed == 0 && rename(made, path) == 0) {
        return 0;
    }
    failed = errno != 0 ? -errno : -EIO;
    (void) unlink(made);
    return fail(path, failed);
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

static int
load_round(const char *path, struct rounds *rounds, struct plan *plan,
           int round)
{
    FILE *file = fopen(path, "r");
    int ended = 0;
    int err;

    if (file == NULL) {
        return fail(path, -errno);
    }
    err = load_lines(file, rounds, plan, round, &ended);
    fclose(file);
    if (err == 0 && !ended) {
        err = -EINVAL;
    }
    if (err != 0) {
        fprintf(
            stderr,
            "bench: %s: found other rows or lines than this run's, expected "
            "a round of it\n",
            path);
    }
    return err;
}

static int
load_lines(FILE *file, struct rounds *rounds, struct plan *plan, int round,
           int *ret_ended)
{
    char *line = NULL;
    size_t size = 0;
    size_t next = 0;
    int err = 0;

    while (err == 0 && getline(&line, &size, file) > 0) {
        char kind[16];
        char name[ROW_NAME_MAX];
        struct row *row;

        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, PROGRESS_END) == 0) {
            *ret_ended = 1;
            break;
        }
        if (sscanf(line, "elapsed %lf", &rounds->elapsed) == 1) {
            continue;
        }
        if (sscanf(line, "%15s %127s", kind, name) != 2 ||
            (row = find_row(plan, name, &next)) == NULL) {
            err = -EINVAL;
        } else if (strcmp(kind, "failed") == 0) {
            snprintf(row->reason, sizeof(row->reason), "%.600s",
                     line + strlen("failed ") + strlen(name) + 1);
        } else if (strcmp(kind, "row") == 0) {
            err = load_row(line, row, round);
        } else {
            err = load_latency(line, row);
        }
    }
    free(line);
    return err;
}

static int
load_row(const char *line, struct row *row, int round)
{
    struct reading *reading = &row->readings[round];
    int found = sscanf(line,
                       "row %*s %d %" SCNd64 " %lf %lf %" SCNd64
                       " %lf %lf %lf %lf %lf %lf %lf",
                       &row->slices, &row->iterations, &row->expected_ns,
                       &row->seconds, &reading->iterations, &reading->real_ns,
                       &reading->cpu_ns, &reading->items_per_second,
                       &reading->bytes_per_second, &reading->first_half_ns,
                       &reading->second_half_ns, &reading->page_faults);

    return found == 12 && row->slices > 0 && row->slices <= ROW_SLICES
               ? 0
               : -EINVAL;
}

/* The histogram replaces the row's. */
static int
load_latency(const char *line, struct row *row)
{
    struct latency latency = {0};
    int at = 0;
    int used;
    unsigned bucket;
    uint32_t regions;

    if (row->latency == NULL ||
        sscanf(line, "latency %*s %" SCNu64 "%n", &latency.max_ns, &at) != 1) {
        return -EINVAL;
    }
    while (sscanf(line + at, " %u:%" SCNu32 "%n", &bucket, &regions, &used) ==
           2) {
        if (bucket >= LATENCY_BUCKETS) {
            return -EINVAL;
        }
        latency.buckets[bucket] = regions;
        latency.regions += regions;
        at += used;
    }
    *row->latency = latency;
    return 0;
}

/* Rows come in the plan's order; each is looked for from the last one on. */
static struct row *
find_row(struct plan *plan, const char *name, size_t *next)
{
    for (size_t i = 0; i < plan->count; i++) {
        size_t at = (*next + i) % plan->count;

        if (strcmp(plan->rows[at].name, name) == 0) {
            *next = at;
            return &plan->rows[at];
        }
    }
    return NULL;
}

/* A line of the file "run" after the first. Returns 0 or -EINVAL. */
static int
take_line(struct progress *progress, char *line)
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

/* Prints a message; returns err. */
static int
fail(const char *path, int err)
{
    fprintf(stderr, "bench: %s: %s\n", path, strerror(-err));
    return err;
}
