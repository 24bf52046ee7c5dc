/* The log outside nginx: the levels that it accepts, and the text of a line. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "fixture.h"
#include "lines.h"

enum {
    LINE_MAX_SIZE = 511, /* bytes of a message that are kept */
};

static void
test_log_accepts_levels_up_to_its_own(void **state)
{
    ngx_uint_t log_level;
    ngx_uint_t level;

    (void) state;
    for (log_level = NGX_LOG_STDERR; log_level <= NGX_LOG_DEBUG; log_level++) {
        struct lines lines;

        lines_init(&lines, log_level);
        for (level = NGX_LOG_STDERR; level <= NGX_LOG_DEBUG; level++) {
            ngx_log_error(level, &lines.log, 0, "text");
        }
        assert_int_equal(lines.count, log_level + 1);
        for (level = 0; level < lines.count; level++) {
            lines_check(&lines, level, level, "text");
        }
    }
}

static void
test_log_takes_any_expression_as_a_level(void **state)
{
    struct lines lines;
    int is_error;

    (void) state;
    lines_init(&lines, NGX_LOG_ERR);
    for (is_error = 0; is_error <= 1; is_error++) {
        ngx_log_error(is_error ? NGX_LOG_ERR : NGX_LOG_DEBUG, &lines.log, 0,
                      "error");
        assert_int_equal(lines.count, is_error);
    }
    lines_check(&lines, 0, NGX_LOG_ERR, "error");
}

static void
test_log_of_a_category_accepts_every_level(void **state)
{
    struct lines lines;

    (void) state;
    lines_init(&lines, NGX_LOG_DEBUG_ALLOC);
    ngx_log_error(NGX_LOG_EMERG, &lines.log, 0, "text");
    ngx_log_error(NGX_LOG_DEBUG, &lines.log, 0, "text");
    assert_int_equal(lines.count, 2);
}

static void
test_log_of_null_is_silent(void **state)
{
    ngx_log_t *log = NULL;

    (void) state;
    ngx_log_error(NGX_LOG_EMERG, log, 0, "text");
}

static void
test_log_passes_itself_to_its_writer(void **state)
{
    struct lines lines;

    (void) state;
    lines_init(&lines, NGX_LOG_INFO);
    assert_ptr_equal(lines.log.wdata, &lines);
    ngx_log_error(NGX_LOG_INFO, &lines.log, 0, "abc");
    assert_int_equal(lines.line[0].size, 3);
    lines_check(&lines, 0, NGX_LOG_INFO, "abc");
}

static void
test_log_converts(void **state)
{
    struct lines lines;

    (void) state;
    lines_init(&lines, NGX_LOG_INFO);
    ngx_log_error(NGX_LOG_INFO, &lines.log, 0, "%s|%d|%d|%uz|%p|%%", "text",
                  -12, 34, (size_t) 56, (void *) &lines);
    assert_true(strncmp(lines.line[0].text, "text|-12|34|56|0x", 17) == 0);
    assert_true(strstr(lines.line[0].text, "|%") != NULL);

    ngx_log_error(NGX_LOG_INFO, &lines.log, 0, "%uz", SIZE_MAX);
    assert_int_equal(strtoull(lines.line[1].text, NULL, 10), SIZE_MAX);
    ngx_log_error(NGX_LOG_INFO, &lines.log, 0, "%s%s", "", "a");
    lines_check(&lines, 2, NGX_LOG_INFO, "a");
}

static void
test_log_appends_the_errors_text(void **state)
{
    struct lines lines;

    (void) state;
    lines_init(&lines, NGX_LOG_INFO);
    ngx_log_error(NGX_LOG_INFO, &lines.log, ENOENT, "open");
    lines_check(&lines, 0, NGX_LOG_INFO, "open (2: No such file or directory)");
}

static void
test_log_ends_a_message_at_an_unknown_conversion(void **state)
{
    struct lines lines;

    (void) state;
    lines_init(&lines, NGX_LOG_INFO);
    ngx_log_error(NGX_LOG_INFO, &lines.log, 0, "a%xb");
    ngx_log_error(NGX_LOG_INFO, &lines.log, 0, "c%ud", 1);
    ngx_log_error(NGX_LOG_INFO, &lines.log, 0, "e%");
    lines_check(&lines, 0, NGX_LOG_INFO, "a");
    lines_check(&lines, 1, NGX_LOG_INFO, "c");
    lines_check(&lines, 2, NGX_LOG_INFO, "e");
}

static void
test_log_keeps_511_bytes(void **state)
{
    struct lines lines;
    char text[2 * LINE_MAX_SIZE];
    size_t size;

    (void) state;
    for (size = LINE_MAX_SIZE - 4; size < LINE_MAX_SIZE + 4; size++) {
        size_t kept = size < LINE_MAX_SIZE ? size : LINE_MAX_SIZE;

        memset(text, 'x', size);
        text[size] = '\0';
        lines_init(&lines, NGX_LOG_INFO);
        ngx_log_error(NGX_LOG_INFO, &lines.log, 0, "%s", text);
        ngx_log_error_core(NGX_LOG_INFO, &lines.log, 0, text);
        ngx_log_error_core(NGX_LOG_INFO, &lines.log, ENOENT, text);
        ngx_log_error(NGX_LOG_INFO, &lines.log, ENOENT, "%s%s", text, text);
        text[kept] = '\0';
        lines_check(&lines, 0, NGX_LOG_INFO, text);
        lines_check(&lines, 1, NGX_LOG_INFO, text);
        assert_int_equal(lines.line[2].size, LINE_MAX_SIZE);
        assert_memory_equal(lines.line[2].text, text, kept);
        assert_int_equal(lines.line[3].size, LINE_MAX_SIZE);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_log_accepts_levels_up_to_its_own),
        FIXTURE_TEST(test_log_takes_any_expression_as_a_level),
        FIXTURE_TEST(test_log_of_a_category_accepts_every_level),
        FIXTURE_TEST(test_log_of_null_is_silent),
        FIXTURE_TEST(test_log_passes_itself_to_its_writer),
        FIXTURE_TEST(test_log_converts),
        FIXTURE_TEST(test_log_appends_the_errors_text),
        FIXTURE_TEST(test_log_ends_a_message_at_an_unknown_conversion),
        FIXTURE_TEST(test_log_keeps_511_bytes),
    };

    return GROUP_RUN(tests);
}
