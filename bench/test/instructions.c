/*
 * The repeated work of an allocator, for callgrind, which counts the cost of
 * one more iteration. instructions.py has the bars.
 *
 * usage: instructions MODE ITERATIONS
 *
 * MODE is a kind and a peer, such as fill_pool. The kinds:
 * - request: create a region, the 24 small allocations of an nginx request,
 *   destroy it.
 * - one: ONE_TIMES allocations that all fit into the pool's first block.
 * - fill: FILL_N allocations of bench/sizes/lognormal.csv, then a reset: the
 *   loop and the sizes of the rows fill_reset.
 *
 * The peers: pool, pool_inline, nginx, apr, and empty, which is no allocator
 * but the cost of the loops by themselves.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/sizes.h"
#include "workload.h"

#include <ngx_config.h>
#include <ngx_core.h>

#if defined(BENCH_APR)
#include <apr_allocator.h>
#include <apr_general.h>
#include <apr_pools.h>
#endif

#if defined(BENCH_NGINX)
void *nginx_create_pool(size_t size, ngx_log_t *log);
void nginx_reset_pool(void *pool);
void nginx_destroy_pool(void *pool);
void *nginx_palloc(void *pool, size_t size);
extern ngx_uint_t nginx_pagesize;
#endif

enum {
    REQUEST_POOL = 4096,
    ONE_SIZE = 40,
    ONE_TIMES = 100,            /* an iteration */
    ONE_POOL = 8 * 1024 * 1024, /* for 2,000 iterations */
    FILL_POOL = NGX_DEFAULT_POOL_SIZE,
    FILL_N = 1000,
    FILL_PERIOD = 16 * 1024, /* samples: PLAN_PERIOD */
};

/* bench/sizes/nginx_request.csv without the body buffer, which is large. */
#define REQUEST(X)                                                             \
    X(1304)                                                                    \
    X(1120)                                                                    \
    X(224)                                                                     \
    X(384)                                                                     \
    X(208)                                                                     \
    X(1120)                                                                    \
    X(4)                                                                       \
    X(10)                                                                      \
    X(6)                                                                       \
    X(31)                                                                      \
    X(31)                                                                      \
    X(24)                                                                      \
    X(24)                                                                      \
    X(43)                                                                      \
    X(80)                                                                      \
    X(200)                                                                     \
    X(80)                                                                      \
    X(256)                                                                     \
    X(16)                                                                      \
    X(104)                                                                     \
    X(16)                                                                      \
    X(80)                                                                      \
    X(16)                                                                      \
    X(120)

/* Compiled into each kind's loop, so that the peer's functions are called as
 * its users' code calls them. */
#define LOOP static inline __attribute__((always_inline))

struct peer {
    void *(*create)(size_t size);
    void *(*alloc)(void *state, size_t size);
    void (*reset)(void *state);
    void (*destroy)(void *state);
};

LOOP void
request(const struct peer *peer, long iterations)
{
    while (iterations-- > 0) {
        void *state = peer->create(REQUEST_POOL);

#define CALL(size) (void) peer->alloc(state, size);
        REQUEST(CALL)
#undef CALL
        peer->destroy(state);
    }
}

/* As code that uses its allocations: nothing of the pool stays in a register
 * from one allocation to the next. */
LOOP void
one(const struct peer *peer, long iterations)
{
    void *state = peer->create(ONE_POOL);

    while (iterations-- > 0) {
        for (int i = 0; i < ONE_TIMES; i++) {
            void *p = peer->alloc(state, ONE_SIZE);

            __asm__ volatile("" : : "r"(p) : "memory");
        }
    }
    peer->destroy(state);
}

LOOP void
fill(const struct peer *peer, long iterations)
{
    static uint32_t samples[FILL_PERIOD];
    static void *pointers[FILL_N];
    struct region region = {
        .n = FILL_N,
        .samples = samples,
        .period = FILL_PERIOD,
        .pointers = pointers,
        .state = peer->create(FILL_POOL),
    };
    char error[SIZES_ERROR_MAX];
    struct sizes *sizes = sizes_create(BENCH_SIZES_DIR "/lognormal.csv", error);

    if (sizes == NULL || region.state == NULL) {
        abort();
    }
    sizes_sample(sizes, samples, FILL_PERIOD);
    sizes_destroy(sizes);
    while (iterations-- > 0) {
        if (region_fill_with(&region, peer->alloc) != 0) {
            abort();
        }
        peer->reset(region.state);
    }
    peer->destroy(region.state);
}

