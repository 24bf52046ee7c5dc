#include <ngx_alloc.h>

enum {
    NGX_COMMON_PAGESIZE = 4096, /* stands until the constructor has run */
    NGX_FIRST_PRIORITY = 101,   /* the earliest that the compilers grant */
};

ngx_uint_t ngx_pagesize = NGX_COMMON_PAGESIZE;

__attribute__((constructor(NGX_FIRST_PRIORITY))) static void
ngx_pagesize_init(void)
{
    long size = sysconf(_SC_PAGESIZE);

    if (size > 0) {
        ngx_pagesize = (ngx_uint_t) size;
    }
}

void *
ngx_alloc(size_t size, ngx_log_t *log)
{
    void *p = malloc(size);

    if (p == NULL) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno, "malloc(%uz) failed",
                      size);
    }
    return p;
}

void *
ngx_calloc(size_t size, ngx_log_t *log)
{
    void *p = calloc(1, size);

    if (p == NULL) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno, "calloc(%uz) failed",
                      size);
    }
    return p;
}

void *
ngx_memalign(size_t alignment, size_t size, ngx_log_t *log)
{
    void *p;
    int err;

    /* Checked here too: under ASan posix_memalign() aborts on a bad one. */
    if (alignment % sizeof(void *) != 0 || alignment == 0 ||
        (alignment & (alignment - 1)) != 0) {
        err = EINVAL;
    } else {
        err = posix_memalign(&p, alignment, size);
    }
    if (err != 0) {
        ngx_log_error(NGX_LOG_EMERG, log, err,
                      "posix_memalign(%uz, %uz) failed", alignment, size);
        return NULL;
    }
    return p;
}

void
ngx_free(void *p)
{
    free(p);
}
