#include "write/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void
test_json_writes_what_a_parser_reads(void **state)
{
    static const char want[] =
        "{\n"
        "  \"a \\\"b\\\\\": \"\\u000a\\u0001\xc3\xa9\",\n"
        "  \"none\": null,\n"
        "  \"list\": [\n"
        "    -5,\n"
        "    0.10000000000000001,\n"
        "    {}\n"
        "  ],\n"
        "  \"no number\": null,\n"
        "  \"no text\": \"a\\ufffdb\\ufffd\\ufffd\\ufffd\xf0\x9f\x98\x80\",\n"
        "  \"stray\": \"\xc3\xa9\\ufffd\\u000b\",\n"
        "  \"raw\": [1]\n"
        "}\n";
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    struct json json;

    (void) state;
    assert_non_null(file);
    json_init(&json, file);
    json_open(&json, NULL, '{');
    json_string(&json, "a \"b\\", "\n\x01\xc3\xa9");
    json_string(&json, "none", NULL);
    json_open(&json, "list", '[');
    json_integer(&json, NULL, -5);
    json_number(&json, NULL, 0.1);
    json_open(&json, NULL, '{');
    json_close(&json, '}');
    json_close(&json, ']');
    json_number(&json, "no number", NAN);
    json_string(&json, "no text", "a\xff\x62\xed\xa0\x80\xf0\x9f\x98\x80");
    json_string(&json, "stray", "\xc3\xa9\x81\v");
    json_raw(&json, "raw", "[1]");
    json_close(&json, '}');
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, want);
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_writes_what_a_parser_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
