/*
 * exhaust: runs every program of up to N boundary ops, and again with each
 * allocation from the system failing. Each program must keep every promise of
 * fuzz/oracles/. The longest programs have only the ops of alphabet, all others
 * those of rest, too.
 *
 *     exhaust [--ops N] [--part I/N] [--jobs N]
 *     exhaust --program 'OP; OP; ...'     runs this program alone
 *
 * - Shorter programs come first, so that a failing program is a shortest one.
 * - The starts below are programs that bring a pool into a state that a few ops
 *   do not reach. After each start, programs have two ops less.
 * - --part runs the I'th of N parts. The other parts may run on other machines
 *   or at other times.
 * - A program that is equal to a shorter one is left out: an op that makes no
 *   call adds nothing, and the first pool is created before the second one.
 * - At most one allocation from the system fails in a program: the first to
 *   fourth of each op, and of the handlers that run at the program's end.
 *
 * Exit status: 0 when no program fails; 1 when a program breaks a promise,
 * crashes or does not end, which is printed with the command that repeats it; 2
 * for wrong usage.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "heap.h"
#include "program.h"
#include "run.h"

enum {
    OPS_DEFAULT = 5,
    OPS_MAX = 12,
    START_COST = 2, /* ops less after a start */

    /* A unit is all programs with the same first two ops. A process that has
     * finished a unit takes the next one. */
    UNIT_OPS = 2,

    FAULTS = 4, /* the allocations that fail_alloc can reach */

    JOBS_MAX = 64,
    PROGRAM_OPS_MAX = 64,
    PROGRAM_SIZE_MAX = PROGRAM_OPS_MAX * OP_SIZE_MAX,
    TEXT_SIZE_MAX = PROGRAM_OPS_MAX * OP_TEXT_SIZE,

    /* A program takes microseconds. One that takes as much CPU time as this, or
     * that waits as long, does not end. */
    HANG_CPU_SECONDS = 1,
    HANG_SECONDS = 10,
    CHECKS_A_SECOND = 4, /* of the processes */

    SHOW_SECONDS = 5, /* between two lines of progress */
    STATUS_USAGE = 2,
};

/*
 * The ops of all programs. Sizes of pools: too small, the header alone, an odd
 * end, a usual one, one whose max is limited by the page, and another one of
 * the same hash. Sizes of allocations: 0, 1, all free bytes and one more, max
 * and one more. Limits of kept memory: one block, and far above.
 */
static const char alphabet[] = "create p0 max-1; "
                               "create p0 max+0; "
                               "create p0 201; "
                               "create p0 1000; "
                               "create p0 page+1; "
                               "create p1 1087; "
                               "palloc p0 0; "
                               "palloc p0 1; "
                               "palloc p0 left+0; "
                               "palloc p0 left+1; "
                               "palloc p0 max+0; "
                               "palloc p0 max+1; "
                               "palloc p1 max+1; "
                               "pnalloc p0 1; "
                               "pnalloc p0 left+0; "
                               "pcalloc p0 left+1; "
                               "pcalloc p0 max+1; "
                               "pmemalign p0 #3 1; "
                               "pfree_twice p0 #0; "
                               "pfree_large p0 #1; "
                               "pfree_small p0 #0; "
                               "pfree_null p0; "
                               "cleanup p0 #1 max+0; "
                               "cleanup p0 #3 0; "
                               "cleanup p0 #0 max+1; "
                               "cleanup_file p0 #1; "
                               "run_cleanup_file p0 #1; "
                               "reset p0; "
                               "destroy p0; "
                               "destroy p1; "
                               "cache_limit 1024; "
                               "cache_limit 1099511627776; "
                               "cache_trim; ";

/* The ops that the longest programs leave out: sizes that no system has,
 * alignments, declined frees, failing files, arrays that grow in place. */
