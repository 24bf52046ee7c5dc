/*
 * talloc's chunks, recorded; preloaded. Every chunk may have others below it,
 * and a pool is a chunk. libtalloc calls its own functions without the dynamic
 * linker, so each function that allocates is here, and its inner calls are not
 * recorded twice.
 *
 * References are not recorded: a chunk is its parent's.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

#include "raw.h"

#define NEXT(name)                                                             \
    static __typeof__(&name) next;                                             \
    if (next == NULL) {                                                        \
        next_of(#name, &next);                                                 \
    }

enum {
    NAME_SIZE = 256, /* longer names are cut */
};

static void next_of(const char *name, void *ret_function);
static size_t size_of(const void *chunk);
static void *seen(const void *context, void *chunk);
static void *moved(void *chunk);
static void about_to_move(const void *chunk);

/* A function that makes a chunk below context, of a result's type. */
#define MAKES(result, name, parameters, arguments)                             \
    result name parameters                                                     \
    {                                                                          \
        result chunk;                                                          \
        NEXT(name)                                                             \
        raw_enter();                                                           \
        chunk = next arguments;                                                \
        raw_leave();                                                           \
        return seen(context, chunk);                                           \
    }

/* One that makes text longer, and moves it for that. */
#define APPENDS(name, parameters, arguments)                                   \
    char *name parameters                                                      \
    {                                                                          \
        char *chunk;                                                           \
        NEXT(name)                                                             \
        about_to_move(text);                                                   \
        raw_enter();                                                           \
        chunk = next arguments;                                                \
        raw_leave();                                                           \
        return text != NULL ? moved(chunk) : seen(NULL, chunk);                \
    }

#pragma GCC visibility push(default)

MAKES(void *, _talloc, (const void *context, size_t size), (context, size))
MAKES(void *, _talloc_zero,
      (const void *context, size_t size, const char *name),
      (context, size, name))
MAKES(void *, _talloc_memdup,
      (const void *context, const void *p, size_t size, const char *name),
      (context, p, size, name))
MAKES(void *, _talloc_array,
      (const void *context, size_t size, unsigned count, const char *name),
      (context, size, count, name))
MAKES(void *, _talloc_zero_array,
      (const void *context, size_t size, unsigned count, const char *name),
      (context, size, count, name))
MAKES(void *, _talloc_pooled_object,
      (const void *context, size_t size, const char *name, unsigned objects,
       size_t total),
      (context, size, name, objects, total))
MAKES(void *, talloc_named_const,
      (const void *context, size_t size, const char *name),
      (context, size, name))
MAKES(void *, talloc_pool, (const void *context, size_t size), (context, size))
MAKES(char *, talloc_strdup, (const void *context, const char *text),
      (context, text))
MAKES(char *, talloc_strndup, (const void *context, const char *text, size_t n),
      (context, text, n))
MAKES(char *, talloc_vasprintf,
      (const void *context, const char *format, va_list list),
      (context, format, list))

APPENDS(talloc_strdup_append, (char *text, const char *more), (text, more))
APPENDS(talloc_strdup_append_buffer, (char *text, const char *more),
        (text, more))
APPENDS(talloc_strndup_append, (char *text, const char *more, size_t n),
        (text, more, n))
APPENDS(talloc_strndup_append_buffer, (char *text, const char *more, size_t n),
        (text, more, n))
APPENDS(talloc_vasprintf_append, (char *text, const char *format, va_list list),
        (text, format, list))
APPENDS(talloc_vasprintf_append_buffer,
        (char *text, const char *format, va_list list), (text, format, list))

char *
talloc_asprintf(const void *context, const char *format, ...)
{
    va_list list;
    char *text;

    va_start(list, format);
    text = talloc_vasprintf(context, format, list);
    va_end(list);
    return text;
}

char *
talloc_asprintf_append(char *text, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    text = talloc_vasprintf_append(text, format, list);
    va_end(list);
    return text;
}

char *
talloc_asprintf_append_buffer(char *text, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    text = talloc_vasprintf_append_buffer(text, format, list);
    va_end(list);
    return text;
}

/* The name is a chunk of talloc's own, which it keeps from others. */
void *
talloc_named(const void *context, size_t size, const char *format, ...)
{
    char name[NAME_SIZE];
    va_list list;
    void *chunk = talloc_named_const(context, size, "");

    NEXT(talloc_set_name)
    va_start(list, format);
    (void) vsnprintf(name, sizeof(name), format, list);
    va_end(list);
    raw_enter();
    if (chunk != NULL) {
        (void) next(chunk, "%s", name);
    }
    raw_leave();
    return chunk;
}

