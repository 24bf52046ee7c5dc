/*
 * log_lines: a message to a standalone log (pool/standalone/) arrives at the
 * log's writer as ngx_log.h says, if the log takes the message's level. The
 * writer gets one line at that level: the text that printf() would make, then
 * the error's number and text, cut to 511 bytes. A writer may write to another
 * log, and its own line stays. The input has the level, the log's own level,
 * the error, and then the message.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "replay.h"

enum {
    LINE_MAX_SIZE = 511, /* bytes of a line that are kept */
    CONVERSIONS = 8,
    TEXT_SIZE = 64 * 1024,
    STRING_UNIT = 5, /* a byte of the input times this is a string's length */
    STRING_MAX = STRING_UNIT * UINT8_MAX,
    NUMBER_MAX = 32, /* digits of a number */
};

/* The meanings of a message's bytes. Any other byte stands for itself. */
enum piece {
    PIECE_CONVERSION, /* the next conversion; the next byte is its value */
    PIECE_PERCENT,
    PIECE_UNKNOWN, /* '%' and the next byte, which is no conversion */
    PIECE_LONG,    /* a string of x; the next byte is its length */
};

/* In their order in a message. */
static const char *const conversions[] = {"%s", "%d", "%p", "%uz"};

static const ngx_uint_t levels[] = {
    NGX_LOG_STDERR, NGX_LOG_EMERG,  NGX_LOG_ALERT, NGX_LOG_CRIT,  NGX_LOG_ERR,
    NGX_LOG_WARN,   NGX_LOG_NOTICE, NGX_LOG_INFO,  NGX_LOG_DEBUG,
};

enum {
    LEVELS = sizeof(levels) / sizeof(levels[0]),
    CATEGORY = 0x20, /* nginx's number of NGX_LOG_DEBUG_ALLOC */
};

static struct input {
    const uint8_t *data;
    size_t size;
} input;

/* The call, and the line that it must write. */
static char format[TEXT_SIZE];
static char expected[TEXT_SIZE];
static size_t expected_size;
static struct {
    char string[STRING_MAX + 1];
    int number;
    void *pointer;
    size_t size;
} values[CONVERSIONS / 4];

static ngx_log_t log_seen;  /* the log that the writer must get */
static ngx_log_t log_inner; /* that the writer itself writes to */
static ngx_uint_t level_now;
static size_t lines;

static size_t log_message(ngx_uint_t level, ngx_err_t err);
static uint8_t next_byte(void);
static void read_message(void);
static int read_unknown(void);
static void read_conversion(size_t nth);
static void append(const char *in_format, const char *text);
static void append_string(char c, size_t count);
static void append_error(ngx_err_t err);
static void write_line(ngx_log_t *log, ngx_uint_t level, u_char *buf,
                       size_t len);
static void write_inner(ngx_log_t *log, ngx_uint_t level, u_char *buf,
                        size_t len);
static void check(int holds, const char *words);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_err_t err;
    ngx_uint_t own;
    size_t nth;

    input = (struct input){.data = data, .size = size};
    nth = next_byte() % LEVELS;
    own = next_byte();
    err = (ngx_err_t) (int8_t) next_byte();
    for (size_t i = 0; i < LEVELS; i++) {
        check(levels[i] == i, "the levels have nginx's numbers");
    }
    check(NGX_LOG_DEBUG_ALLOC == CATEGORY, "the category has nginx's number");

    read_message();
    append_error(err);
    log_seen = (ngx_log_t){.log_level = own, .writer = write_line};
    log_inner = (ngx_log_t){.writer = write_inner};
    /* This call also runs instrumented code with an engine's first input, which
     * shows that the log is instrumented. */
    check(log_message(NGX_LOG_STDERR, err) == 1,
          "every log takes the first level");
    check(log_message(levels[nth], err) == (own >= nth),
          "a log takes the levels up to its own");

    level_now = NGX_LOG_DEBUG;
    lines = 0;
    ngx_log_debug(NGX_LOG_DEBUG_ALLOC, &log_seen, err, format, values[0].string,
                  values[0].number, values[0].pointer, values[0].size,
                  values[1].string, values[1].number, values[1].pointer,
                  values[1].size);
    check(lines == ((own & CATEGORY) != 0),
          "a log takes the lines of its categories");
    return 0;
}

void
replay_one(const uint8_t *data, size_t size)
{
    (void) LLVMFuzzerTestOneInput(data, size);
}

/* Returns how many lines the log took. */
static size_t
log_message(ngx_uint_t level, ngx_err_t err)
{
    level_now = level;
    lines = 0;
    ngx_log_error(level, &log_seen, err, format, values[0].string,
                  values[0].number, values[0].pointer, values[0].size,
                  values[1].string, values[1].number, values[1].pointer,
                  values[1].size);
    return lines;
}

