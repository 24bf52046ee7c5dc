#include "plan/sizes.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/generator.h"

/* The seed of all samples. Any number would do, as long as it stays. */
#define SIZES_SEED 20250101u

/* How often a sequence may repeat a line: far more than in any recording. */
#define SIZES_REPEAT_MAX 1e6

/* Characters of a line that a message shows, so that its other words fit. */
#define SIZES_SHOWN "%.80s"

static const char header[] = "bytes,weight";
static const char suffix[] = ".csv";

/* The state of the parser. */
struct reader {
    const char *path;
    size_t line;
    int has_header;
    size_t capacity; /* of the arrays */
    char *error;
};

static int sizes_name(struct sizes *sizes, const char *path, char *error);
static int sizes_read(struct sizes *sizes, struct reader *reader, FILE *file);
static int sizes_read_line(struct sizes *sizes, struct reader *reader,
                           char *line);
static int sizes_read_order(struct sizes *sizes, struct reader *reader,
                            const char *comment);
static int sizes_read_pair(struct sizes *sizes, struct reader *reader,
                           const char *line);
static int sizes_add(struct sizes *sizes, struct reader *reader, uint32_t bytes,
                     double weight);
static double sizes_total(const struct sizes *sizes);
static uint32_t sizes_at(const struct sizes *sizes, double at);
static int reader_fail(const struct reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static char *trim(char *text);
static int is_csv(const struct dirent *entry);
static struct sizes *load_from(const char *folder, const char *name,
                               char *error);

struct sizes *
sizes_create(const char *path, char *error)
{
    struct reader reader = {.path = path, .error = error};
    struct sizes *sizes = calloc(1, sizeof(*sizes));
    FILE *file;
    int err;

    if (sizes == NULL) {
        snprintf(error, SIZES_ERROR_MAX, "%s: out of memory", path);
        return NULL;
    }
    if (sizes_name(sizes, path, error) != 0) {
        goto fail;
    }
    file = fopen(path, "r");
    if (file == NULL) {
        snprintf(error, SIZES_ERROR_MAX, "%s: %s", path, strerror(errno));
        goto fail;
    }
    err = sizes_read(sizes, &reader, file);
    fclose(file);
    if (err != 0) {
        goto fail;
    }
    return sizes;

fail:
    sizes_destroy(sizes);
    return NULL;
}

void
sizes_destroy(struct sizes *sizes)
{
    if (sizes != NULL) {
        free(sizes->bytes);
        free(sizes->until);
        free(sizes);
    }
}

struct sizes **
sizes_list_create(const char *path, size_t *ret_count, char *error)
{
    struct dirent **entries;
    struct sizes **list;
    int found = scandir(path, &entries, is_csv, alphasort);
    int loaded = 0;

    if (found < 0) {
        snprintf(error, SIZES_ERROR_MAX, "%s: %s", path, strerror(errno));
        return NULL;
    }

    snprintf(error, SIZES_ERROR_MAX, "%s: %s", path,
             found == 0 ? "no *.csv in it" : "out of memory");
    list = calloc((size_t) found + 1, sizeof(struct sizes *));
    for (int i = 0; i < found; i++) {
        if (list != NULL && loaded == i) {
            list[i] = load_from(path, entries[i]->d_name, error);
            loaded += list[i] != NULL;
        }
        free(entries[i]);
    }
    free(entries);

    if (loaded == 0 || loaded < found) {
        sizes_list_destroy(list, (size_t) loaded);
        return NULL;
    }
    *ret_count = (size_t) loaded;
    return list;
}

void
sizes_list_destroy(struct sizes **list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sizes_destroy(list[i]);
    }
    free(list);
}

double
sizes_mean(const struct sizes *sizes)
{
    double total = sizes_total(sizes);
    double mean = 0;
    double before = 0;

    for (size_t i = 0; i < sizes->count; i++) {
        mean += sizes->bytes[i] * ((sizes->until[i] - before) / total);
        before = sizes->until[i];
    }
    return mean;
}

