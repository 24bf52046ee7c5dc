/*
 * APR's pools, recorded; preloaded. Debian's libapr calls its own functions as
 * others do, so what those allocate is seen too, but for apr_pvsprintf(), which
 * works in the pool's memory itself. Ubuntu's is linked with
 * -Bsymbolic-functions: allocations within libapr are not seen there.
 */
#include <apr_pools.h>
#include <apr_strings.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "raw.h"

/* In the header it is a macro. */
#undef apr_pcalloc
APR_DECLARE(void *) apr_pcalloc(apr_pool_t *pool, apr_size_t size);

#define NEXT(name)                                                             \
    static __typeof__(&name) next;                                             \
    if (next == NULL) {                                                        \
        next_of(#name, &next);                                                 \
    }

/* The program called name, so it is somewhere; where not, nothing can be done
 * for it. */
static void
next_of(const char *name, void *ret_function)
{
    if (raw_next(name, "libapr-1.so.0", ret_function) != 0) {
        abort();
    }
}

#pragma GCC visibility push(default)

APR_DECLARE(apr_status_t)
apr_pool_create_ex(apr_pool_t **ret_pool, apr_pool_t *parent,
                   apr_abortfunc_t abort, apr_allocator_t *allocator)
{
    static __typeof__(&apr_pool_parent_get) parent_of;
    apr_status_t status;

    NEXT(apr_pool_create_ex)
    if (parent_of == NULL) {
        next_of("apr_pool_parent_get", &parent_of);
    }
    status = next(ret_pool, parent, abort, allocator);
    if (status == APR_SUCCESS) {
        raw_add(RAW_POOL, *ret_pool, 0,
                (uint64_t) (uintptr_t) parent_of(*ret_pool));
    }
    return status;
}

APR_DECLARE(apr_status_t)
apr_pool_create_unmanaged_ex(apr_pool_t **ret_pool, apr_abortfunc_t abort,
                             apr_allocator_t *allocator)
{
    apr_status_t status;

    NEXT(apr_pool_create_unmanaged_ex)
    status = next(ret_pool, abort, allocator);
    if (status == APR_SUCCESS) {
        raw_add(RAW_POOL, *ret_pool, 0, 0);
    }
    return status;
}

APR_DECLARE(void)
apr_pool_clear(apr_pool_t *pool)
{
    NEXT(apr_pool_clear)
    raw_add(RAW_CLEAR, pool, RAW_BEGINS, 0);
    next(pool);
    raw_add(RAW_CLEAR, pool, RAW_DONE, 0);
}

APR_DECLARE(void)
apr_pool_destroy(apr_pool_t *pool)
{
    NEXT(apr_pool_destroy)
    raw_add(RAW_DESTROY, pool, RAW_BEGINS, 0);
    next(pool);
    raw_add(RAW_DESTROY, pool, RAW_DONE, 0);
}

APR_DECLARE(void *)
apr_palloc(apr_pool_t *pool, apr_size_t size)
{
    void *p;

    NEXT(apr_palloc)
    p = next(pool, size);
    if (p != NULL && !raw_inside()) {
        raw_add(RAW_ALLOC, p, size, (uint64_t) (uintptr_t) pool);
    }
    return p;
}

APR_DECLARE(void *)
apr_pcalloc(apr_pool_t *pool, apr_size_t size)
{
    void *p;

    NEXT(apr_pcalloc)
    raw_enter();
    p = next(pool, size);
    raw_leave();
    if (p != NULL && !raw_inside()) {
        raw_add(RAW_ZEROED, p, size, (uint64_t) (uintptr_t) pool);
    }
    return p;
}

APR_DECLARE(char *)
apr_pvsprintf(apr_pool_t *pool, const char *format, va_list arguments)
{
    char *text;

    NEXT(apr_pvsprintf)
    raw_enter();
    text = next(pool, format, arguments);
    raw_leave();
    if (text != NULL && !raw_inside()) {
        raw_add(RAW_ALLOC, text, strlen(text) + 1, (uint64_t) (uintptr_t) pool);
    }
    return text;
}

APR_DECLARE_NONSTD(char *)
apr_psprintf(apr_pool_t *pool, const char *format, ...)
{
    va_list arguments;
    char *text;

    va_start(arguments, format);
    text = apr_pvsprintf(pool, format, arguments);
    va_end(arguments);
    return text;
}

APR_DECLARE(void)
apr_pool_cleanup_register(apr_pool_t *pool, const void *data,
                          apr_status_t (*plain)(void *),
                          apr_status_t (*child)(void *))
{
    NEXT(apr_pool_cleanup_register)
    raw_add(RAW_CLEANUP, pool, 0, (uint64_t) (uintptr_t) data);
    raw_enter(); /* a node of the pool's own */
    next(pool, data, plain, child);
    raw_leave();
}

/* apr_pool_cleanup_run() calls it. */
APR_DECLARE(void)
apr_pool_cleanup_kill(apr_pool_t *pool, const void *data,
                      apr_status_t (*cleanup)(void *))
{
    NEXT(apr_pool_cleanup_kill)
    raw_add(RAW_CLEANED, pool, 0, (uint64_t) (uintptr_t) data);
    next(pool, data, cleanup);
}

#pragma GCC visibility pop
