/*
 * nginx's log as far as a pool writes to it: a level and a callback. A NULL
 * log is silent. Any thread; a writer that several threads share locks itself.
 */
#ifndef POOL_STANDALONE_NGX_LOG_H
#define POOL_STANDALONE_NGX_LOG_H

#include <ngx_config.h>
#include <ngx_core.h>

/* Levels of severity, most severe first; a log takes those up to its own. */
#define NGX_LOG_STDERR 0
#define NGX_LOG_EMERG  1
#define NGX_LOG_ALERT  2
#define NGX_LOG_CRIT   3
#define NGX_LOG_ERR    4
#define NGX_LOG_WARN   5
#define NGX_LOG_NOTICE 6
#define NGX_LOG_INFO   7
#define NGX_LOG_DEBUG  8

/*
 * A debug category: a bit of log_level above the levels of severity. A log with
 * any category takes all levels.
 */
#define NGX_LOG_DEBUG_ALLOC 0x020

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/*
 * Takes one message of len bytes at buf, without a line end and valid during
 * the call alone. It must not use the pool that is being worked on.
 */
typedef void (*ngx_log_writer_pt)(ngx_log_t *log, ngx_uint_t level, u_char *buf,
                                  size_t len);

struct ngx_log_s {
    ngx_uint_t log_level; /* a level of severity, or'ed with categories */
    ngx_log_writer_pt writer;
    void *wdata; /* the writer's own */
};

#define ngx_log_error(level, log, ...)                                         \
    do {                                                                       \
        if ((log) != NULL && (log)->log_level >= (level)) {                    \
            ngx_log_error_core(level, log, __VA_ARGS__);                       \
        }                                                                      \
    } while (0)

#if defined(NGX_DEBUG)
#define ngx_log_debug(category, log, ...)                                      \
    do {                                                                       \
        if ((log) != NULL && ((log)->log_level & (category)) != 0) {           \
            ngx_log_error_core(NGX_LOG_DEBUG, log, __VA_ARGS__);               \
        }                                                                      \
    } while (0)
#else
#define ngx_log_debug(category, log, ...) ((void) 0)
#endif
#define ngx_log_debug1 ngx_log_debug
#define ngx_log_debug2 ngx_log_debug

/*
 * Format a message and hand it to log's writer, followed by err's text unless
 * err is 0. Of nginx's conversions it knows %s, %d, %p, %uz (size_t) and %%;
 * another one ends the message. At most 511 bytes are kept.
 */
void ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
                        const char *fmt, ...);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
