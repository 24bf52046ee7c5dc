/*
 * The costs and savings of a bound at which the pool takes a block as full.
 * left_bound.py compiles this with the pool's sources, each time with another
 * bound.
 *
 * usage: left_bound SIZES REGIONS
 *
 * SIZES is a file of bench/sizes/. Prints nanoseconds an allocation of REGIONS
 * times N_REGION allocations and a reset; then the bytes of all blocks and
 * large allocations over the bytes asked for, of fresh pools of N_FRESH
 * allocations, for each block size.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "plan/sizes.h"
#include "workload.h"

#include <ngx_config.h>
#include <ngx_core.h>

enum {
    N_REGION = 1000,
    N_FRESH = 30000,
    SAMPLES = 32 * 1024, /* more than N_FRESH */
};

static double
now(void)
{
    struct timespec time;

    (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return 1e9 * (double) time.tv_sec + (double) time.tv_nsec;
}

static inline void *
pool_alloc(void *state, size_t size)
{
    return ngx_palloc(state, size);
}

/* Returns ns an allocation. */
static double
fill_reset(const uint32_t *samples, long regions)
{
    static void *pointers[N_REGION];
    ngx_pool_t *pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, NULL);
    struct region region = {
        .n = N_REGION,
        .samples = samples,
        .period = SAMPLES,
        .pointers = pointers,
        .state = pool,
    };
    double start = now();

    for (long i = 0; i < regions; i++) {
        if (pool == NULL || region_fill_with(&region, pool_alloc) != 0) {
            abort();
        }
        ngx_reset_pool(pool);
    }
    start = (now() - start) / ((double) regions * N_REGION);
    ngx_destroy_pool(pool);
    return start;
}

/* Returns the bytes taken over those asked for. */
static double
fresh(const uint32_t *samples, size_t block_size)
{
    ngx_pool_t *pool = ngx_create_pool(block_size, NULL);
    double asked = 0;
    double taken = 0;
    ngx_pool_stats_t stats;

    for (size_t i = 0; i < N_FRESH; i++) {
        if (pool == NULL || ngx_palloc(pool, samples[i]) == NULL) {
            abort();
        }
        asked += samples[i];
        taken += samples[i] > pool->max ? samples[i] : 0;
    }
    ngx_pool_stats(pool, &stats);
    ngx_destroy_pool(pool);
    return (taken + (double) stats.size) / asked;
}

int
main(int argc, char **argv)
{
    static const size_t block_sizes[] = {1024, 4096, 16384};
    static uint32_t samples[SAMPLES];
    char error[SIZES_ERROR_MAX] = "expected SIZES and REGIONS";
    struct sizes *sizes = argc == 3 ? sizes_create(argv[1], error) : NULL;

    if (sizes == NULL) {
        fprintf(stderr, "left_bound: %s\n", error);
        return EXIT_FAILURE;
    }
    sizes_sample(sizes, samples, SAMPLES);
    sizes_destroy(sizes);
    printf("%.3f", fill_reset(samples, strtol(argv[2], NULL, 10)));
    for (size_t i = 0; i < sizeof(block_sizes) / sizeof(*block_sizes); i++) {
        printf(" %.4f", fresh(samples, block_sizes[i]));
    }
    printf("\n");
    return EXIT_SUCCESS;
}
