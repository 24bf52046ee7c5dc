#include "write/results.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "plan/replay.h"
#include "write/complexity.h"
#include "write/json.h"
#include "write/machine.h"

enum {
    RESULTS_LABEL_MAX = 128,

    /* A commit's abbreviation, as git has it. */
    RESULTS_COMMIT_LENGTH = 7,

    RESULTS_FILE_MAX = RESULTS_PATH_MAX + 32,

    RESULTS_FLAT = 3, /* each entry of run.json's lists is one line */
};

/* The parts of a run that are written. */
struct account {
    const struct results *results;
    const struct plan *plan;
    const struct rounds *rounds;
    const char *context;
};

static void label_make(char *label);
static int make_folders(char *path);
static int take_folder(struct results *results, int may_have_run);
static int has_run(const char *folder);
static void add_context(const struct account *account);
static void add_number(const char *key, int digits, double value);
static int write_file(const struct account *account, size_t i);
static int rename_file(const struct account *account, size_t i);
static void file_path(const struct account *account, size_t i,
                      const char *suffix, char *path);
static void write_machine(const struct account *account, FILE *file);
static void write_run(const struct account *account, FILE *file);
static void write_instructions(struct json *json,
                               const struct instructions_row *row);
static void write_complexities(struct json *json,
                               const struct account *account);
static void write_key(struct json *json, const char *workload,
                      const char *allocator, const char *sizes, size_t n);
static void write_row_key(struct json *json, const struct row *row);
static void write_reading(struct json *json, const struct account *account,
                          size_t row, int round);
static void write_replay(struct json *json, const struct row *row);
static void write_latency(struct json *json, const struct row *row);
static void write_memory(struct json *json, const struct memory_row *row);
static void write_command(const struct account *account, FILE *file);
static void write_quoted(FILE *file, const char *word);
static int fail(const char *path, int err);

static const struct {
    const char *name;
    void (*write)(const struct account *account, FILE *file);
} results_files[] = {
    {"command", write_command},
    {"machine.json", write_machine},
    {"run.json", write_run},
};

enum {
    RESULTS_FILES = sizeof(results_files) / sizeof(results_files[0]),
};

int
results_init(struct results *results, const struct options *options, int argc,
             char **argv)
{
    char made_up[RESULTS_LABEL_MAX];
    const char *label = options->label;
    int length;
    int err;

    if (label == NULL) {
        label_make(made_up);
        label = made_up;
    }
    results->argc = argc;
    results->argv = argv;
    length = snprintf(results->path, sizeof(results->path), "%s/%s",
                      options->results, label);
    if (length < 0 || (size_t) length >= sizeof(results->path)) {
        return fail(label, -ENAMETOOLONG);
    }
    err = make_folders(results->path);
    if (err == 0 && access(results->path, W_OK | X_OK) != 0) {
        err = -errno;
    }
    if (err != 0) {
        return fail(results->path, err);
    }
    return take_folder(results, options->force || options->resume);
}

void
results_done(struct results *results)
{
    (void) rmdir(results->path);
    (void) close(results->folder);
}

int
results_write(const struct results *results, const struct plan *plan,
              const struct rounds *rounds)
{
    char path[RESULTS_FILE_MAX];
    struct account account = {results, plan, rounds, NULL};
    char *context;
    int err = 0;

    add_context(&account);
    context = shim_context_json();
    if (context == NULL) {
        return fail(results->path, -ENOMEM);
    }
    account.context = context;

    for (size_t i = 0; i < RESULTS_FILES && err == 0; i++) {
        err = write_file(&account, i);
    }
    free(context);
    for (size_t i = 0; i < RESULTS_FILES; i++) {
        if (err != 0) {
            file_path(&account, i, ".tmp", path);
            (void) unlink(path);
        } else {
            err = rename_file(&account, i);
        }
    }
    return err;
}

/* Date, time and commit: sorts by age, and names the measured code. */
static void
label_make(char *label)
{
    time_t now = time(NULL);
    struct tm utc;
    size_t used;

    gmtime_r(&now, &utc);
    used = strftime(label, RESULTS_LABEL_MAX, "%Y%m%d-%H%M%S-", &utc);
    snprintf(label + used, RESULTS_LABEL_MAX - used, "%.*s",
             RESULTS_COMMIT_LENGTH, machine_commit());
}

