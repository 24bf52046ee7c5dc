#include "lines.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "heap.h"
#include "run.h"

enum {
    TEXT_SIZE = 512,
};

static const char unused_word[] = ", unused: ";

/* The starts of the lines of a debug build, and the base of the number after
 * each: an address or a descriptor. */
static const struct {
    const char *words;
    int base;
} debug_lines[] = {
    {"free: ", 16},
    {"add cleanup: ", 16},
    {"run cleanup: ", 16},
    {"file cleanup: fd:", 10},
};

static int is_expected(const struct run *run, ngx_uint_t level,
                       const char *text);
static int is_refusal(const struct run *run, ngx_uint_t level,
                      const char *text);
static int is_file(const struct run *run, ngx_uint_t level, const char *text);
static int is_text(const char *text, int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static int is_debug(const char *text, uintptr_t *ret_object);

void
lines_note(struct run *run, ngx_uint_t level, const char *text, size_t size)
{
    struct lines *lines = &run->lines;
    char copy[TEXT_SIZE];
    const char *unused;
    uintptr_t object = 0;

    if (size >= sizeof(copy)) {
        lines->is_wrong = 1;
        return;
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    if (level == NGX_LOG_DEBUG && run->options.is_debug) {
        unused = strstr(copy, unused_word);
        lines->debug_seen++;
        lines->unused_seen +=
            unused == NULL
                ? 0
                : strtoul(unused + sizeof(unused_word) - 1, NULL, 10);
        lines->is_wrong |= !is_debug(copy, &object);
        lines->object_sum_seen += object;
    } else {
        lines->seen++;
        lines->is_wrong |= !is_expected(run, level, copy);
    }
}

void
lines_expect_debug(struct run *run, unsigned pool, uintptr_t object)
{
    if (run_logs(pool)) {
        run->lines.debug_expected++;
        run->lines.object_sum_expected += object;
    }
}

static int
is_expected(const struct run *run, ngx_uint_t level, const char *text)
{
    const struct lines *lines = &run->lines;

    switch (lines->code) {
    case OP_CREATE:
    case OP_CHILD:
        if (level == NGX_LOG_ALERT &&
            is_text(text, 0, "pool size %zu is less than its header of %zu",
                    lines->size,
                    sizeof(ngx_pool_t) + 2 * run->options.redzone)) {
            return 1;
        }
        break;
    case OP_PMEMALIGN:
        if (level == NGX_LOG_EMERG &&
            is_text(text, EINVAL, "posix_memalign(%zu, %zu) failed",
                    lines->alignment, lines->size)) {
            return 1;
        }
        break;
    default:
        break;
    }
    return is_refusal(run, level, text) || is_file(run, level, text);
}

/* Whether text reports the system's last refusal. The system gets no alignment
 * below a pointer's size, but the line has the caller's. */
static int
is_refusal(const struct run *run, ngx_uint_t level, const char *text)
{
    struct heap_request request = heap_refused();

    if (request.alignment == sizeof(void *) && run->lines.alignment != 0) {
        request.alignment = run->lines.alignment;
    }

    if (level != NGX_LOG_EMERG || request.function == NULL) {
        return 0;
    }
    return request.alignment != 0
               ? is_text(text, ENOMEM, "%s(%zu, %zu) failed", request.function,
                         request.alignment, request.size)
               : is_text(text, ENOMEM, "%s(%zu) failed", request.function,
                         request.size);
}

static int
is_file(const struct run *run, ngx_uint_t level, const char *text)
{
    const struct files_event *event;
    size_t count = files_count();

    if (count == 0 || count > FILES_EVENTS_MAX) {
        return count != 0;
    }
    event = files_event(count - 1);
    if (event->kind == FILES_UNLINK) {
        return level == NGX_LOG_CRIT &&
               is_text(text, run->file_errs[FILES_UNLINK],
                       "unlink() \"%s\" failed", event->name);
    }
    return level == NGX_LOG_ALERT &&
           is_text(text, run->file_errs[FILES_CLOSE], "close() \"%d\" failed",
                   event->fd);
}

/* Whether text is format with its arguments, followed by the error. */
static int
is_text(const char *text, int err, const char *format, ...)
{
    char expected[TEXT_SIZE];
    size_t used;
    va_list args;

    va_start(args, format);
    used = (size_t) vsnprintf(expected, sizeof(expected), format, args);
    va_end(args);
    if (err != 0) {
        (void) snprintf(expected + used, sizeof(expected) - used, " (%d: %s)",
                        err, strerror(err));
    }
    return strcmp(text, expected) == 0;
}

/* Whether text is a line of a debug build. *ret_object is then the address or
 * the descriptor in it. */
static int
is_debug(const char *text, uintptr_t *ret_object)
{
    size_t i;

    for (i = 0; i < sizeof(debug_lines) / sizeof(debug_lines[0]); i++) {
        size_t size = strlen(debug_lines[i].words);

        if (strncmp(text, debug_lines[i].words, size) == 0) {
            *ret_object =
                (uintptr_t) strtoull(text + size, NULL, debug_lines[i].base);
            return 1;
        }
    }
    return 0;
}