static const char rest[] = "create p0 140737488355328; "
                           "palloc p0 max+3; "
                           "palloc p0 top-0; "
                           "palloc p0 140737488355336; "
                           "pcalloc p0 1; "
                           "pmemalign p0 #12 1; "
                           "pmemalign p0 #18 1; "
                           "pfree_inner p0 #0 0; "
                           "pfree_stale p0 #0; "
                           "cleanup p0 #0 top-0; "
                           "cleanup p0 #0 140737488355336; "
                           "cleanup_cancel p0 #0; "
                           "delete_file p0 #1; "
                           "run_cleanup_file p0 #0; "
                           "fail_files #2; "
                           "tail_shrink p0 1; "
                           "tail_grow p0 1; "
                           "cache_limit 0; ";

/*
 * In this order:
 *
 * - no ops;
 * - a list that becomes an index after the next search;
 * - a list that nearly fills half of an index;
 * - an index that is nearly full;
 * - an index whose allocations the thread will keep;
 * - blocks that will not be tried after one or two more failures;
 * - memory that the thread keeps of a pool with all of this.
 */
static const char *const starts[] = {
    "",
    "create p0 1000; palloc p0 max+1; again #14",
    "create p0 1000; palloc p0 max+1; again #15; again #13",
    "create p0 4096; palloc p0 max+1; again #15; again #15; again #14;"
    "pfree_foreign p0 #0; palloc p0 max+1; again #6",
    "cache_limit 1099511627776; create p0 1000; palloc p0 max+1; again #15;"
    "pfree_foreign p0 #0",
    "create p0 1000; palloc p0 800; palloc p0 900; again #2",
    "cache_limit 1099511627776; create p0 1000; palloc p0 900; again #1;"
    "palloc p0 max+1; palloc p0 2000; palloc p0 max+1; destroy p0;"
    "create p0 201; palloc p0 max+1; reset p0",
};

enum {
    STARTS = sizeof(starts) / sizeof(starts[0]),
};

/* A program that grows op by op. */
struct sequence {
    struct program_end end;
    size_t count; /* ops */
    size_t size;
    int has_pool; /* an op creates the first pool */
};

/* The outcome of a program. */
struct outcome {
    size_t effective;
    size_t calls;     /* requests to the system, by the last op */
    size_t end_calls; /* requests to the system, after the last op */
    size_t refusals;
};

/* The state of a process that runs programs. The parent process reads it. */
struct worker {
    _Atomic size_t started; /* programs */
    size_t done;            /* programs that count for this process */
    size_t size;            /* of the last program that was started */
    uint8_t data[PROGRAM_SIZE_MAX];
};

/* The memory that all processes share. */
struct shared {
    pid_t parent;
    _Atomic size_t next; /* the first unit that no process has taken */
    struct worker workers[JOBS_MAX];
};

/* A round: all programs of ops ops after one start. */
struct search {
    struct worker *worker;
    size_t start;
    size_t ops;
    size_t symbols; /* ops of the alphabet that the round has */
    size_t unit;    /* the number of the unit that comes next */
    size_t taken;   /* the number of the unit that this process has taken */
    int is_first;   /* this process counts the programs that all repeat */
};

struct options {
    size_t ops;
    size_t part;
    size_t parts;
    size_t jobs;
    const char *program;
};

static const struct run_options run_options = {
    .redzone = NGX_POOL_REDZONE,
    .is_marked = NGX_POOL_POISON,
    .only = RUN_ALL,
    .palloc = FUZZ_INLINED ? ngx_palloc_inline : ngx_palloc,
    .pnalloc = FUZZ_INLINED ? ngx_pnalloc_inline : ngx_pnalloc,
};

static struct options options = {.ops = OPS_DEFAULT, .part = 1, .parts = 1};
static struct shared *shared;
static struct op symbols[PROGRAM_OPS_MAX];
static size_t symbol_count; /* ops of alphabet */
static size_t all_count;    /* ops of alphabet and rest */
static const char *self_path;

/* heap_calls() around a program's last op, by the executor's notes. */
static struct {
    size_t last; /* number of the program's last op, from 1 */
    size_t before;
    size_t after;
    int has_begun;
} noted;

