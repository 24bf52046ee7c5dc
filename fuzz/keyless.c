/*
 * Systems that have no thread-specific key left, or no memory to set one. The
 * linker puts one of these functions in the system's place: the pool then keeps
 * nothing, and keeps every other promise.
 */
#include <errno.h>
#include <pthread.h>

int __wrap_pthread_key_create(pthread_key_t *key, void (*end)(void *data));
int __wrap_pthread_setspecific(pthread_key_t key, const void *value);

int
__wrap_pthread_key_create(pthread_key_t *key, void (*end)(void *data))
{
    (void) key;
    (void) end;
    return EAGAIN;
}

int
__wrap_pthread_setspecific(pthread_key_t key, const void *value)
{
    (void) key;
    (void) value;
    return ENOMEM;
}
