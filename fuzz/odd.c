/*
 * Odd systems. The linker puts these functions in the system's place, and the
 * pool keeps every promise that does not need them.
 *
 * - There is no thread-specific key left, or no memory to set one: a thread
 *   keeps nothing.
 * - The dynamic linker does not know whose malloc() or malloc_usable_size() is
 *   (call number ODD_DLADDR), or they lie in two libraries (ODD_DLADDR is 0):
 *   the latter may not be called.
 * - The system's page is another one, or not known (ODD_PAGESIZE).
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
    LAST_PRIORITY = 101, /* of destructors, the last that is granted */
    POOL_SIZE = 1024,
};

static int keys; /* that are to be deleted */
static int is_deleted;
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

/* Where there is no key any more, or has never been one, none may be set. */
int
__wrap_pthread_setspecific(pthread_key_t key, const void *value)
{
    (void) key;
    (void) value;
    if (keys < 0 || is_deleted) {
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
    is_deleted = 1;
    return __real_pthread_key_delete(key);
}

/* At the program's end: a key that was made has been deleted, and the next pool
 * does not use it. */
__attribute__((destructor(LAST_PRIORITY))) static void
check_keys(void)
{
    if (keys == 0) {
        abort();
    }
    ngx_pool_cache_limit(SIZE_MAX);
    ngx_destroy_pool(ngx_create_pool(POOL_SIZE, NULL));
}

/* The answer alone shows a failure, and the base alone another library. */
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