/* Returns the next byte of the input, or 0 at its end. */
static uint8_t
next_byte(void)
{
    if (input.size == 0) {
        return 0;
    }
    input.size--;
    return *input.data++;
}

/* Sets the format, its values, and the expected text. */
static void
read_message(void)
{
    char literal[2] = "";
    size_t count = 0;

    format[0] = '\0';
    expected[0] = '\0';
    expected_size = 0;
    while (input.size != 0 && strlen(format) < TEXT_SIZE / 2) {
        literal[0] = (char) next_byte();
        switch ((unsigned char) literal[0]) {
        case PIECE_CONVERSION:
            if (count < CONVERSIONS) {
                read_conversion(count++);
            }
            break;
        case '%':
        case PIECE_PERCENT:
            append("%%", "%");
            break;
        case PIECE_UNKNOWN:
            if (read_unknown()) {
                return;
            }
            break;
        case PIECE_LONG:
            append_string('x', (size_t) STRING_UNIT * next_byte());
            break;
        default:
            append(literal, literal);
            break;
        }
    }
}

/* Reads an unknown conversion, which ends the message: the text after it is not
 * shown. Returns 0, and appends nothing, if the conversion is known. */
static int
read_unknown(void)
{
    char unknown[4] = "%";

    unknown[1] = (char) next_byte();
    if (unknown[1] == 'u') { /* without the z */
        unknown[2] = (char) next_byte();
    }
    if (unknown[1] != '\0' &&
        (strchr("%sdp", unknown[1]) != NULL || unknown[2] == 'z')) {
        return 0;
    }
    append(unknown, "");
    if (unknown[1] != '\0' && (unknown[1] != 'u' || unknown[2] != '\0')) {
        append("not shown", "");
    }
    return 1;
}

static void
read_conversion(size_t nth)
{
    const size_t kinds = sizeof(conversions) / sizeof(conversions[0]);
    size_t value = next_byte();
    size_t great = value == 0 ? 0 : SIZE_MAX >> value % (8 * sizeof(size_t));
    char text[NUMBER_MAX];

    switch (nth % kinds) {
    case 0:
        memset(values[nth / kinds].string, 's', value * STRING_UNIT);
        if (value != 0) {
            /* A string's "%d" is text, no conversion. */
            memcpy(values[nth / kinds].string, "%d", 2);
        }
        values[nth / kinds].string[value * STRING_UNIT] = '\0';
        append(conversions[0], values[nth / kinds].string);
        return;
    case 1:
        values[nth / kinds].number = (int) great;
        (void) snprintf(text, sizeof(text), "%d", (int) great);
        break;
    case 2:
        values[nth / kinds].pointer = (void *) (uintptr_t) great;
        (void) snprintf(text, sizeof(text), "%p", (void *) (uintptr_t) great);
        break;
    default:
        values[nth / kinds].size = great;
        (void) snprintf(text, sizeof(text), "%zu", great);
        break;
    }
    append(conversions[nth % kinds], text);
}

static void
append(const char *in_format, const char *text)
{
    (void) strcat(format, in_format);
    (void) strcpy(expected + expected_size, text);
    expected_size += strlen(text);
}

static void
append_string(char c, size_t count)
{
    char text[STRING_MAX + 1];

    memset(text, c, count);
    text[count] = '\0';
    append(text, text);
}

static void
append_error(ngx_err_t err)
{
    char text[LINE_MAX_SIZE];

    if (err != 0) {
        (void) snprintf(text, sizeof(text), " (%d: %s)", err, strerror(err));
        (void) strcpy(expected + expected_size, text);
        expected_size += strlen(text);
    }
}

static void
write_line(ngx_log_t *log, ngx_uint_t level, u_char *buf, size_t len)
{
    size_t size =
        expected_size < LINE_MAX_SIZE ? expected_size : (size_t) LINE_MAX_SIZE;

    lines++;
    check(log == &log_seen, "the writer gets its log");
    check(level == level_now, "a line has its message's level");
    check(len == size, "a line is as long as its text, or 511 bytes");
    check(memcmp(buf, expected, size) == 0, "a line has its message's text");
    ngx_log_error_core(level, &log_inner, 0, "another line");
    check(memcmp(buf, expected, size) == 0,
          "a line stays while its writer writes another one");
}

static void
write_inner(ngx_log_t *log, ngx_uint_t level, u_char *buf, size_t len)
{
    check(log == &log_inner && level == level_now &&
              len == strlen("another line") &&
              memcmp(buf, "another line", len) == 0,
          "a writer can write to another log");
}

static void
check(int holds, const char *words)
{
    if (!holds) {
        fprintf(stderr, "broken promise: %s\n  %s\n", words, format);
        abort();
    }
}
