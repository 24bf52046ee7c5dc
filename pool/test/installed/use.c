/*
 * A program of a user who has nothing but the installed library, in C or C++.
 * It calls each function of the API once and prints the first check that fails.
 */
#include <ngx_palloc.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);    \
            exit(1);                                                           \
        }                                                                      \
    } while (0)

static int lines;
static int runs;

static void
count_line(ngx_log_t *log, ngx_uint_t level, u_char *buf, size_t len)
{
    CHECK(log->wdata == &lines && level <= NGX_LOG_DEBUG);
    CHECK(len > 0 && buf[0] != '\0');
    lines++;
}

static void
count_run(void *data)
{
    CHECK(*(int *) data == 42);
    runs++;
}

static void
add_count(ngx_pool_t *pool)
{
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(pool, sizeof(int));

    CHECK(cleanup != NULL && cleanup->handler == NULL);
    *(int *) cleanup->data = 42;
    cleanup->handler = count_run;
}

static int
add_file(ngx_pool_t *pool, ngx_pool_cleanup_pt handler, const char *name)
{
    ngx_pool_cleanup_t *cleanup =
        ngx_pool_cleanup_add(pool, sizeof(ngx_pool_cleanup_file_t));
    ngx_pool_cleanup_file_t *file;

    CHECK(cleanup != NULL);
    cleanup->handler = handler;
    file = (ngx_pool_cleanup_file_t *) cleanup->data;
    file->fd = open(name, O_CREAT | O_RDWR, 0600);
    CHECK(file->fd != -1);
    file->name = (u_char *) ngx_pnalloc(pool, strlen(name) + 1);
    strcpy((char *) file->name, name);
    file->log = NULL;
    return file->fd;
}

static void
use_allocations(ngx_pool_t *pool)
{
    void *large = ngx_palloc(pool, 10 * ngx_pagesize);

    memset(ngx_palloc(pool, 100), 0xff, 100);
    memset(ngx_pnalloc(pool, 101), 0xff, 101);
    memset(ngx_palloc_inline(pool, 100), 0xff, 100);
    memset(ngx_pnalloc_inline(pool, 101), 0xff, 101);
    CHECK(*(char *) ngx_pcalloc(pool, 102) == 0);
    CHECK((uintptr_t) ngx_pmemalign(pool, 103, 128) % 128 == 0);
    CHECK(ngx_align_ptr((char *) large + 1, 16) > (u_char *) large);
    CHECK(ngx_pfree(pool, large) == NGX_OK);
    CHECK(ngx_pfree(pool, large) == NGX_DECLINED);
}

static void
use_inspection(ngx_pool_t *pool)
{
    ngx_pool_stats_t stats;
    ngx_pool_cache_stats_t cache;

    ngx_pool_stats(pool, &stats);
    ngx_pool_cache_stats(&cache);
    CHECK(stats.blocks == 1 && stats.size == NGX_DEFAULT_POOL_SIZE);
    CHECK(stats.used > 300 && stats.large == 1 && stats.wasted == 0);
    CHECK((size_t) (pool->d.end - (u_char *) pool) == NGX_DEFAULT_POOL_SIZE);
    CHECK(cache.limit == 1024 * 1024 && cache.overhead > 0);
}

static void
use_files(ngx_pool_t *pool)
{
    static const char name[] = "ngxpool-use.tmp";
    int fd = add_file(pool, ngx_pool_delete_file, name);
    int early = add_file(pool, ngx_pool_cleanup_file, name);

    ngx_pool_run_cleanup_file(pool, early);
    CHECK(fcntl(early, F_GETFD) == -1);
    ngx_reset_pool(pool);
    CHECK(fcntl(fd, F_GETFD) == -1);
    CHECK(access(name, F_OK) == -1);
}

static void
use_system(ngx_log_t *log)
{
    void *p = ngx_alloc(10, log);
    void *q = ngx_calloc(10, log);
    void *r = ngx_memalign(64, 10, log);

    CHECK(p != NULL && *(char *) q == 0 && (uintptr_t) r % 64 == 0);
    ngx_free(p);
    ngx_free(q);
    ngx_free(r);
}

int
main(void)
{
    ngx_log_t log;
    ngx_pool_t *pool;

    log.log_level = NGX_LOG_INFO;
    log.writer = count_line;
    log.wdata = &lines;

    CHECK(ngx_pagesize == (ngx_uint_t) sysconf(_SC_PAGESIZE));
    CHECK(ngx_create_pool(1, &log) == NULL && lines == 1);
    ngx_log_error(NGX_LOG_INFO, &log, 0, "a line of the caller's, %d", 1);
    CHECK(lines == 2);

    ngx_pool_cache_limit(1024 * 1024);
    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, &log);
    CHECK(pool != NULL);
    add_count(pool);
    use_allocations(pool);
    use_inspection(pool);
    use_files(pool);
    CHECK(runs == 1);
    add_count(pool);
    ngx_destroy_pool(pool);
    CHECK(runs == 2);
    CHECK(ngx_pool_cache_size() >= NGX_DEFAULT_POOL_SIZE);
    ngx_pool_cache_trim();
    CHECK(ngx_pool_cache_size() == 0);
    use_system(&log);
    CHECK(lines == 2);
    return 0;
}