size_t
sizes_min(const struct sizes *sizes)
{
    size_t min = sizes->bytes[0];

    for (size_t i = 1; i < sizes->count; i++) {
        min = sizes->bytes[i] < min ? sizes->bytes[i] : min;
    }
    return min;
}

size_t
sizes_max(const struct sizes *sizes)
{
    size_t max = 0;

    for (size_t i = 0; i < sizes->count; i++) {
        max = sizes->bytes[i] > max ? sizes->bytes[i] : max;
    }
    return max;
}

size_t
sizes_period(const struct sizes *sizes, size_t wanted)
{
    size_t length;

    if (!sizes->is_sequence) {
        return wanted;
    }
    length = (size_t) sizes_total(sizes);
    return (wanted + length - 1) / length * length;
}

void
sizes_sample(const struct sizes *sizes, uint32_t *samples, size_t count)
{
    double total = sizes_total(sizes);
    struct generator generator;

    generator_init(&generator, SIZES_SEED);
    for (size_t i = 0; i < count; i++) {
        double at = sizes->is_sequence ? (double) (i % (size_t) total)
                                       : generator_unit(&generator) * total;

        samples[i] = sizes_at(sizes, at);
    }
}

/* The file's name without folder and suffix. */
static int
sizes_name(struct sizes *sizes, const char *path, char *error)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t length = strlen(name);

    if (length > strlen(suffix) &&
        strcmp(name + length - strlen(suffix), suffix) == 0) {
        length -= strlen(suffix);
    }
    if (length >= SIZES_NAME_MAX) {
        snprintf(error, SIZES_ERROR_MAX,
                 "%s: the name is longer than %d characters", path,
                 SIZES_NAME_MAX - 1);
        return -ENAMETOOLONG;
    }
    memcpy(sizes->name, name, length);
    return 0;
}

static int
sizes_read(struct sizes *sizes, struct reader *reader, FILE *file)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    int err = 0;

    while (err == 0 && (length = getline(&line, &capacity, file)) >= 0) {
        reader->line++;
        err = strlen(line) == (size_t) length
                  ? sizes_read_line(sizes, reader, line)
                  : reader_fail(reader, "found a NUL byte, expected text");
    }
    free(line);
    if (err == 0 && !feof(file)) {
        err = reader_fail(reader, "cannot be read");
    }
    if (err == 0 && sizes->count == 0) {
        err = reader_fail(reader, "found the end, expected %s",
                          reader->has_header ? "a line of bytes,weight"
                                             : "the header bytes,weight");
    }
    return err;
}

static int
sizes_read_line(struct sizes *sizes, struct reader *reader, char *line)
{
    char *comment = strchr(line, '#');
    char *text;

    if (comment != NULL) {
        *comment = '\0';
        if (sizes_read_order(sizes, reader, trim(comment + 1)) != 0) {
            return -EINVAL;
        }
    }
    text = trim(line);
    if (*text == '\0') {
        return 0;
    }
    if (reader->has_header) {
        return sizes_read_pair(sizes, reader, text);
    }
    if (strcmp(text, header) != 0) {
        return reader_fail(
            reader, "found \"" SIZES_SHOWN "\", expected the header \"%s\"",
            text, header);
    }
    reader->has_header = 1;
    return 0;
}

/* Any comment; only "order: ..." means something. */
static int
sizes_read_order(struct sizes *sizes, struct reader *reader,
                 const char *comment)
{
    static const char order[] = "order: ";

    if (strncmp(comment, order, strlen(order)) != 0) {
        return 0;
    }
    if (strcmp(comment + strlen(order), "sequence") != 0) {
        return reader_fail(reader,
                           "found the order \"" SIZES_SHOWN
                           "\", expected \"sequence\"",
                           comment + strlen(order));
    }
    if (reader->has_header) {
        return reader_fail(reader, "found the order, expected it above "
                                   "the header");
    }
    sizes->is_sequence = 1;
    return 0;
}