static int parse_options(int argc, char **argv);
static int parse_part(const char *text);
static int parse_number(const char *text, size_t least, size_t most,
                        size_t *ret_number);
static int usage(FILE *out);

static void read_alphabet(void);
static size_t read_symbols(const char *text, size_t count);
static int search_all(void);
static size_t start_cost(size_t start);
static size_t search_round(size_t start, size_t ops);
static void worker_run(struct worker *worker, size_t start, size_t ops);
static int unit_take(struct search *search);
static void extend(struct search *search, struct sequence sequence,
                   size_t depth, int has_fault, const struct outcome *before);
static void extend_failing(struct search *search, struct sequence sequence,
                           size_t depth, const struct op *op,
                           const struct outcome *without);
static void visit(struct search *search, struct sequence sequence, size_t depth,
                  int has_fault, const struct outcome *outcome);
static void fail_at_end(struct search *search, struct sequence sequence,
                        const struct outcome *outcome);
static void count_program(struct search *search, size_t depth);

static void sequence_start(struct worker *worker, struct sequence *sequence,
                           size_t start);
static void sequence_add(struct worker *worker, struct sequence *sequence,
                         const struct op *op);
static struct outcome sequence_run(struct worker *worker,
                                   const struct sequence *sequence,
                                   size_t checked);
static void note(const struct source_call *call);

static void watch(size_t jobs, const pid_t *pids, size_t ops,
                  struct worker **ret_found, const char **ret_signal);
static void kill_all(size_t jobs, const pid_t *pids);
static size_t total_done(size_t jobs);
static int report(const struct worker *worker, const char *signal);
static int survives(const uint8_t *data, size_t size);
static void print_line(const uint8_t *data, size_t size, FILE *out);
static size_t program_read(const char *text, uint8_t *ret_data);
static double seconds_now(void);
static double seconds_of(pid_t pid);
static double seconds_used(void);

int
main(int argc, char **argv)
{
    const struct rlimit no_core = {0, 0};
    sigset_t child_ends;

    self_path = argv[0];
    if (parse_options(argc, argv) != 0) {
        return usage(stderr);
    }
    read_alphabet();
    (void) setrlimit(RLIMIT_CORE, &no_core);
    (void) sigemptyset(&child_ends);
    (void) sigaddset(&child_ends, SIGCHLD);
    (void) sigprocmask(SIG_BLOCK, &child_ends, NULL);

    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        fprintf(stderr, "exhaust: mmap: %s\n", strerror(errno));
        return STATUS_USAGE;
    }
    if (options.program != NULL) {
        struct worker *worker = &shared->workers[0];

        worker->size = program_read(options.program, worker->data);
        if (worker->size == 0) {
            return STATUS_USAGE;
        }
        return survives(worker->data, worker->size) ? EXIT_SUCCESS
                                                    : EXIT_FAILURE;
    }
    return search_all();
}

/* Returns 0, or -1. */
static int
parse_options(int argc, char **argv)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int i;

    options.jobs = processors < 1          ? 1
                   : processors > JOBS_MAX ? JOBS_MAX
                                           : (size_t) processors;
    for (i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        int rc = -1;

        if (strcmp(argv[i], "--help") == 0) {
            exit(usage(stdout));
        } else if (strcmp(argv[i], "--ops") == 0) {
            rc = parse_number(value, 1, OPS_MAX, &options.ops);
        } else if (strcmp(argv[i], "--jobs") == 0) {
            rc = parse_number(value, 1, JOBS_MAX, &options.jobs);
        } else if (strcmp(argv[i], "--part") == 0) {
            rc = parse_part(value);
        } else if (strcmp(argv[i], "--program") == 0) {
            options.program = value;
            rc = 0;
        }
        if (rc != 0) {
            fprintf(stderr, "exhaust: found %s %s\n", argv[i], value);
            return -1;
        }
    }
    return 0;
}

