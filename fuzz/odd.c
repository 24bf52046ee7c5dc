/*
 * Odd systems. The linker replaces the system's functions by these. The pool
 * must keep every promise that does not need the system's functions.
 *
 * - pthread_key_create() or pthread_setspecific() fails. Then a thread keeps no
 *   memory.
 * - dladdr() does not find the library of malloc() or malloc_usable_size(): its
 *   call number ODD_DLADDR fails. Or it finds two different libraries:
 *   ODD_DLADDR is 0. Then the pool must not call malloc_usable_size().
 * - The page size is another one, or is not known: ODD_PAGESIZE.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* Dl_info */
#endif

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_palloc.h>

int __wrap_pthread_key_create(pthread_key_t *key, void (*end)(void *data));
int __wrap_pthread_setspecific(pthread_key_t key, const void *value);
int __real_pthread_key_delete(pthread_key_t key);
int __wrap_pthread_key_delete(pthread_key_t key);
int __wrap_dladdr(const void *address, Dl_info *info);
size_t __wrap_heap_usable_size(void *p);
long __real_sysconf(int name);
long __wrap_sysconf(int name);

enum {
    LAST_PRIORITY = 101, /* of a destructor that runs after all others */
    POOL_SIZE = 1024,
};

static int keys; /* deleted keys, or -1 when there can be none */
static int dladdr_calls;
static char libraries[2];

int
__wrap_pthread_key_create(pthread_key_t *key, void (*end)(void *data))
{
    (void) key;
    (void) end;
    keys = -1;
    return EAGAIN;
}

/* A key that was never made, or that is deleted, may not be set. */
int
__wrap_pthread_setspecific(pthread_key_t key, const void *value)
{
    (void) key;
    (void) value;
    if (keys != 0) {
        abort();
    }
    return ENOMEM;
}

int
__wrap_pthread_key_delete(pthread_key_t key)
{
    if (keys < 0) {
        abort();
    }
    keys++;
    return __real_pthread_key_delete(key);
}

/* Checks at the process's end that the key, if there was one, is deleted, and
 * that a pool does not use it after that. */
__attribute__((destructor(LAST_PRIORITY))) static void
check_keys(void)
{
    if (keys == 0) {
        abort();
    }
    ngx_pool_cache_limit(SIZE_MAX);
    ngx_destroy_pool(ngx_create_pool(POOL_SIZE, NULL));
}

/* A failure shows by the result alone, and another library by dli_fbase
 * alone. */
int
__wrap_dladdr(const void *address, Dl_info *info)
{
    (void) address;
    *info = (Dl_info){
        .dli_fbase = &libraries[ODD_DLADDR == 0 ? dladdr_calls % 2 : 0],
    };
    return ++dladdr_calls != ODD_DLADDR;
}

size_t
__wrap_heap_usable_size(void *p)
{
    (void) p;
    abort();
}

long
__wrap_sysconf(int name)
{
    return name == _SC_PAGESIZE ? ODD_PAGESIZE : __real_sysconf(name);
}