static int
sizes_read_pair(struct sizes *sizes, struct reader *reader, const char *line)
{
    char *end;
    unsigned long long bytes;
    double weight;

    errno = 0;
    bytes = strtoull(line, &end, 10);
    if (!isdigit((unsigned char) *line) || *end != ',') {
        return reader_fail(
            reader, "found \"" SIZES_SHOWN "\", expected bytes,weight", line);
    }
    if (errno != 0 || bytes == 0 || bytes > SIZES_BYTES_MAX) {
        return reader_fail(
            reader, "found \"" SIZES_SHOWN "\", expected bytes in 1 to %d",
            line, SIZES_BYTES_MAX);
    }

    line = end + 1;
    weight = strtod(line, &end);
    if (end == line || *end != '\0' || !isfinite(weight) || weight <= 0) {
        return reader_fail(reader,
                           "found the weight \"" SIZES_SHOWN
                           "\", expected a number above 0",
                           line);
    }
    if (sizes->is_sequence &&
        (weight != floor(weight) || weight > SIZES_REPEAT_MAX)) {
        return reader_fail(reader,
                           "found the weight \"" SIZES_SHOWN
                           "\", expected, in a sequence, a whole number up to "
                           "%.0f",
                           line, SIZES_REPEAT_MAX);
    }
    if (sizes->count > 0 && !isfinite(sizes_total(sizes) + weight)) {
        return reader_fail(reader,
                           "found the weight \"" SIZES_SHOWN
                           "\", expected a smaller one: the sum of all weights "
                           "is too large",
                           line);
    }
    return sizes_add(sizes, reader, (uint32_t) bytes, weight);
}

static int
sizes_add(struct sizes *sizes, struct reader *reader, uint32_t bytes,
          double weight)
{
    if (sizes->count == reader->capacity) {
        size_t capacity = reader->capacity == 0 ? 64 : 2 * reader->capacity;
        uint32_t *more = realloc(sizes->bytes, capacity * sizeof(*more));
        double *until;

        if (more == NULL) {
            return reader_fail(reader, "out of memory");
        }
        sizes->bytes = more;
        until = realloc(sizes->until, capacity * sizeof(*until));
        if (until == NULL) {
            return reader_fail(reader, "out of memory");
        }
        sizes->until = until;
        reader->capacity = capacity;
    }

    sizes->bytes[sizes->count] = bytes;
    sizes->until[sizes->count] =
        weight + (sizes->count > 0 ? sizes_total(sizes) : 0);
    sizes->count++;
    return 0;
}

/* The weights of all lines. */
static double
sizes_total(const struct sizes *sizes)
{
    return sizes->until[sizes->count - 1];
}

/* The size of the line whose weights hold at, 0 <= at < total. */
static uint32_t
sizes_at(const struct sizes *sizes, double at)
{
    size_t low = 0;
    size_t high = sizes->count - 1;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (at < sizes->until[middle]) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return sizes->bytes[low];
}

/* Writes what is wrong, and where. Returns -EINVAL. */
static int
reader_fail(const struct reader *reader, const char *format, ...)
{
    va_list args;
    int used = snprintf(reader->error, SIZES_ERROR_MAX,
                        "%s:%zu: ", reader->path, reader->line);

    if (used > 0 && used < SIZES_ERROR_MAX) {
        va_start(args, format);
        vsnprintf(reader->error + used, (size_t) (SIZES_ERROR_MAX - used),
                  format, args);
        va_end(args);
    }
    return -EINVAL;
}

/* text without the white space around it; cut in place. */
static char *
trim(char *text)
{
    static const char space[] = " \t\r\n";
    size_t length;

    text += strspn(text, space);
    length = strlen(text);
    while (length > 0 && strchr(space, text[length - 1]) != NULL) {
        length--;
    }
    text[length] = '\0';
    return text;
}

static int
is_csv(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return dot != NULL && dot != entry->d_name && strcmp(dot, suffix) == 0;
}

static struct sizes *
load_from(const char *folder, const char *name, char *error)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/%s", folder, name);

    if (length < 0 || (size_t) length >= sizeof(path)) {
        snprintf(error, SIZES_ERROR_MAX, "%s: the path is too long", name);
        return NULL;
    }
    return sizes_create(path, error);
}
