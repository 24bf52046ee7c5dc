#include "plan/sizes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    SAMPLES = 100000,
};

/* A file with text in it, its name ending in ".csv". */
static void
write_csv(char *path, const char *text)
{
    int fd;

    strcpy(path, "sizes_XXXXXX.csv");
    fd = mkstemps(path, 4);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
    close(fd);
}

static struct sizes *
load(const char *text, char *error)
{
    char path[32];
    struct sizes *sizes;

    write_csv(path, text);
    sizes = sizes_create(path, error);
    unlink(path);
    return sizes;
}

static void
test_sizes_reads_pairs_and_comments(void **state)
{
    char error[SIZES_ERROR_MAX] = "";
    struct sizes *sizes = load("# from: nowhere\r\n\n bytes,weight # header\n"
                               "8,1\n16,2.5 # more\n64,0.5",
                               error);

    (void) state;
    assert_non_null(sizes);
    assert_memory_equal(sizes->name, "sizes_", 6);
    assert_null(strchr(sizes->name, '.'));
    assert_false(sizes->is_sequence);
    assert_int_equal(sizes->count, 3);
    assert_int_equal(sizes->bytes[1], 16);
    assert_float_equal(sizes->until[2], 4, 0);
    assert_float_equal(sizes_mean(sizes), (8 + 40 + 32) / 4.0, 1e-9);
    assert_int_equal(sizes_max(sizes), 64);
    assert_int_equal(sizes_period(sizes, 1000), 1000);
    sizes_destroy(sizes);
}

static void
test_sizes_says_what_is_wrong_where(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"", ".csv:0: found the end, expected the header bytes,weight"},
        {"# a\n", ".csv:1: found the end, expected the header"},
        {"bytes,weight\n", ".csv:1: found the end, expected a line of bytes"},
        {"8,1\n", ".csv:1: found \"8,1\", expected the header"},
        {"bytes,weight\n8\n", ".csv:2: found \"8\", expected bytes,weight"},
        {"bytes,weight\nx,1\n", ".csv:2: found \"x,1\", expected bytes,weight"},
        {"bytes,weight\n-8,1\n", ".csv:2: found \"-8,1\", expected"},
        {"bytes,weight\n0,1\n", "expected bytes in 1 to 16777216"},
        {"bytes,weight\n16777217,1\n", "expected bytes in 1 to 16777216"},
        {"bytes,weight\n99999999999999999999,1\n", "expected bytes in 1 to"},
        {"bytes,weight\n8,\n", ":2: found the weight \"\", expected a number"},
        {"bytes,weight\n8,0\n", "found the weight \"0\""},
        {"bytes,weight\n8,-1\n", "found the weight \"-1\""},
        {"bytes,weight\n8,nan\n", "found the weight \"nan\""},
        {"bytes,weight\n8,1,2\n", "found the weight \"1,2\""},
        {"bytes,weight\n+8,1\n", ":2: found \"+8,1\", expected bytes,weight"},
        {"bytes,weight\n\v-18446744073709551615,1\n", "expected bytes,weight"},
        {"bytes,weight\n8,1e308\n9,1e308\n",
         ":3: found the weight \"1e308\", expected a smaller one"},
        {"bytes,weight\n8 ,1\n", ":2: found \"8 ,1\", expected bytes,weight"},
        {"bytes,weight\n8,1\nbytes,weight\n",
         ":3: found \"bytes,weight\", expected bytes,weight"},
        {"bytes,weight\n# order: sequence\n8,1\n",
         ":2: found the order, expected it above the header"},
        {"# order: sequences\nbytes,weight\n8,1\n",
         ":1: found the order \"sequences\", expected \"sequence\""},
        {"# order: random\nbytes,weight\n8,1\n",
         ":1: found the order \"random\", expected \"sequence\""},
        {"bytes,weight\n8,1\n# order: sequence\n",
         ":3: found the order, expected it above the header"},
        {"# order: sequence\nbytes,weight\n8,1.5\n",
         ":3: found the weight \"1.5\", expected, in a sequence, a whole"},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char error[SIZES_ERROR_MAX] = "";

        assert_null(load(cases[i].text, error));
        if (strstr(error, cases[i].says) == NULL) {
            fail_msg("found \"%s\", expected \"%s\" in it", error,
                     cases[i].says);
        }
    }
}

