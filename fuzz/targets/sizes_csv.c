/*
 * sizes_csv: a file of sizes (bench/plan/sizes.h) with any bytes is either
 * refused or read, as a second reader here says. The message of a refusal has
 * the file, the first wrong line, the found and the expected text. A
 * distribution that is read has the numbers of the file's lines. Out of memory
 * is an error like others, and nothing leaks. The input is the file.
 */
#include <ctype.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/sizes.h"
#include "replay.h"
#include "seam.h"

enum {
    TEXT_MAX = 64 * 1024, /* longer inputs are not tried */
    LINES_MAX = TEXT_MAX / 4,
    SAMPLES = 512,

    /* A line's share of the samples differs from its share of the weights by
     * less than 1 / SHARE_PARTS. The seed is fixed, so the random numbers are
     * the same for each file. The share of them that lies in an interval
     * differs from the interval's length by at most 0.06. */
    SHARE_PARTS = 12,
};

/* The file's path and the name of its sizes, by the input's size. */
static const struct {
    const char *path;
    const char *name;
} names[] = {
    {"folder/name.csv", "name"},
    {"name.csv", "name"},
    {"folder.csv/two.parts.csv", "two.parts"},
    {"folder/name.txt", "name.txt"},
    {"./.csv", ".csv"},
    {"csv", "csv"},
    {"folder/a_name_of_as_many_bytes_as_fits.csv",
     "a_name_of_as_many_bytes_as_fits"},
};

static const char blanks[] = " \t\r";
static const char order[] = "order: sequence";
static const char other_order[] = "order: ";
static const char header[] = "bytes,weight";

/* The file, as read_again() reads it. */
static struct {
    size_t wrong; /* the number of the first wrong line, from 1 */
    int is_valid;
    int is_sequence;
    int has_header;
    size_t count;
    uint64_t bytes[LINES_MAX];
    double weights[LINES_MAX];
    double total;
} expected;

static void check_sizes(const uint8_t *data, size_t size);
static void check_error(const char *error, const char *path);
static void check_figures(const struct sizes *sizes, const char *name);
static void check_samples(const struct sizes *sizes);
static int is_size(const struct sizes *sizes, uint32_t bytes);
static void check_shares(const struct sizes *sizes, const uint32_t *samples);
static void read_again(const uint8_t *data, size_t size);
static int read_line(const char *line, size_t size);
static int read_comment(const char *comment);
static int read_pair(const char *at);
static int is_weight(double weight);
static char *trimmed(char *text);
static void check(int holds, const char *words);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_sizes(data, size);
    return 0;
}

void
replay_one(const uint8_t *data, size_t size)
{
    check_sizes(data, size);
}

static void
check_sizes(const uint8_t *data, size_t size)
{
    const size_t at = size % (sizeof(names) / sizeof(names[0]));
    const char *path = names[at].path;
    char error[SIZES_ERROR_MAX] = "";
    struct sizes *sizes;
    size_t nth = 0;
    int is_refused;

    if (size >= TEXT_MAX) {
        return;
    }
    /* Lets allocation 0 fail, then 1, then 2, ... until the call needs no
     * more. */
    do {
        seam_begin(data, size, nth++);
        sizes = sizes_create(path, error);
        is_refused = seam_refusals() != 0;
        if (is_refused) {
            check(sizes == NULL &&
                      (strstr(error, "out of memory") != NULL ||
                       strstr(error, "cannot be read") != NULL) &&
                      strncmp(error, path, strlen(path)) == 0 &&
                      error[strlen(path)] == ':',
                  "an error for lack of memory names its cause");
            check(seam_live() == 0, "a refused file leaves no memory");
        }
    } while (is_refused);

    read_again(data, size);
    check((sizes != NULL) == expected.is_valid,
          "a file is read if all its lines are right");
    if (sizes == NULL) {
        check_error(error, path);
    } else {
        check_figures(sizes, names[at].name);
        check_samples(sizes);
        sizes_destroy(sizes);
    }
    check(seam_live() == 0, "sizes_destroy() releases all memory");
}

