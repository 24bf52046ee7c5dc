/*
 * A second opinion on the rows fill/ALLOCATOR/lognormal/N, for agree.py: it has
 * no line of the harness. Prints ns of CPU time an allocation, of each run.
 *
 * usage: independent pool|apr_limit|tcmalloc N SIZES.csv
 */
#include <apr_general.h>
#include <apr_pools.h>
#include <dlfcn.h>
#include <ngx_config.h>
#include <ngx_core.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    SAMPLES = 16384,
    MOST = 1000,
    OPS = 400000,
    RUNS = 21,
};

static unsigned sizes[SAMPLES + MOST];
static char *objects[MOST];
static void *(*tc_malloc)(size_t size);
static void (*tc_free)(void *p);
static apr_allocator_t *keeper;

/* n allocations of the next sizes, written at both ends. */
#define FILL(allocate)                                                         \
    for (int i = 0; i < n; i++) {                                              \
        size_t size = next[i];                                                 \
        char *p = allocate;                                                    \
        p[0] = (char) i;                                                       \
        p[size - 1] = (char) i;                                                \
        objects[i] = p;                                                        \
    }

static void
fill_pool(const unsigned *next, int n)
{
    ngx_pool_t *pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, NULL);
    FILL(ngx_palloc(pool, size))
    ngx_destroy_pool(pool);
}

static void
fill_apr_limit(const unsigned *next, int n)
{
    apr_pool_t *pool = NULL;
    apr_pool_create_unmanaged_ex(&pool, NULL, keeper);
    FILL(apr_palloc(pool, size))
    apr_pool_destroy(pool);
}

static void
fill_tcmalloc(const unsigned *next, int n)
{
    FILL(tc_malloc(size))
    for (int i = 0; i < n; i++) {
        tc_free(objects[i]);
    }
}

int
main(int argc, char **argv)
{
    void (*fill)(const unsigned *next, int n) = fill_tcmalloc;
    void *library = dlopen("libtcmalloc_minimal.so.4", RTLD_NOW);
    FILE *csv = argc == 4 ? fopen(argv[3], "r") : NULL;
    int n = csv != NULL ? atoi(argv[2]) : 0;
    unsigned values[SAMPLES], bytes = 0, weight = 0, count = 0;
    char line[256];

    if (n < 1 || n > MOST || library == NULL || apr_initialize() != 0 ||
        apr_allocator_create(&keeper) != 0) {
        fputs("independent: no such N, SIZES.csv, tcmalloc or APR\n", stderr);
        return 1;
    }
    fill = argv[1][0] == 'p' ? fill_pool : fill;
    fill = argv[1][0] == 'a' ? fill_apr_limit : fill;
    apr_allocator_max_free_set(keeper, 16 << 20);
    *(void **) &tc_malloc = dlsym(library, "malloc");
    *(void **) &tc_free = dlsym(library, "free");
    while (fgets(line, sizeof(line), csv) != NULL) {
        for (sscanf(line, "%u,%u", &bytes, &weight); weight > 0; weight--) {
            values[count++ % SAMPLES] = bytes;
        }
    }
    for (int i = 0; i < SAMPLES + MOST; i++) {
        sizes[i] = values[(unsigned long) random() % count];
    }
    for (int i = 0; i < RUNS; i++) {
        clock_t start = clock();
        for (int done = 0; done < OPS; done += n) {
            fill(sizes + done % SAMPLES, n);
        }
        printf("%g\n", 1e9 / CLOCKS_PER_SEC / OPS * (double) (clock() - start));
    }
}
