/*
 * ops_convert: a program's bytes to text and back.
 *
 *     ops_convert IN OUT
 *
 *     ops_convert --list
 *
 * IN is text when its name ends in .ops, else bytes; OUT is the other one.
 * --list prints each op with operands of 0, and what it does.
 */
#include "program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    IN_SIZE_MAX = 1024 * 1024, /* of a file; no program is so long */
};

static void list(void);
static int is_text(const char *path);
static int read_file(const char *path, char *ret_data, size_t *ret_size);
static int write_text(const char *path, const char *data, size_t size);
static int write_bytes(const char *in, const char *out, const char *text);

int
main(int argc, char **argv)
{
    static char data[IN_SIZE_MAX];
    size_t size;

    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        list();
        return EXIT_SUCCESS;
    }
    if (argc != 3) {
        fprintf(stderr, "usage: %s IN OUT | --list\n", argv[0]);
        return EXIT_FAILURE;
    }
    if (read_file(argv[1], data, &size) != 0) {
        return EXIT_FAILURE;
    }
    if (is_text(argv[1])) {
        return write_bytes(argv[1], argv[2], data);
    }
    return write_text(argv[2], data, size);
}

static void
list(void)
{
    unsigned code;

    for (code = 0; code < OP_COUNT; code++) {
        const struct op op = {.code = (uint8_t) code};
        char text[OP_TEXT_SIZE];

        op_print(&op, text);
        printf("%-24s %s\n", text, op_meaning(code));
    }
}

static int
is_text(const char *path)
{
    const char *end = strrchr(path, '.');

    return end != NULL && strcmp(end, ".ops") == 0;
}

/* The data end in a zero byte that size does not count. */
static int
read_file(const char *path, char *ret_data, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    size_t size;

    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    size = fread(ret_data, 1, IN_SIZE_MAX, file);
    (void) fclose(file);
    if (size == IN_SIZE_MAX) {
        fprintf(stderr, "%s: longer than %d bytes\n", path, IN_SIZE_MAX - 1);
        return -1;
    }
    ret_data[size] = '\0';
    *ret_size = size;
    return 0;
}

static int
write_text(const char *path, const char *data, size_t size)
{
    FILE *file = fopen(path, "w");
    int failed;

    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return EXIT_FAILURE;
    }
    program_print((const uint8_t *) data, size, file);
    failed = ferror(file);
    return fclose(file) == 0 && !failed ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
write_bytes(const char *in, const char *out, const char *text)
{
    static uint8_t bytes[IN_SIZE_MAX];
    size_t length;
    size_t written;
    FILE *file;

    if (program_parse(text, OP_FIXED, bytes, sizeof(bytes), &length) != 0) {
        fprintf(stderr, "%s:%zu: not an op; see pool/ops/op.h\n", in, length);
        return EXIT_FAILURE;
    }
    file = fopen(out, "wb");
    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", out, strerror(errno));
        return EXIT_FAILURE;
    }
    written = fwrite(bytes, 1, length, file);
    return fclose(file) == 0 && written == length ? EXIT_SUCCESS : EXIT_FAILURE;
}