static void
check_error(const char *error, const char *path)
{
    char *end;
    unsigned long line;

    check(strnlen(error, SIZES_ERROR_MAX) < SIZES_ERROR_MAX,
          "an error fits into SIZES_ERROR_MAX bytes");
    check(strncmp(error, path, strlen(path)) == 0 && error[strlen(path)] == ':',
          "an error names the file");
    line = strtoul(error + strlen(path) + 1, &end, 10);
    check(*end == ':' && line == expected.wrong,
          "an error names the first wrong line");
    check(strstr(end, "found ") != NULL && strstr(end, "expected") != NULL,
          "an error has the found and the expected text");
}

static void
check_figures(const struct sizes *sizes, const char *name)
{
    long double total = 0;
    long double mean = 0;
    size_t least = SIZES_BYTES_MAX;
    size_t most = 0;

    check(strcmp(sizes->name, name) == 0, "the name is the file's");
    check(sizes->is_sequence == expected.is_sequence,
          "the order is the file's");
    check(sizes->count == expected.count && sizes->count > 0,
          "each line is read once");
    for (size_t i = 0; i < sizes->count; i++) {
        size_t bytes = sizes->bytes[i];

        check(bytes == expected.bytes[i], "the bytes are those of the line");
        total += (long double) expected.weights[i];
        check(isfinite(sizes->until[i]) && fabsl((long double) sizes->until[i] -
                                                 total) <= total * 1e-12L,
              "until is the sum of the weights so far");
        least = bytes < least ? bytes : least;
        most = bytes > most ? bytes : most;
    }
    check(sizes_min(sizes) == least && sizes_max(sizes) == most,
          "least and most are those of the lines");
    for (size_t i = 0; i < sizes->count; i++) {
        mean += (long double) expected.weights[i] / total *
                (long double) sizes->bytes[i];
    }
    check(fabsl((long double) sizes_mean(sizes) - mean) <=
              (long double) most * 1e-9L,
          "the mean is that of the lines");
}

/* The samples of a sequence are its lines in order; other samples are sizes of
 * the file. */
static void
check_samples(const struct sizes *sizes)
{
    uint32_t samples[SAMPLES];
    uint32_t again[SAMPLES];
    size_t line = 0;
    double played = 0;

    sizes_sample(sizes, samples, SAMPLES);
    sizes_sample(sizes, again, SAMPLES);
    check(memcmp(samples, again, sizeof(samples)) == 0,
          "the samples are the same each time");
    for (size_t i = 0; i < SAMPLES; i++) {
        if (sizes->is_sequence) {
            check(samples[i] == expected.bytes[line], "a sequence is played");
            if (++played >= expected.weights[line]) {
                played = 0;
                line = (line + 1) % expected.count;
            }
        } else {
            check(is_size(sizes, samples[i]), "a sample is one of the sizes");
        }
    }
    if (sizes->is_sequence) {
        size_t length = (size_t) sizes->until[sizes->count - 1];
        size_t period = sizes_period(sizes, SAMPLES);

        check(period % length == 0 && period >= SAMPLES &&
                  period - SAMPLES < length,
              "a sequence ends with its last line");
    } else {
        check(sizes_period(sizes, SAMPLES) == SAMPLES,
              "random samples have no period");
        check_shares(sizes, samples);
    }
}

static int
is_size(const struct sizes *sizes, uint32_t bytes)
{
    for (size_t i = 0; i < sizes->count; i++) {
        if (sizes->bytes[i] == bytes) {
            return 1;
        }
    }
    return 0;
}

/* Checks the share of the line with the most weight, unless another line has
 * the same size: then the samples do not say which line they are of. */
