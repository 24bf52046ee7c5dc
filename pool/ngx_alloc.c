#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* posix_memalign() */
#endif

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
    int err = EINVAL;

    /* posix_memalign() takes none less than a pointer's size, and under
     * AddressSanitizer it aborts on a bad one. */
    if (alignment != 0 && (alignment & (alignment - 1)) == 0) {
        err = posix_memalign(&p, alignment < sizeof(p) ? sizeof(p) : alignment,
                             size);
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