/* As mkdir -p; path is as before afterwards. */
static int
make_folders(char *path)
{
    char *slash = path;

    while ((slash = strchr(slash + 1, '/')) != NULL) {
        int err;

        *slash = '\0';
        err = mkdir(path, 0777) != 0 ? -errno : 0;
        *slash = '/';
        if (err != 0 && err != -EEXIST) {
            return err;
        }
    }
    return mkdir(path, 0777) != 0 && errno != EEXIST ? -errno : 0;
}

/* A file system without locks has none. */
static int
take_folder(struct results *results, int may_have_run)
{
    const char *problem = NULL;

    results->folder = open(results->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (results->folder < 0) {
        return fail(results->path, -errno);
    }
    if (flock(results->folder, LOCK_EX | LOCK_NB) != 0 &&
        errno == EWOULDBLOCK) {
        problem =
            "found a run under way, expected none; choose another --label";
    } else if (!may_have_run && has_run(results->path)) {
        problem =
            "found an earlier run, expected none; choose another --label, "
            "or --force to replace it, or --resume where it was ended "
            "early";
    }
    if (problem != NULL) {
        fprintf(stderr, "bench: %s: %s\n", results->path, problem);
        (void) close(results->folder);
        return -EEXIST;
    }
    return 0;
}

/* A complete one, or rounds of one that was ended early. */
static int
has_run(const char *folder)
{
    static const char *const names[] = {"run.json", "rounds/run"};
    char path[RESULTS_FILE_MAX];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        if (access(path, F_OK) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Adds the facts that google-benchmark cannot know. */
static void
add_context(const struct account *account)
{
    const struct rounds *rounds = account->rounds;
    const struct contender *base = account->plan->base;
    char text[ROW_NAME_MAX];

    shim_context_add("commit", machine_commit());
    if (base != NULL) {
        snprintf(text, sizeof(text), "%s,%s_again", base->allocator->name,
                 base->allocator->name);
        shim_context_add("aa_pair", text);
    }
    snprintf(text, sizeof(text), "%" PRIu64, rounds->seed);
    shim_context_add("seed", text);
    shim_context_add("interrupted", rounds->interrupted ? "yes" : "no");
    add_number("rounds", 0, rounds->complete);
    add_number("rounds_wanted", 0, rounds->wanted);
    add_number("layouts", 0, BENCH_LAYOUTS);
    add_number("elapsed_seconds", 1, rounds->elapsed);
    add_number("clock_ns", 1, latency_clock_ns());
    add_number("latency_error", 4, LATENCY_ERROR);
}

static void
add_number(const char *key, int digits, double value)
{
    char text[ROW_NAME_MAX];

    snprintf(text, sizeof(text), "%.*f", digits, value);
    shim_context_add(key, text);
}

/* Writes the file under its name and ".tmp". */
static int
write_file(const struct account *account, size_t i)
{
    char path[RESULTS_FILE_MAX];
    FILE *file;
    int failed;

    file_path(account, i, ".tmp", path);
    file = fopen(path, "w");
    if (file == NULL) {
        return fail(path, -errno);
    }
    results_files[i].write(account, file);
    errno = 0;
    failed = ferror(file) | fflush(file) | fsync(fileno(file));
    failed |= fclose(file);
    return failed != 0 ? fail(path, errno != 0 ? -errno : -EIO) : 0;
}

static int
rename_file(const struct account *account, size_t i)
{
    char from[RESULTS_FILE_MAX];
    char to[RESULTS_FILE_MAX];

    file_path(account, i, ".tmp", from);
    file_path(account, i, "", to);
    return rename(from, to) != 0 ? fail(to, -errno) : 0;
}

/* In path, which has RESULTS_FILE_MAX bytes. */
static void
file_path(const struct account *account, size_t i, const char *suffix,
          char *path)
{
    snprintf(path, RESULTS_FILE_MAX, "%s/%s%s", account->results->path,
             results_files[i].name, suffix);
}

static void
write_machine(const struct account *account, FILE *file)
{
    struct json json;

    json_init(&json, file);
    machine_write(&json, account->plan, account->context);
}

static void
write_run(const struct account *account, FILE *file)
{
    const struct plan *plan = account->plan;
    struct json json;

    json_init(&json, file);
    json_open(&json, NULL, '{');
    json_raw(&json, "context", account->context);
    json.flat = RESULTS_FLAT;
    json_open(&json, "benchmarks", '[');
    for (size_t i = 0; i < plan->count; i++) {
        int is_skipped = plan->rows[i].reason[0] != '\0';

        for (int r = 0; r < (is_skipped ? 1 : account->rounds->complete); r++) {
            write_reading(&json, account, i, r);
        }
    }
    json_close(&json, ']');
    json_open(&json, "latencies", '[');
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->rows[i].reason[0] == '\0' && plan->rows[i].wants_latency) {
            write_latency(&json, &plan->rows[i]);
        }
    }
    json_close(&json, ']');
    json_open(&json, "memory", '[');
    for (size_t i = 0; i < plan->memory_count; i++) {
        write_memory(&json, &plan->memory[i]);
    }
    json_close(&json, ']');
    json_open(&json, "instructions", '[');
    for (size_t i = 0; i < plan->instructions_count; i++) {
        write_instructions(&json, &plan->instructions[i]);
    }
    json_close(&json, ']');
    write_complexities(&json, account);
    json_close(&json, '}');
}

static void
write_instructions(struct json *json, const struct instructions_row *row)
{
    json_open(json, NULL, '{');
    write_row_key(json, row->row);
    if (row->reason[0] != '\0') {
        json_string(json, "error_message", row->reason);
    } else {
        json_number(json, "instructions", row->figures.instructions);
        json_number(json, "branches", row->figures.branches);
        json_number(json, "mispredictions", row->figures.mispredictions);
    }
    json_close(json, '}');
}

/* None where memory runs out. */
static void
write_complexities(struct json *json, const struct account *account)
{
    size_t count = 0;
    struct complexity *fits =
        complexity_fit(account->plan, account->rounds->complete, &count);

    json_open(json, "complexity", '[');
    for (size_t i = 0; fits != NULL && i < count; i++) {
        const struct row *row = fits[i].row;

        json_open(json, NULL, '{');
        json_string(json, "workload", row->workload->name);
        json_string(json, "allocator", row->region.allocator->name);
        json_string(json, "sizes", row->sizes);
        json_string(json, "big_o", fits[i].big_o);
        json_number(json, "coefficient_ns", fits[i].coefficient_ns);
        json_number(json, "rms", fits[i].rms);
        json_close(json, '}');
    }
    json_close(json, ']');
    free(fits);
}

static void
write_key(struct json *json, const char *workload, const char *allocator,
          const char *sizes, size_t n)
{
    json_string(json, "workload", workload);
    json_string(json, "allocator", allocator);
    json_string(json, "sizes", sizes);
    json_integer(json, "n", (int64_t) n);
}

static void
write_row_key(struct json *json, const struct row *row)
{
    char allocator[ROW_NAME_MAX];

    if (row->workload == NULL) {
        json_string(json, "workload", "shim");
        return;
    }
    snprintf(allocator, sizeof(allocator), "%s%s", row->region.allocator->name,
             row->key.is_again ? "_again" : "");
    write_key(json, row->workload->name, allocator, row->sizes, row->region.n);
}

/* google-benchmark 1.7.1 gives a run that failed the same fields. */
static void
write_reading(struct json *json, const struct account *account, size_t row,
              int round)
{
    static const struct reading none;
    const struct row *r = &account->plan->rows[row];
    const struct reading *reading =
        r->reason[0] == '\0' ? &r->readings[round] : &none;

    json_open(json, NULL, '{');
    json_string(json, "name", r->name);
    json_integer(json, "family_index", (int64_t) row);
    json_integer(json, "per_family_instance_index", 0);
    json_string(json, "run_name", r->name);
    json_string(json, "run_type", "iteration");
    json_integer(json, "repetitions", account->rounds->complete);
    json_integer(json, "repetition_index", round);
    json_integer(json, "threads",
                 r->workload != NULL && r->workload->threads > 1
                     ? r->workload->threads
                     : 1);
    write_row_key(json, r);
    if (r->reason[0] != '\0') {
        json_raw(json, "error_occurred", "true");
        json_string(json, "error_message", r->reason);
    } else {
        json_integer(json, "layout", rounds_layout(account->rounds, round));
    }
    if (r->workload != NULL && r->workload->is_replay) {
        write_replay(json, r);
    }
    json_integer(json, "iterations", reading->iterations);
    json_number(json, "real_time", reading->real_ns);
    json_number(json, "cpu_time", reading->cpu_ns);
    json_string(json, "time_unit", "ns");
    if (reading->items_per_second > 0) {
        json_number(json, "items_per_second", reading->items_per_second);
    }
    if (reading->bytes_per_second > 0) {
        json_number(json, "bytes_per_second", reading->bytes_per_second);
    }
    if (reading->first_half_ns > 0) {
        json_number(json, "first_half_ns", reading->first_half_ns);
        json_number(json, "second_half_ns", reading->second_half_ns);
    }
    if (r->workload != NULL && r->reason[0] == '\0') {
        json_number(json, "page_faults", reading->page_faults);
    }
    json_close(json, '}');
}

/* The most that the allocator must hold, against the most that the program has:
 * a region allocator gives little back before a region's end. */
static void
write_replay(struct json *json, const struct row *row)
{
    const struct replay *replay = row->run.replay;

    json_integer(json, "live_bytes", (int64_t) replay->live);
    json_integer(json, "held_bytes",
                 (int64_t) replay_held(replay, row->region.allocator));
}

static void
write_latency(struct json *json, const struct row *row)
{
    const struct latency *latency = row->latency;

    json_open(json, NULL, '{');
    write_row_key(json, row);
    json_integer(json, "regions", (int64_t) latency->regions);
    json_number(json, "p50_ns", latency_percentile(latency, 0.5));
    json_number(json, "p90_ns", latency_percentile(latency, 0.9));
    json_number(json, "p99_ns", latency_percentile(latency, 0.99));
    json_number(json, "p999_ns", latency_percentile(latency, 0.999));
    json_integer(json, "max_ns", (int64_t) latency->max_ns);
    json_close(json, '}');
}

static void
write_memory(struct json *json, const struct memory_row *row)
{
    json_open(json, NULL, '{');
    json_string(json, "allocator", row->allocator);
    json_string(json, "sizes", row->sizes);
    json_integer(json, "n", (int64_t) row->n);
    if (row->reason[0] != '\0') {
        json_string(json, "error_message", row->reason);
    } else {
        json_integer(json, "regions", (int64_t) row->regions);
        json_integer(json, "asked_bytes", (int64_t) row->asked);
        json_integer(json, "virtual_bytes", (int64_t) row->figures.data);
        json_integer(json, "resident_bytes", (int64_t) row->figures.resident);
        json_integer(json, "kept_bytes", (int64_t) row->figures.kept);
    }
    json_close(json, '}');
}

static void
write_command(const struct account *account, FILE *file)
{
    for (int i = 0; i < account->results->argc; i++) {
        fputs(i > 0 ? " " : "", file);
        write_quoted(file, account->results->argv[i]);
    }
    fputc('\n', file);
}

/* So that a shell reads the same word. */
static void
write_quoted(FILE *file, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "%+,-./:=@_";

    if (*word != '\0' && word[strspn(word, plain)] == '\0') {
        fputs(word, file);
        return;
    }
    fputc('\'', file);
    for (; *word != '\0'; word++) {
        if (*word == '\'') {
            fputs("'\\''", file);
        } else {
            fputc(*word, file);
        }
    }
    fputc('\'', file);
}

/* Prints a message; returns err. */
static int
fail(const char *path, int err)
{
    fprintf(stderr, "bench: %s: %s\n", path, strerror(-err));
    return err;
}