void *
talloc_init(const char *format, ...)
{
    char name[NAME_SIZE];
    va_list list;

    va_start(list, format);
    (void) vsnprintf(name, sizeof(name), format, list);
    va_end(list);
    return talloc_named(NULL, 0, "%s", name);
}

void *
_talloc_realloc(const void *context, void *chunk, size_t size, const char *name)
{
    void *made;

    NEXT(_talloc_realloc)
    if (chunk != NULL && size == 0) {
        raw_add(RAW_RELEASE, chunk, 0, 0);
        return next(context, chunk, size, name);
    }
    about_to_move(chunk);
    raw_enter();
    made = next(context, chunk, size, name);
    raw_leave();
    return chunk != NULL ? moved(made) : seen(context, made);
}

void *
_talloc_realloc_array(const void *context, void *chunk, size_t size,
                      unsigned count, const char *name)
{
    void *made;

    NEXT(_talloc_realloc_array)
    if (chunk != NULL && count == 0) {
        raw_add(RAW_RELEASE, chunk, 0, 0);
        return next(context, chunk, size, count, name);
    }
    about_to_move(chunk);
    raw_enter();
    made = next(context, chunk, size, count, name);
    raw_leave();
    return chunk != NULL ? moved(made) : seen(context, made);
}

/* Its destructors free chunks below it, or chunks with events of their own. */
int
_talloc_free(void *chunk, const char *location)
{
    NEXT(_talloc_free)
    if (chunk != NULL && !raw_inside()) {
        raw_add(RAW_RELEASE, chunk, 0, 0);
    }
    return next(chunk, location);
}

void
talloc_free_children(void *chunk)
{
    NEXT(talloc_free_children)
    if (chunk != NULL && !raw_inside()) {
        raw_add(RAW_CLEAR, chunk, RAW_AT_ONCE, 0);
    }
    next(chunk);
}

void *
_talloc_steal_loc(const void *context, const void *chunk, const char *location)
{
    void *stolen;

    NEXT(_talloc_steal_loc)
    stolen = next(context, chunk, location);
    if (stolen != NULL && !raw_inside()) {
        raw_add(RAW_STOLEN, stolen, 0, (uint64_t) (uintptr_t) context);
    }
    return stolen;
}

void *
_talloc_move(const void *context, const void *pointer)
{
    void *stolen;

    NEXT(_talloc_move)
    raw_enter();
    stolen = next(context, pointer);
    raw_leave();
    if (stolen != NULL && !raw_inside()) {
        raw_add(RAW_STOLEN, stolen, 0, (uint64_t) (uintptr_t) context);
    }
    return stolen;
}

void *
talloc_reparent(const void *before, const void *context, const void *chunk)
{
    void *stolen;

    NEXT(talloc_reparent)
    raw_enter();
    stolen = next(before, context, chunk);
    raw_leave();
    if (stolen != NULL && !raw_inside()) {
        raw_add(RAW_STOLEN, stolen, 0, (uint64_t) (uintptr_t) context);
    }
    return stolen;
}

#pragma GCC visibility pop

/* The program called name, so it is somewhere; where not, nothing can be done
 * for it. */
static void
next_of(const char *name, void *ret_function)
{
    if (raw_next(name, "libtalloc.so.2", ret_function) != 0) {
        abort();
    }
}

static size_t
size_of(const void *chunk)
{
    NEXT(talloc_get_size)
    return next(chunk);
}

static void *
seen(const void *context, void *chunk)
{
    if (chunk != NULL && !raw_inside()) {
        raw_add(RAW_CHILD, chunk, size_of(chunk),
                (uint64_t) (uintptr_t) context);
    }
    return chunk;
}

static void
about_to_move(const void *chunk)
{
    if (chunk != NULL && !raw_inside()) {
        raw_add(RAW_MOVE, chunk, 0, 0);
    }
}

/* Where it failed, the chunk is as it was: a size that is not 0 says so. */
static void *
moved(void *chunk)
{
    if (!raw_inside()) {
        raw_add(RAW_MOVED, chunk, chunk != NULL ? size_of(chunk) : 1, 0);
    }
    return chunk;
}