static int
parse_part(const char *text)
{
    char part[16];
    const char *slash = strchr(text, '/');

    if (slash == NULL || (size_t) (slash - text) >= sizeof(part)) {
        return -1;
    }
    memcpy(part, text, (size_t) (slash - text));
    part[slash - text] = '\0';
    return parse_number(slash + 1, 1, SIZE_MAX, &options.parts) != 0
               ? -1
               : parse_number(part, 1, options.parts, &options.part);
}

static int
parse_number(const char *text, size_t least, size_t most, size_t *ret_number)
{
    char *end;
    unsigned long number;

    errno = 0;
    number = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 ||
        number < least || number > most) {
        return -1;
    }
    *ret_number = number;
    return 0;
}

static int
usage(FILE *out)
{
    fprintf(out,
            "usage: exhaust [--ops N] [--part I/N] [--jobs N]\n"
            "       exhaust --program 'OP; OP; ...'\n"
            "Runs every program of up to N boundary ops (%d; at most %d), and\n"
            "again with each allocation failing; or the I'th of N parts.\n",
            OPS_DEFAULT, OPS_MAX);
    return out == stdout ? EXIT_SUCCESS : STATUS_USAGE;
}

static void
read_alphabet(void)
{
    symbol_count = read_symbols(alphabet, 0);
    all_count = read_symbols(rest, symbol_count);
}

/* Appends text's ops to the first count symbols. Returns the new count. */
static size_t
read_symbols(const char *text, size_t count)
{
    uint8_t data[PROGRAM_SIZE_MAX];
    struct program program;

    program_init(&program, data, program_read(text, data));
    while (program_next(&program, &symbols[count])) {
        count++;
    }
    return count;
}

/* Shorter programs come first. After a start, a program counts as START_COST
 * ops longer. */
static int
search_all(void)
{
    double began = seconds_now();
    double used = seconds_used();
    size_t done = 0;
    size_t ops;
    size_t start;

    for (ops = 1; ops <= options.ops; ops++) {
        size_t before = done;

        for (start = 0; start < STARTS; start++) {
            size_t tried = ops - start_cost(start);
            size_t programs;

            if (ops <= start_cost(start)) {
                continue;
            }
            /* Each part runs the programs of up to UNIT_OPS ops. Only the first
             * part counts them. */
            programs = search_round(start, tried);
            done += tried > UNIT_OPS || options.part == 1 ? programs : 0;
        }
        printf("%zu ops: %zu programs, %.1f s, %.1f s of processors\n", ops,
               done - before, seconds_now() - began, seconds_used() - used);
        (void) fflush(stdout);
    }
    printf("nothing found in %zu programs\n", done);
    return EXIT_SUCCESS;
}

/* Returns how many ops less the programs after a start have. */
static size_t
start_cost(size_t start)
{
    return start == 0 ? 0 : START_COST;
}

/* Runs a round. Returns the number of programs. Exits when a program fails. */
static size_t
search_round(size_t start, size_t ops)
{
    size_t jobs = ops > UNIT_OPS ? options.jobs : 1;
    pid_t pids[JOBS_MAX];
    struct worker *found = NULL;
    const char *signal = NULL;
    size_t i;

    memset(shared, 0, sizeof(*shared));
    shared->parent = getpid();
    shared->next = options.part - 1;
    for (i = 0; i < jobs; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            worker_run(&shared->workers[i], start, ops);
            _exit(EXIT_SUCCESS);
        }
        if (pids[i] < 0) {
            fprintf(stderr, "exhaust: fork: %s\n", strerror(errno));
            kill_all(i, pids);
            exit(STATUS_USAGE);
        }
    }
    watch(jobs, pids, ops, &found, &signal);
    if (found != NULL) {
        kill_all(jobs, pids);
        exit(report(found, signal));
    }
    return total_done(jobs);
}

