#include <ngx_log.h>

#include <stdarg.h>
#include <stdio.h>

enum {
    NGX_LOG_LINE_SIZE = 512, /* longer than any message that a pool writes */
};

static int ngx_log_convert(char *out, size_t capacity, const char **fmt,
                           va_list *args);

void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
                   const char *fmt, ...)
{
    char line[NGX_LOG_LINE_SIZE];
    size_t used = 0;
    int written = 0;
    va_list args;

    va_start(args, fmt);
    while (written >= 0 && *fmt != '\0' && used < sizeof(line) - 1) {
        if (*fmt == '%') {
            fmt++;
            written =
                ngx_log_convert(line + used, sizeof(line) - used, &fmt, &args);
            used += written > 0 ? (size_t) written : 0;
        } else {
            line[used++] = *fmt++;
        }
    }
    va_end(args);

    if (err != 0 && used < sizeof(line)) {
        written = snprintf(line + used, sizeof(line) - used, " (%d: %s)", err,
                           strerror(err));
        used += written > 0 ? (size_t) written : 0;
    }
    if (used > sizeof(line) - 1) {
        used = sizeof(line) - 1;
    }
    log->writer(log, level, (u_char *) line, used);
}

/*
 * Writes the conversion that *fmt names and moves *fmt past it. Returns what
 * snprintf() does: the length it needs, also where capacity is smaller; -1 for
 * an unknown conversion.
 */
static int
ngx_log_convert(char *out, size_t capacity, const char **fmt, va_list *args)
{
    const char *at = *fmt;

    *fmt = at + 1;
    switch (*at) {
    case '%':
        return snprintf(out, capacity, "%%");
    case 's':
        return snprintf(out, capacity, "%s", va_arg(*args, const char *));
    case 'd':
        return snprintf(out, capacity, "%d", va_arg(*args, int));
    case 'p':
        return snprintf(out, capacity, "%p", va_arg(*args, void *));
    case 'u':
        if (at[1] == 'z') {
            *fmt = at + 2;
            return snprintf(out, capacity, "%zu", va_arg(*args, size_t));
        }
        return -1;
    default:
        return -1;
    }
}
