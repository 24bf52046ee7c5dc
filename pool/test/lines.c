#include "lines.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"

static void lines_write(ngx_log_t *log, ngx_uint_t level, u_char *buf,
                        size_t len);

void
lines_init(struct lines *lines, ngx_uint_t log_level)
{
    lines->log.log_level = log_level;
    lines->log.writer = lines_write;
    lines->log.wdata = lines;
    lines->count = 0;
}

void
lines_check(const struct lines *lines, size_t n, ngx_uint_t level,
            const char *text)
{
    assert_in_range(n, 0, LINES_MAX - 1);
    assert_true(n < lines->count);
    assert_string_equal(lines->line[n].text, text);
    assert_int_equal(lines->line[n].level, level);
}

void
lines_check_memory(const struct lines *lines, size_t n, const char *call)
{
    char text[LINES_TEXT_MAX];

    (void) snprintf(text, sizeof(text), "%s failed (%d: %s)", call, ENOMEM,
                    strerror(ENOMEM));
    lines_check(lines, n, NGX_LOG_EMERG, text);
}

static void
lines_write(ngx_log_t *log, ngx_uint_t level, u_char *buf, size_t len)
{
    struct lines *lines = log->wdata;
    struct line *line;

    assert_true(len < LINES_TEXT_MAX);
    if (lines->count < LINES_MAX) {
        line = &lines->line[lines->count];
        line->level = level;
        line->size = len;
        memcpy(line->text, buf, len);
        line->text[len] = '\0';
    }
    lines->count++;
}