/* Runs a round's share of programs, in a process of its own. */
static void
worker_run(struct worker *worker, size_t start, size_t ops)
{
    struct search search = {
        .worker = worker,
        .start = start,
        .ops = ops,
        .symbols =
            ops + start_cost(start) < options.ops ? all_count : symbol_count,
        .is_first = worker == shared->workers,
    };
    struct sequence sequence;
    struct outcome outcome;

    sequence_start(worker, &sequence, start);
    outcome = sequence_run(worker, &sequence, 0);
    search.taken = atomic_fetch_add(&shared->next, options.parts);
    extend(&search, sequence, 0, 0, &outcome);
}

/* Counts a unit. Returns whether this process has taken it, and then takes the
 * next one. */
static int
unit_take(struct search *search)
{
    if (search->unit++ != search->taken) {
        return 0;
    }
    search->taken = atomic_fetch_add(&shared->next, options.parts);
    if (getppid() != shared->parent) {
        _exit(EXIT_FAILURE); /* the parent has ended */
    }
    return 1;
}

/* Runs sequence, which has depth ops and the outcome before, with each op after
 * it. */
static void
extend(struct search *search, struct sequence sequence, size_t depth,
       int has_fault, const struct outcome *before)
{
    size_t i;

    for (i = 0; i < search->symbols; i++) {
        const struct op *op = &symbols[i];
        struct sequence longer = sequence;
        struct outcome outcome;

        if (op->code == OP_CREATE && op->pool != 0 && !sequence.has_pool) {
            continue;
        }
        sequence_add(search->worker, &longer, op);
        outcome = sequence_run(search->worker, &longer, sequence.count);
        if (outcome.effective == before->effective) {
            continue;
        }
        visit(search, longer, depth + 1, has_fault, &outcome);
        if (!has_fault && outcome.calls != 0) {
            extend_failing(search, sequence, depth, op, &outcome);
        }
    }
}

/* Runs sequence and op, while each of op's allocations from the system fails. A
 * program counts only if the system refuses more than without the fault. */
static void
extend_failing(struct search *search, struct sequence sequence, size_t depth,
               const struct op *op, const struct outcome *without)
{
    struct op fault = {.code = OP_FAIL_ALLOC};

    for (; fault.number < FAULTS && fault.number < without->calls;
         fault.number++) {
        struct sequence longer = sequence;
        struct outcome outcome;

        sequence_add(search->worker, &longer, &fault);
        sequence_add(search->worker, &longer, op);
        outcome = sequence_run(search->worker, &longer, sequence.count);
        if (outcome.refusals != without->refusals) {
            visit(search, longer, depth + 1, 1, &outcome);
        }
    }
}

/* Handles sequence, of depth ops, after it was run: counts or extends it. */
static void
visit(struct search *search, struct sequence sequence, size_t depth,
      int has_fault, const struct outcome *outcome)
{
    if (depth == search->ops) {
        count_program(search, depth);
        if (!has_fault) {
            fail_at_end(search, sequence, outcome);
        }
        return;
    }
    if (depth != UNIT_OPS || unit_take(search)) {
        extend(search, sequence, depth, has_fault, outcome);
    }
}

/* Runs sequence, while the system fails in handlers that run at its end. */
static void
fail_at_end(struct search *search, struct sequence sequence,
            const struct outcome *outcome)
{
    struct op fault = {.code = OP_FAIL_ALLOC};

    for (; fault.number < FAULTS && fault.number < outcome->end_calls;
         fault.number++) {
        struct sequence longer = sequence;

        sequence_add(search->worker, &longer, &fault);
        (void) sequence_run(search->worker, &longer, sequence.count);
        count_program(search, search->ops);
    }
}

/* Counts a program. Each process runs the programs of up to UNIT_OPS ops, but
 * only the first process counts them. */
static void
count_program(struct search *search, size_t depth)
{
    if (depth > UNIT_OPS || search->is_first) {
        search->worker->done++;
    }
}

