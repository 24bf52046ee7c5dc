#include "roundtrip.h"

#include <errno.h>
#include <string.h>

#include "op.h"
#include "program.h"

enum {
    OPS = 4096, /* of a program that are checked */
};

static const char *check_bytes(const uint8_t *data, size_t size);
static const char *check_op(const struct op *op, enum op_version version,
                            const struct op *again);
static const char *check_text(const uint8_t *data, size_t size);
static const char *check_as_text(const uint8_t *data, size_t size);

const char *
roundtrip_check(const uint8_t *data, size_t size)
{
    const char *broken = check_bytes(data, size);

    if (broken == NULL) {
        broken = check_text(data, size);
    }
    return broken != NULL ? broken : check_as_text(data, size);
}

static const char *
check_bytes(const uint8_t *data, size_t size)
{
    static uint8_t out[1 + OPS * OP_SIZE_MAX];
    char error[PROGRAM_ERROR_MAX];
    struct program program;
    struct program again;
    struct program_end end;
    size_t count = 0;
    size_t length;
    struct op op;
    int is_known = 1;

    program_init(&program, data, size);
    length = program_end_init(&end, program.version, out);
    for (; count < OPS && program_next(&program, &op); count++) {
        size_t taken = program_end_add(&end, &op, out + length);

        if (taken == 0 || taken > OP_SIZE_MAX) {
            return "a decoded op can be encoded";
        }
        length += taken;
        is_known &= op.code < OP_COUNT;
    }
    if (count < OPS && program.offset != size) {
        return "decoding takes all bytes";
    }
    if (is_known && program_check(out, length, error) != 0) {
        return "an encoded program passes program_check()";
    }

    program_init(&program, data, size);
    program_init(&again, out, length);
    for (; count != 0; count--) {
        struct op decoded;
        const char *broken;

        if (!program_next(&program, &op) || !program_next(&again, &decoded)) {
            return "an encoded program has the same number of ops";
        }
        broken = check_op(&op, program.version, &decoded);
        if (broken != NULL) {
            return broken;
        }
    }
    return again.offset == length ? NULL
                                  : "an encoded program ends after its last op";
}

/* Versions 2 and 3 have only the operands that the op has. */
static const char *
check_op(const struct op *op, enum op_version version, const struct op *again)
{
    int all = version == OP_FIXED;

    if (op->code != again->code ||
        ((all || op_has(op->code, 'p')) && op->pool != again->pool) ||
        ((all || op_has(op->code, 'w')) && op->who != again->who) ||
        ((all || op_has(op->code, 's')) && op->amount != again->amount)) {
        return "an op is the same after encoding and decoding";
    }
    return NULL;
}

static const char *
check_text(const uint8_t *data, size_t size)
{
    const struct op_scale scale = {.max = 944, .left = 100, .page = 4096};
    struct program program;
    struct op op;
    size_t i;

    program_init(&program, data, size);
    for (i = 0; i < OPS && program_next(&program, &op); i++) {
        char text[OP_TEXT_SIZE];
        char printed[OP_TEXT_SIZE];
        struct op parsed;

        if (op_print(&op, text) >= sizeof(text)) {
            return "an op's text fits into OP_TEXT_SIZE bytes";
        }
        if (op_parse(&parsed, text) != 0) {
            return "an op's text can be parsed";
        }
        (void) op_print(&parsed, printed);
        if (strcmp(printed, text) != 0) {
            return "an op's text is the same after parsing and printing";
        }
        if (op_has(op.code, 's') &&
            op_size(&op, &scale) != op_size(&parsed, &scale)) {
            return "an op's text has the op's size";
        }
    }
    return NULL;
}

static const char *
check_as_text(const uint8_t *data, size_t size)
{
    static const enum op_version versions[] = {OP_FIXED, OP_VARIABLE, OP_NEAR};
    static char text[OPS];
    static uint8_t out[OPS + 2];
    char error[PROGRAM_ERROR_MAX];
    size_t v;

    size = size < sizeof(text) ? size : sizeof(text) - 1;
    memcpy(text, data, size);
    text[size] = '\0';
    for (v = 0; v < sizeof(versions) / sizeof(versions[0]); v++) {
        size_t length;
        int rc = program_parse(text, versions[v], out, size + 2, &length);

        if (rc == 0 &&
            (length > size + 2 || program_check(out, length, error) != 0)) {
            return "a parsed program passes program_check()";
        }
        if (rc != 0 && (length == 0 || length > size + 1)) {
            return "the number of a refused line is one of the text's lines";
        }
        if (rc == -ENOSPC || (rc == -ERANGE && versions[v] != OP_FIXED)) {
            return "a text's program has at most two bytes more than the text";
        }
    }
    return NULL;
}
