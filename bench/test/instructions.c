/*
 * The 24 small allocations of an nginx request, create to destroy, over and
 * over; and one allocation that fits, over and over. For callgrind, which
 * counts what one more iteration costs.
 *
 * usage: instructions request|request_inline|request_nginx|one ITERATIONS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ngx_config.h>
#include <ngx_core.h>

#if defined(BENCH_NGINX)
void *nginx_create_pool(size_t size, ngx_log_t *log);
void nginx_destroy_pool(void *pool);
void *nginx_palloc(void *pool, size_t size);
extern ngx_uint_t nginx_pagesize;
#endif

enum {
    REQUEST_POOL = 4096,
    ONE_POOL = 1024 * 1024,
    ONE_SIZE = 40,
    ONE_TIMES = 100, /* an iteration */
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

static void
request(long iterations)
{
    while (iterations-- > 0) {
        ngx_pool_t *pool = ngx_create_pool(REQUEST_POOL, NULL);

#define CALL(size) (void) ngx_palloc(pool, size);
        REQUEST(CALL)
#undef CALL
        ngx_destroy_pool(pool);
    }
}

static void
request_inline(long iterations)
{
    while (iterations-- > 0) {
        ngx_pool_t *pool = ngx_create_pool(REQUEST_POOL, NULL);

#define CALL(size) (void) ngx_palloc_inline(pool, size);
        REQUEST(CALL)
#undef CALL
        ngx_destroy_pool(pool);
    }
}

#if defined(BENCH_NGINX)

static void
request_nginx(long iterations)
{
    nginx_pagesize = ngx_pagesize;
    while (iterations-- > 0) {
        void *pool = nginx_create_pool(REQUEST_POOL, NULL);

#define CALL(size) (void) nginx_palloc(pool, size);
        REQUEST(CALL)
#undef CALL
        nginx_destroy_pool(pool);
    }
}

#endif

/* Not unrolled, so that each allocation is one passage of the same code: what
 * the loop costs besides is its counter, two instructions. */
static void
one(long iterations)
{
    while (iterations-- > 0) {
        ngx_pool_t *pool = ngx_create_pool(ONE_POOL, NULL);

        for (int i = 0; i < ONE_TIMES; i++) {
            (void) ngx_palloc_inline(pool, ONE_SIZE);
        }
        ngx_destroy_pool(pool);
    }
}

/* As one(), without the allocations. */
static void
none(long iterations)
{
    while (iterations-- > 0) {
        ngx_pool_t *pool = ngx_create_pool(ONE_POOL, NULL);

        for (int i = 0; i < ONE_TIMES; i++) {
            __asm__ volatile("" : : "r"(pool) : "memory");
        }
        ngx_destroy_pool(pool);
    }
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(long iterations);
    } modes[] = {
        {"none", none},
        {"one", one},
        {"request", request},
        {"request_inline", request_inline},
#if defined(BENCH_NGINX)
        {"request_nginx", request_nginx},
#endif
    };

    for (size_t i = 0; argc == 3 && i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(argv[1], modes[i].name) == 0) {
            modes[i].run(strtol(argv[2], NULL, 10));
            return EXIT_SUCCESS;
        }
    }
    return EXIT_FAILURE;
}