/* A message shows the start of a long line, and then what was expected. */
static void
test_sizes_shows_long_lines_in_part(void **state)
{
    char error[SIZES_ERROR_MAX] = "";
    char text[2 * SIZES_ERROR_MAX] = "bytes,weight\n";

    (void) state;
    memset(text + strlen(text), 'x', SIZES_ERROR_MAX);
    assert_null(load(text, error));
    assert_non_null(strstr(error, ".csv:2: found \"xxx"));
    assert_non_null(strstr(error, "xxx\", expected bytes,weight"));
}

static void
test_sizes_refuses_nul_bytes(void **state)
{
    static const char text[] = "bytes,weight\n8,1\0,2\n";
    char path[] = "sizes_XXXXXX.csv";
    char error[SIZES_ERROR_MAX] = "";
    int fd = mkstemps(path, 4);

    (void) state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    close(fd);
    assert_null(sizes_create(path, error));
    unlink(path);
    assert_non_null(strstr(error, ".csv:2: found a NUL byte, expected text"));
}

static void
test_sizes_file_that_is_not_there(void **state)
{
    char error[SIZES_ERROR_MAX] = "";
    size_t count = 7;

    (void) state;
    assert_null(sizes_create("no/such.csv", error));
    assert_non_null(strstr(error, "no/such.csv: No such file"));
    assert_null(sizes_list_create("no/such", &count, error));
    assert_non_null(strstr(error, "no/such: No such file"));
    assert_null(sizes_create("a_name_that_is_too_long_for_a_row_.csv", error));
    assert_non_null(strstr(error, "the name is longer than 31"));
    assert_int_equal(count, 7);
}

static void
test_sizes_list_names_the_broken_file(void **state)
{
    char folder[] = "sizes_dir_XXXXXX";
    char path[64];
    char error[SIZES_ERROR_MAX] = "";
    struct sizes **list;
    size_t count = 0;
    FILE *file;

    (void) state;
    assert_non_null(mkdtemp(folder));
    assert_null(sizes_list_create(folder, &count, error));
    assert_non_null(strstr(error, "no *.csv in it"));

    snprintf(path, sizeof(path), "%s/b.csv", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("bytes,weight\n8,1\n", file);
    fclose(file);
    list = sizes_list_create(folder, &count, error);
    assert_non_null(list);
    assert_int_equal(count, 1);
    assert_string_equal(list[0]->name, "b");
    sizes_list_destroy(list, count);

    file = fopen(path, "a");
    assert_non_null(file);
    fputs("9\n", file);
    fclose(file);
    assert_null(sizes_list_create(folder, &count, error));
    assert_non_null(strstr(error, "b.csv:3: "));
    unlink(path);
    rmdir(folder);
}

static void
test_sizes_sequence_is_played_as_it_stands(void **state)
{
    static const uint32_t want[] = {24, 8, 8, 32, 24, 8, 8, 32, 24};
    char error[SIZES_ERROR_MAX] = "";
    struct sizes *sizes =
        load("# order: sequence\nbytes,weight\n24,1\n8,2\n32,1\n", error);
    uint32_t samples[9];

    (void) state;
    assert_non_null(sizes);
    assert_true(sizes->is_sequence);
    sizes_sample(sizes, samples, 9);
    assert_memory_equal(samples, want, sizeof(want));
    assert_int_equal(sizes_period(sizes, 8), 8);
    assert_int_equal(sizes_period(sizes, 9), 12);
    sizes_destroy(sizes);
}

/* Each file that is shipped, and what its comment promises. */
static void
test_sizes_shipped_files_are_as_described(void **state)
{
    static const struct {
        const char *name;
        double mean;
        size_t max;
        double median; /* 0: not said */
    } cases[] = {
        {"fixed16", 16, 16, 16},        {"fixed4096", 4096, 4096, 4096},
        {"fixed512", 512, 512, 512},    {"fixed64", 64, 64, 64},
        {"fleet", 595.7, 65536, 48},    {"large", 191028, 1048576, 0},
        {"lognormal", 110.1, 1483, 67}, {"nginx_request", 629.6, 10240, 0},
        {"uniform", 512.5, 1024, 512},
    };
    static uint32_t samples[SAMPLES];
    char error[SIZES_ERROR_MAX] = "";
    size_t count;
    struct sizes **list = sizes_list_create(BENCH_SIZES_DIR, &count, error);

    (void) state;
    assert_non_null(list);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct sizes *sizes = NULL;
        double sum = 0;
        size_t below = 0;

        for (size_t j = 0; j < count; j++) {
            if (strcmp(list[j]->name, cases[i].name) == 0) {
                sizes = list[j];
            }
        }
        assert_non_null(sizes);
        assert_float_equal(sizes_mean(sizes), cases[i].mean, 0.5);
        assert_int_equal(sizes_max(sizes), cases[i].max);

        sizes_sample(sizes, samples, SAMPLES);
        for (size_t j = 0; j < SAMPLES; j++) {
            sum += samples[j];
            below += samples[j] <= cases[i].median;
        }
        assert_true(fabs(sum / SAMPLES / cases[i].mean - 1) < 0.05);
        assert_true(cases[i].median == 0 || below >= SAMPLES * 49 / 100);
    }
    sizes_list_destroy(list, count);
}