static void
sequence_start(struct worker *worker, struct sequence *sequence, size_t start)
{
    uint8_t data[PROGRAM_SIZE_MAX];
    struct program program;
    struct op op;

    *sequence = (struct sequence){0};
    sequence->size =
        program_end_init(&sequence->end, OP_VARIABLE, worker->data);
    program_init(&program, data, program_read(starts[start], data));
    while (program_next(&program, &op)) {
        sequence_add(worker, sequence, &op);
    }
}

/* Appends op to sequence. worker->data may have the bytes of a longer program
 * with the same start. */
static void
sequence_add(struct worker *worker, struct sequence *sequence,
             const struct op *op)
{
    sequence->size +=
        program_end_add(&sequence->end, op, worker->data + sequence->size);
    sequence->count++;
    sequence->has_pool |= op->code == OP_CREATE && op->pool == 0;
}

/* Runs sequence and an op nop, whose note shows the end of the last op. An
 * earlier run has checked the first ops. */
static struct outcome
sequence_run(struct worker *worker, const struct sequence *sequence,
             size_t checked)
{
    static const struct op nop = {.code = OP_NOP};
    struct run_options noting = run_options;
    struct program_end end = sequence->end;
    size_t refusals = heap_refusals();
    struct outcome outcome;
    size_t size = sequence->size;

    worker->size = size;
    size += program_end_add(&end, &nop, worker->data + size);
    atomic_fetch_add_explicit(&worker->started, 1, memory_order_relaxed);

    noted.last = sequence->count;
    noted.has_begun = 0;
    noting.note = note;
    noting.checked = checked;
    outcome.effective = run_program(worker->data, size, &noting)->effective;
    outcome.calls = noted.after - noted.before;
    outcome.end_calls = heap_calls() - noted.after;
    outcome.refusals = heap_refusals() - refusals;
    return outcome;
}

static void
note(const struct source_call *call)
{
    if (call->code != SOURCE_OP) {
        return;
    }
    if (call->number == noted.last && !noted.has_begun) {
        noted.has_begun = 1;
        noted.before = heap_calls();
    }
    if (call->number == noted.last + 1) {
        noted.after = heap_calls();
    }
}

/* Waits until all processes have ended, or until one fails or hangs. */
static void
watch(size_t jobs, const pid_t *pids, size_t ops, struct worker **ret_found,
      const char **ret_signal)
{
    const struct timespec pause = {.tv_nsec = 1000000000 / CHECKS_A_SECOND};
    size_t seen[JOBS_MAX] = {0};
    double used[JOBS_MAX] = {0};   /* when it was seen first */
    unsigned idle[JOBS_MAX] = {0}; /* pauses since then */
    int has_ended[JOBS_MAX] = {0};
    size_t running = jobs;
    double shown = seconds_now();
    sigset_t child_ends;
    size_t i;

    (void) sigemptyset(&child_ends);
    (void) sigaddset(&child_ends, SIGCHLD);
    while (running != 0) {
        int is_idle = sigtimedwait(&child_ends, NULL, &pause) < 0;

        for (i = 0; i < jobs; i++) {
            struct worker *worker = &shared->workers[i];
            size_t started = worker->started;
            int status;

            if (has_ended[i]) {
                continue;
            }
            if (waitpid(pids[i], &status, WNOHANG) == pids[i]) {
                has_ended[i] = 1;
                running--;
                if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                    *ret_found = worker;
                    *ret_signal =
                        WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "";
                    return;
                }
                continue;
            }
            if (started != seen[i]) {
                seen[i] = started;
                used[i] = seconds_of(pids[i]);
                idle[i] = 0;
                continue;
            }
            idle[i] += (unsigned) is_idle;
            if (idle[i] >= CHECKS_A_SECOND * HANG_SECONDS ||
                seconds_of(pids[i]) - used[i] >= HANG_CPU_SECONDS) {
                *ret_found = worker;
                *ret_signal = NULL;
                return;
            }
        }
        if (running != 0 && seconds_now() - shown >= SHOW_SECONDS) {
            shown = seconds_now();
            fprintf(stderr, "%zu ops: %zu programs so far\n", ops,
                    total_done(jobs));
        }
    }
}

