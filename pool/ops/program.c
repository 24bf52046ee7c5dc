#include "program.h"

#include <errno.h>
#include <string.h>

void
program_init(struct program *program, const uint8_t *data, size_t size)
{
    program->data = data;
    program->size = size;
    program->offset = size == 0 ? 0 : 1;
}

int
program_next(struct program *program, struct op *ret_op)
{
    size_t left = program->size - program->offset;

    if (left == 0) {
        return 0;
    }
    program->offset += op_decode(ret_op, program->data + program->offset, left);
    return 1;
}

int
program_parse(const char *text, uint8_t *out, size_t size, size_t *ret_length)
{
    size_t length = 1;
    size_t line = 1;

    if (size == 0) {
        *ret_length = line;
        return -ENOSPC;
    }
    out[0] = PROGRAM_VERSION;

    for (; *text != '\0'; line++) {
        struct op op;
        int rc = op_parse(&op, text);

        if (rc == 0 && size - length < OP_SIZE) {
            rc = -ENOSPC;
        }
        if (rc != 0 && rc != -ENOENT) {
            *ret_length = line;
            return rc;
        }
        if (rc == 0) {
            op_encode(&op, out + length);
            length += OP_SIZE;
        }
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    *ret_length = length;
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
