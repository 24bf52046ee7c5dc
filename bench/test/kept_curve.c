/*
 * The worth of memory that is kept for the next regions, by the regions' size.
 * For each size and allocator a fresh process makes and destroys one region
 * after the other, as the workload fill does, with nothing above them in
 * malloc()'s heap. Prints three tables: the time of an allocation, the page
 * faults of a region, and the memory that stays resident after the last one.
 *
 * usage: kept_curve [MOST]
 *
 * MOST is the largest region's size in bytes; without it, 64 MiB.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "measure/memory.h"
#include "plan/sizes.h"
#include "workload.h"

#include <ngx_config.h>
#include <ngx_core.h>

enum {
    KIB = 1024,
    MIB = 1024 * 1024,

    PERIOD = 16 * KIB, /* samples */

    /* A thread releases memory that its last 64 regions did not need. So as
     * many regions come before the clock starts. */
    WARM_UP = 64,
    REGIONS = 64,                  /* that are measured, at least */
    ALLOCATIONS = 4 * 1000 * 1000, /* in regions that are measured, at least */
};

/* A region that asks for 16 MiB takes a little more, so it is beyond the pool's
 * limit, where one of 15 MiB is not. */
static const size_t region_sizes[] = {
    16 * KIB, 64 * KIB, 256 * KIB, 1 * MIB,  4 * MIB,
    8 * MIB,  15 * MIB, 16 * MIB,  32 * MIB, 64 * MIB,
};

static const char *const names[] = {
    "pool", "apr_limit", "pool_unbounded", "apr", "nginx",
};

enum {
    SIZES = sizeof(region_sizes) / sizeof(region_sizes[0]),
    NAMES = sizeof(names) / sizeof(names[0]),
};

struct figures {
    int is_there;
    double ns;     /* of an allocation */
    double faults; /* of a region */
    double kept;   /* MiB */
};

/* A moment of the process. */
struct moment {
    double ns;
    long faults;
};

static struct moment
moment(void)
{
    struct timespec time;
    struct rusage usage;

    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) != 0 ||
        getrusage(RUSAGE_SELF, &usage) != 0) {
        abort();
    }
    return (struct moment){1e9 * (double) time.tv_sec + (double) time.tv_nsec,
                           usage.ru_minflt};
}

static int
run(struct region *region, size_t count)
{
    return workload_fill.batch(region, count);
}

/* Leaves figures alone where the allocator is not there or memory runs out. */
static void
measure(struct region *region, struct figures *figures)
{
    char reason[ALLOCATOR_REASON_MAX];
    size_t regions = ALLOCATIONS / region->n;
    struct memory_usage before;
    struct memory_usage after;
    struct moment start;
    struct moment end;

    region->library = region->allocator->open(reason);
    region->pointers = malloc(region->n * sizeof(*region->pointers));
    if (region->library == NULL || region->pointers == NULL) {
        return;
    }
    memset(region->pointers, 1, region->n * sizeof(*region->pointers));
    regions = regions > REGIONS ? regions : REGIONS;
    heap_settle(NGX_DEFAULT_POOL_SIZE);

    if (memory_read(&before) != 0 || run(region, WARM_UP) != 0) {
        return;
    }
    start = moment();
    if (run(region, regions) != 0) {
        return;
    }
    end = moment();
    if (memory_read(&after) != 0) {
        return;
    }
    *figures = (struct figures){
        .is_there = 1,
        .ns = (end.ns - start.ns) / (double) (regions * region->n),
        .faults = (double) (end.faults - start.faults) / (double) regions,
        .kept = ((double) after.resident - (double) before.resident) / MIB,
    };
}

/* In a process of its own, which shares nothing but *figures. */
static void
measure_apart(struct region *region, struct figures *figures)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        measure(region, figures);
        _exit(EXIT_SUCCESS);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        fprintf(stderr, "kept_curve: a process failed\n");
        exit(EXIT_FAILURE);
    }
}

static double
ns_of(const struct figures *figures)
{
    return figures->ns;
}

static double
faults_of(const struct figures *figures)
{
    return figures->faults;
}

static double
kept_of(const struct figures *figures)
{
    return figures->kept;
}

static void
print(const char *title, struct figures figures[SIZES][NAMES], size_t most,
      double (*value)(const struct figures *))
{
    printf("| %s |", title);
    for (size_t j = 0; j < NAMES; j++) {
        printf(" %s |", names[j]);
    }
    printf("\n|---|");
    for (size_t j = 0; j < NAMES; j++) {
        printf("---:|");
    }
    printf("\n");
    for (size_t i = 0; i < SIZES && region_sizes[i] <= most; i++) {
        if (region_sizes[i] < MIB) {
            printf("| %zu KiB |", region_sizes[i] / KIB);
        } else {
            printf("| %zu MiB |", region_sizes[i] / MIB);
        }
        for (size_t j = 0; j < NAMES; j++) {
            if (figures[i][j].is_there) {
                printf(" %.2f |", value(&figures[i][j]));
            } else {
                printf(" |");
            }
        }
        printf("\n");
    }
    printf("\n");
}

int
main(int argc, char **argv)
{
    static uint32_t samples[PERIOD];
    size_t most = argc > 1 ? strtoull(argv[1], NULL, 10) : SIZE_MAX;
    char error[SIZES_ERROR_MAX];
    struct sizes *sizes = sizes_create(BENCH_SIZES_DIR "/lognormal.csv", error);
    struct figures(*figures)[NAMES] =
        mmap(NULL, SIZES * sizeof(*figures), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    double mean;

    if (sizes == NULL || figures == MAP_FAILED) {
        fprintf(stderr, "kept_curve: %s\n",
                sizes == NULL ? error : "out of memory");
        return EXIT_FAILURE;
    }
    mean = sizes_mean(sizes);
    sizes_sample(sizes, samples, PERIOD);
    sizes_destroy(sizes);

    for (size_t i = 0; i < SIZES && region_sizes[i] <= most; i++) {
        for (size_t j = 0; j < NAMES; j++) {
            struct region region = {
                .allocator = allocator_find(names[j]),
                .n = (size_t) ((double) region_sizes[i] / mean),
                .size = region_sizes[i],
                .samples = samples,
                .period = PERIOD,
            };

            measure_apart(&region, &figures[i][j]);
        }
    }
    print("ns an allocation", figures, most, ns_of);
    print("page faults a region", figures, most, faults_of);
    print("MiB kept", figures, most, kept_of);
    return EXIT_SUCCESS;
}
