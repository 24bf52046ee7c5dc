/*
 * A log that records its lines for a test to check. One thread.
 */
#ifndef POOL_TEST_LINES_H
#define POOL_TEST_LINES_H

#include <stddef.h>

#include <ngx_config.h>
#include <ngx_core.h>

enum {
    LINES_MAX = 64,       /* later lines are counted, not recorded */
    LINES_TEXT_MAX = 640, /* more than the log's longest line */
};

struct line {
    ngx_uint_t level;
    size_t size;
    char text[LINES_TEXT_MAX]; /* NUL-terminated */
};

struct lines {
    ngx_log_t log; /* hand this to the pool */
    size_t count;
    struct line line[LINES_MAX];
};

/* Make lines an empty log of log_level. */
void lines_init(struct lines *lines, ngx_uint_t log_level);

/* Fail the running cmocka test unless line n has this level and text. */
void lines_check(const struct lines *lines, size_t n, ngx_uint_t level,
                 const char *text);

/* The same for the line, at NGX_LOG_EMERG, that call failed for want of memory,
 * in the C library's own words. */
void lines_check_memory(const struct lines *lines, size_t n, const char *call);

#endif