static void
kill_all(size_t jobs, const pid_t *pids)
{
    size_t i;

    for (i = 0; i < jobs; i++) {
        (void) kill(pids[i], SIGKILL);
        (void) waitpid(pids[i], NULL, 0);
    }
}

static size_t
total_done(size_t jobs)
{
    size_t done = 0;
    size_t i;

    for (i = 0; i < jobs; i++) {
        done += shared->workers[i].done;
    }
    return done;
}

/* signal is the name of the signal that ended the program, or "". NULL: the
 * program did not end. */
static int
report(const struct worker *worker, const char *signal)
{
    size_t size = worker->size;

    printf(signal != NULL ? "FOUND a program that fails (%s):\n"
                          : "FOUND a program that does not end:\n",
           signal);
    program_print(worker->data, size, stdout);
    (void) fflush(stdout);
    if (signal != NULL && survives(worker->data, size)) {
        printf("It fails only after other programs.\n");
    }
    printf("again: %s --program '", self_path);
    print_line(worker->data, size, stdout);
    printf("'\n");
    return EXIT_FAILURE;
}

/* Whether the program ends and keeps every promise, in a process of its own. */
static int
survives(const uint8_t *data, size_t size)
{
    const struct timespec limit = {.tv_sec = HANG_SECONDS};
    sigset_t child_ends;
    pid_t child = fork();
    int status;

    if (child < 0) {
        fprintf(stderr, "exhaust: fork: %s\n", strerror(errno));
        exit(STATUS_USAGE);
    }
    if (child == 0) {
        (void) run_program(data, size, &run_options);
        _exit(EXIT_SUCCESS);
    }
    (void) sigemptyset(&child_ends);
    (void) sigaddset(&child_ends, SIGCHLD);
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (sigtimedwait(&child_ends, NULL, &limit) < 0) {
            fprintf(stderr, "exhaust: no end within %d s\n", HANG_SECONDS);
            (void) kill(child, SIGKILL);
        }
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

static void
print_line(const uint8_t *data, size_t size, FILE *out)
{
    struct program program;
    const char *between = "";
    char text[OP_TEXT_SIZE];
    struct op op;

    program_init(&program, data, size);
    while (program_next(&program, &op)) {
        op_print(&op, text);
        fprintf(out, "%s%s", between, text);
        between = "; ";
    }
}

/* Makes a program of ops that ';' parts. Returns its size, or 0 with a
 * message. */
static size_t
program_read(const char *text, uint8_t *ret_data)
{
    char lines[TEXT_SIZE_MAX];
    size_t size;
    char *end;

    if (strlen(text) >= sizeof(lines)) {
        fprintf(stderr,
                "exhaust: found a program of %zu bytes, expected at most %zu\n",
                strlen(text), sizeof(lines) - 1);
        return 0;
    }
    strcpy(lines, text);
    for (end = lines; (end = strchr(end, ';')) != NULL;) {
        *end = '\n';
    }
    if (program_parse(lines, OP_VARIABLE, ret_data, PROGRAM_SIZE_MAX, &size) !=
        0) {
        fprintf(stderr, "exhaust: op %zu of '%s' is no op; see ngxops list\n",
                size, text);
        return 0;
    }
    return size;
}

static double
seconds_now(void)
{
    struct timespec now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + 1e-9 * (double) now.tv_nsec;
}

/* Returns the CPU time of a process that runs. */
static double
seconds_of(pid_t pid)
{
    struct timespec used;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0 ||
        clock_gettime(clock, &used) != 0) {
        return 0;
    }
    return (double) used.tv_sec + 1e-9 * (double) used.tv_nsec;
}

/* Returns the CPU time of the processes that have ended: also of those that a
 * shell had, before it became this program. */
static double
seconds_used(void)
{
    struct rusage usage;

    (void) getrusage(RUSAGE_CHILDREN, &usage);
    return (double) usage.ru_utime.tv_sec + (double) usage.ru_stime.tv_sec +
           1e-6 * (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}