static void
test_sizes_nginx_request_keeps_its_order(void **state)
{
    static const uint32_t want[] = {
        1304, 1120, 224, 384, 208, 1120, 4,   10, 6,  31,    31, 24,  24,
        43,   80,   200, 80,  256, 16,   104, 16, 80, 10240, 16, 120,
    };
    char error[SIZES_ERROR_MAX] = "";
    struct sizes *sizes =
        sizes_create(BENCH_SIZES_DIR "/nginx_request.csv", error);
    uint32_t samples[25];

    (void) state;
    assert_non_null(sizes);
    assert_true(sizes->is_sequence);
    assert_int_equal(sizes_period(sizes, 25), 25);
    sizes_sample(sizes, samples, 25);
    assert_memory_equal(samples, want, sizeof(want));
    sizes_destroy(sizes);
}

/* The seed is fixed: another sequence would be another benchmark. */
static void
test_samples_are_the_same_everywhere(void **state)
{
    static const uint32_t want[] = {105, 31, 129, 66, 69, 44, 369, 57};
    char error[SIZES_ERROR_MAX] = "";
    struct sizes *sizes = sizes_create(BENCH_SIZES_DIR "/lognormal.csv", error);
    uint32_t samples[8];

    (void) state;
    assert_non_null(sizes);
    sizes_sample(sizes, samples, 8);
    assert_memory_equal(samples, want, sizeof(want));
    sizes_destroy(sizes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_are_the_same_everywhere),
        cmocka_unit_test(test_sizes_file_that_is_not_there),
        cmocka_unit_test(test_sizes_list_names_the_broken_file),
        cmocka_unit_test(test_sizes_nginx_request_keeps_its_order),
        cmocka_unit_test(test_sizes_reads_pairs_and_comments),
        cmocka_unit_test(test_sizes_refuses_nul_bytes),
        cmocka_unit_test(test_sizes_says_what_is_wrong_where),
        cmocka_unit_test(test_sizes_sequence_is_played_as_it_stands),
        cmocka_unit_test(test_sizes_shipped_files_are_as_described),
        cmocka_unit_test(test_sizes_shows_long_lines_in_part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
