/*
 * A malloc replacement, for bench's --malloc: free lists of powers of two, cut
 * from mapped chunks, under one lock. A larger object is mapped by itself.
 */
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
    CLASS_MIN = 5, /* a header and 16 bytes */
    CLASS_MAX = 16,
    CHUNK = 1024 * 1024,
};

struct object {
    _Alignas(16) size_t size; /* of all of it, a power of two if not mapped */
    struct object *next;      /* while it is free */
};

_Static_assert(sizeof(struct object) == 16, "objects are aligned to it");

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct object *lists[CLASS_MAX + 1];
static char *chunk;
static size_t chunk_left;

static void *map(size_t size);
static struct object *take(size_t class);
static size_t class_of(size_t size);

void *
malloc(size_t size)
{
    size_t taken = size + sizeof(struct object);
    struct object *object;

    if (taken < size) {
        return NULL;
    }
    if (taken > (size_t) 1 << CLASS_MAX) {
        object = map(taken);
        if (object != NULL) {
            object->size = taken;
        }
    } else {
        pthread_mutex_lock(&mutex);
        object = take(class_of(taken));
        pthread_mutex_unlock(&mutex);
    }
    return object != NULL ? object + 1 : NULL;
}

void
free(void *p)
{
    struct object *object = (struct object *) p - 1;

    if (p == NULL) {
        return;
    }
    if (object->size > (size_t) 1 << CLASS_MAX) {
        munmap(object, object->size);
        return;
    }
    pthread_mutex_lock(&mutex);
    object->next = lists[class_of(object->size)];
    lists[class_of(object->size)] = object;
    pthread_mutex_unlock(&mutex);
}

static void *
map(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p != MAP_FAILED ? p : NULL;
}

/* A free object, or one from a chunk. The end of a full chunk is lost. */
static struct object *
take(size_t class)
{
    size_t size = (size_t) 1 << class;
    struct object *object = lists[class];

    if (object != NULL) {
        lists[class] = object->next;
        return object;
    }
    if (chunk_left < size) {
        chunk = map(CHUNK);
        chunk_left = chunk != NULL ? CHUNK : 0;
    }
    if (chunk_left < size) {
        return NULL;
    }
    object = (struct object *) (void *) chunk;
    object->size = size;
    chunk += size;
    chunk_left -= size;
    return object;
}

/* The least power of two that is not less than size. */
static size_t
class_of(size_t size)
{
    size_t class = CLASS_MIN;

    while ((size_t) 1 << class < size) {
        class ++;
    }
    return class;
}