static inline void *
pool_create(size_t size)
{
    return ngx_create_pool(size, NULL);
}

static inline void *
pool_alloc(void *state, size_t size)
{
    return ngx_palloc(state, size);
}

static inline void *
pool_alloc_inline(void *state, size_t size)
{
    return ngx_palloc_inline(state, size);
}

static inline void
pool_reset(void *state)
{
    ngx_reset_pool(state);
}

static inline void
pool_destroy(void *state)
{
    ngx_destroy_pool(state);
}

static const struct peer pool = {
    pool_create,
    pool_alloc,
    pool_reset,
    pool_destroy,
};

static const struct peer pool_inline = {
    pool_create,
    pool_alloc_inline,
    pool_reset,
    pool_destroy,
};

/* As large as the largest size of fill, which is written. */
static inline void *
empty_create(size_t size)
{
    static char memory[NGX_DEFAULT_POOL_SIZE];

    (void) size;
    return memory;
}

static inline void *
empty_alloc(void *state, size_t size)
{
    (void) size;
    return state;
}

static inline void
empty_end(void *state)
{
    (void) state;
}

static const struct peer empty = {
    empty_create,
    empty_alloc,
    empty_end,
    empty_end,
};

#if defined(BENCH_NGINX)

static inline void *
nginx_create(size_t size)
{
    nginx_pagesize = ngx_pagesize;
    return nginx_create_pool(size, NULL);
}

static const struct peer nginx = {
    nginx_create,
    nginx_palloc,
    nginx_reset_pool,
    nginx_destroy_pool,
};

#endif

#if defined(BENCH_APR)

/* Blocks stay with the thread's allocator, without a bound: APR's default. */
static apr_allocator_t *apr_allocator;

static inline void *
apr_create(size_t size)
{
    apr_pool_t *created = NULL;

    (void) size;
    (void) apr_pool_create_unmanaged_ex(&created, NULL, apr_allocator);
    return created;
}

static inline void *
apr_alloc(void *state, size_t size)
{
    return apr_palloc(state, size);
}

static inline void
apr_reset(void *state)
{
    apr_pool_clear(state);
}

static inline void
apr_destroy(void *state)
{
    apr_pool_destroy(state);
}

static const struct peer apr = {
    apr_create,
    apr_alloc,
    apr_reset,
    apr_destroy,
};

static void
apr_start(void)
{
    if (apr_initialize() != APR_SUCCESS ||
        apr_allocator_create(&apr_allocator) != APR_SUCCESS) {
        abort();
    }
}

#else

static void
apr_start(void)
{
}

#endif

#if defined(BENCH_NGINX)
#define NGINX(X) KINDS(X, nginx)
#else
#define NGINX(X)
#endif

#if defined(BENCH_APR)
#define APR(X) KINDS(X, apr)
#else
#define APR(X)
#endif

#define KINDS(X, peer) X(request, peer) X(one, peer) X(fill, peer)
#define MODES(X)                                                               \
    KINDS(X, empty) KINDS(X, pool) KINDS(X, pool_inline) NGINX(X) APR(X)

/* Each kind's loop with each peer's functions in it. */
#define RUN(kind, peer)                                                        \
    static void kind##_##peer(long iterations)                                 \
    {                                                                          \
        kind(&peer, iterations);                                               \
    }

#define MODE(kind, peer) {#kind "_" #peer, kind##_##peer},

MODES(RUN)

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(long iterations);
    } modes[] = {MODES(MODE)};

    apr_start();
    for (size_t i = 0; argc == 3 && i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(argv[1], modes[i].name) == 0) {
            modes[i].run(strtol(argv[2], NULL, 10));
            return EXIT_SUCCESS;
        }
    }
    return EXIT_FAILURE;
}
