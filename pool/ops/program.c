#include "program.h"

#include <errno.h>
#include <string.h>

static int is_version(uint8_t byte);
static const char *compressor(const uint8_t *data, size_t size);

void
program_init(struct program *program, const uint8_t *data, size_t size)
{
    *program = (struct program){
        .data = data,
        .size = size,
        .offset = size == 0 ? 0 : 1,
        .version = size != 0 && is_version(data[0]) ? (enum op_version) data[0]
                                                    : OP_VARIABLE,
    };
}

int
program_next(struct program *program, struct op *ret_op)
{
    size_t left = program->size - program->offset;

    if (left == 0) {
        return 0;
    }
    program->offset += op_decode(ret_op, program->version, &program->before,
                                 program->data + program->offset, left);
    return 1;
}

size_t
program_end_init(struct program_end *end, enum op_version version, uint8_t *out)
{
    *end = (struct program_end){.version = version};
    out[0] = (uint8_t) version;
    return 1;
}

size_t
program_end_add(struct program_end *end, const struct op *op, uint8_t *out)
{
    return op_encode(op, end->version, &end->before, out);
}

int
program_parse(const char *text, enum op_version version, uint8_t *out,
              size_t size, size_t *ret_length)
{
    struct program_end end;
    size_t length;
    size_t line = 1;

    if (size == 0) {
        *ret_length = line;
        return -ENOSPC;
    }
    length = program_end_init(&end, version, out);

    for (; *text != '\0'; line++) {
        uint8_t record[OP_SIZE_MAX];
        size_t taken = 0;
        struct op op;
        int rc = op_parse(&op, text);

        if (rc == 0) {
            taken = program_end_add(&end, &op, record);
            rc = taken == 0 ? -ERANGE : taken > size - length ? -ENOSPC : 0;
        }
        if (rc != 0 && rc != -ENOENT) {
            *ret_length = line;
            return rc;
        }
        if (rc == 0) {
            memcpy(out + length, record, taken);
            length += taken;
        }
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    *ret_length = length;
    return 0;
}

int
program_check(const uint8_t *data, size_t size, char *error)
{
    struct program program;
    struct program_end end;
    uint8_t record[OP_SIZE_MAX];
    const char *packed = compressor(data, size);
    size_t offset = 1;
    struct op op;

    if (packed != NULL) {
        snprintf(error, PROGRAM_ERROR_MAX,
                 "offset 0: found a file compressed by %s, expected a program; "
                 "%s -dc FILE >PROGRAM unpacks it",
                 packed, packed);
        return -EINVAL;
    }
    if (size == 0 || !is_version(data[0])) {
        snprintf(error, PROGRAM_ERROR_MAX,
                 size == 0 ? "offset 0: found the end, expected version 1 to 3"
                           : "offset 0: found version %u, expected 1 to 3",
                 size == 0 ? 0u : (unsigned) data[0]);
        return -EINVAL;
    }
    program_init(&program, data, size);
    (void) program_end_init(&end, program.version, record);
    for (; program_next(&program, &op); offset = program.offset) {
        size_t length = program_end_add(&end, &op, record);

        if (op.code >= OP_COUNT) {
            snprintf(error, PROGRAM_ERROR_MAX,
                     "offset %zu: found opcode %u, expected one below %u",
                     offset, op.code, (unsigned) OP_COUNT);
            return -EINVAL;
        }
        if (length != program.offset - offset ||
            memcmp(record, data + offset, length) != 0) {
            snprintf(error, PROGRAM_ERROR_MAX,
                     "offset %zu: found %zu bytes of \"%s\", expected the "
                     "%zu bytes that a writer makes",
                     offset, program.offset - offset, op_name(op.code), length);
            return -EINVAL;
        }
    }
    return 0;
}

void
program_print(const uint8_t *data, size_t size, FILE *out)
{
    struct program program;
    struct op op;

    program_init(&program, data, size);
    while (program_next(&program, &op)) {
        char text[OP_TEXT_SIZE];

        op_print(&op, text);
        fprintf(out, "%s\n", text);
    }
}

static int
is_version(uint8_t byte)
{
    return byte >= OP_FIXED && byte <= OP_NEAR;
}

/* The program that compressed data, by its first bytes, or NULL. */
static const char *
compressor(const uint8_t *data, size_t size)
{
    static const struct {
        const char *name;
        uint8_t bytes[4];
        size_t count;
    } known[] = {
        {"gzip", {0x1f, 0x8b}, 2},
        {"xz", {0xfd, '7', 'z', 'X'}, 4},
        {"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4},
    };
    size_t i;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (size >= known[i].count &&
            memcmp(data, known[i].bytes, known[i].count) == 0) {
            return known[i].name;
        }
    }
    return NULL;
}