static void
check_shares(const struct sizes *sizes, const uint32_t *samples)
{
    double total = sizes->until[sizes->count - 1];
    size_t most = 0;
    size_t same = 0;
    size_t sampled = 0;

    for (size_t i = 0; i < expected.count; i++) {
        most = expected.weights[i] > expected.weights[most] ? i : most;
    }
    for (size_t i = 0; i < expected.count; i++) {
        same += expected.bytes[i] == expected.bytes[most];
    }
    for (size_t i = 0; i < SAMPLES; i++) {
        sampled += samples[i] == expected.bytes[most];
    }
    check(same > 1 || fabs((double) sampled / SAMPLES -
                           expected.weights[most] / total) < 1.0 / SHARE_PARTS,
          "sizes are sampled by weight");
}

/* Reads the file up to its first wrong line, or to its end. */
static void
read_again(const uint8_t *data, size_t size)
{
    size_t from = 0;

    expected.wrong = 0;
    expected.is_valid = 0;
    expected.is_sequence = 0;
    expected.has_header = 0;
    expected.count = 0;
    expected.total = 0;
    while (from < size) {
        const uint8_t *newline = memchr(data + from, '\n', size - from);
        size_t until = newline == NULL ? size : (size_t) (newline - data);

        expected.wrong++;
        if (!read_line((const char *) data + from, until - from)) {
            return;
        }
        from = until + 1;
    }
    expected.is_valid = expected.count != 0;
}

/* Reads a line: the header, an empty line, or digits, a comma and a weight, and
 * then a comment. Returns whether it is right. */
static int
read_line(const char *line, size_t size)
{
    static char text[TEXT_MAX];
    char *comment;
    char *at;

    if (memchr(line, '\0', size) != NULL) {
        return 0;
    }
    memcpy(text, line, size);
    text[size] = '\0';
    comment = strchr(text, '#');
    if (comment != NULL) {
        *comment++ = '\0';
        if (!read_comment(trimmed(comment))) {
            return 0;
        }
    }
    at = trimmed(text);
    if (*at == '\0' || expected.has_header) {
        return *at == '\0' || read_pair(at);
    }
    expected.has_header = 1;
    return strcmp(at, header) == 0;
}

/* The only order is "sequence". It stands above the header, perhaps more than
 * once. */
static int
read_comment(const char *comment)
{
    if (strncmp(comment, other_order, strlen(other_order)) != 0) {
        return 1;
    }
    expected.is_sequence = 1;
    return strcmp(comment, order) == 0 && !expected.has_header;
}

static int
read_pair(const char *at)
{
    uint64_t bytes = 0;
    double weight;
    char *end;

    if (!isdigit((unsigned char) *at)) {
        return 0;
    }
    for (; isdigit((unsigned char) *at); at++) {
        bytes = 10 * bytes + (uint64_t) (*at - '0');
        /* Leading zeros do not matter, and more digits make no valid size. */
        bytes =
            bytes > SIZES_BYTES_MAX ? (uint64_t) SIZES_BYTES_MAX + 1 : bytes;
    }
    if (*at != ',' || bytes == 0 || bytes > SIZES_BYTES_MAX) {
        return 0;
    }
    weight = strtod(at + 1, &end);
    if (end == at + 1 || *end != '\0' || !is_weight(weight)) {
        return 0;
    }
    expected.bytes[expected.count] = bytes;
    expected.weights[expected.count++] = weight;
    expected.total += weight;
    return 1;
}

static int
is_weight(double weight)
{
    if (expected.is_sequence && (trunc(weight) != weight || weight > 1e6)) {
        return 0;
    }
    return weight > 0 && isfinite(weight) && isfinite(expected.total + weight);
}

/* text without the blanks around it; cut in place. */
static char *
trimmed(char *text)
{
    size_t length;

    text += strspn(text, blanks);
    length = strlen(text);
    while (length != 0 && strchr(blanks, text[length - 1]) != NULL) {
        length--;
    }
    text[length] = '\0';
    return text;
}

static void
check(int holds, const char *words)
{
    if (!holds) {
        fprintf(stderr, "broken promise: %s\n", words);
        abort();
    }
}
