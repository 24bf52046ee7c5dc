#include "op.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    POOL_SHIFT = 6, /* in byte 0 */
    MODE_SHIFT = 13,

    UNIT = 16,
    BIG_UNIT = 4096, /* the common page: what mmap deals in */

    MAX_REACH = 3, /* boundaries are probed so many bytes to both sides */
    LEFT_REACH = 8,
    PAGE_REACH = 1,

    SMALL_COUNT = 64,
    BIG_COUNT = 32,

    WORD_SIZE = 24, /* longer than any op's name */
};

struct info {
    const char *text;
    const char *operands;
    const char *meaning;
};

static const struct info infos[OP_COUNT] = {
#define INFO(name, text, operands, meaning) {text, operands, meaning},
    OP_LIST(INFO)
#undef INFO
};

static const struct info *op_info(unsigned code);
static int reach_offset(unsigned value, int reach);
static size_t near(size_t base, int offset);
static size_t amount_print(uint16_t amount, char *out, size_t size);
static int amount_parse(const char *text, uint16_t *ret_amount);
static int near_parse(const char *text, enum op_mode mode, int reach,
                      uint16_t *ret_amount);
static int number_parse(const char *text, unsigned long end,
                        unsigned *ret_number);
static int operand_parse(struct op *op, char operand, const char *word);
static int word_next(const char **text, char *ret_word);

size_t
op_decode(struct op *ret_op, const uint8_t *data, size_t size)
{
    uint8_t bytes[OP_SIZE] = {0};
    size_t taken = size < OP_SIZE ? size : OP_SIZE;

    if (taken != 0) {
        memcpy(bytes, data, taken);
    }
    ret_op->code = bytes[0] & (OP_CODES - 1);
    ret_op->pool = bytes[0] >> POOL_SHIFT;
    ret_op->who = bytes[1];
    ret_op->amount = (uint16_t) (bytes[2] | bytes[3] << 8);
    return taken;
}

void
op_encode(const struct op *op, uint8_t *out)
{
    out[0] = (uint8_t) (op->code | op->pool << POOL_SHIFT);
    out[1] = op->who;
    out[2] = (uint8_t) op->amount;
    out[3] = (uint8_t) (op->amount >> 8);
}

uint16_t
op_amount(enum op_mode mode, unsigned value)
{
    return (uint16_t) ((unsigned) mode << MODE_SHIFT | value);
}

size_t
op_size(const struct op *op, const struct op_scale *scale)
{
    unsigned value = op->amount & (OP_VALUES - 1);

    switch ((enum op_mode)(op->amount >> MODE_SHIFT)) {
    case OP_BYTES:
        return value;
    case OP_UNITS:
        return (size_t) UNIT * value;
    case OP_MAX:
        return near(scale->max, reach_offset(value, MAX_REACH));
    case OP_LEFT:
        return near(scale->left, reach_offset(value, LEFT_REACH));
    case OP_PAGE:
        return near(scale->page, reach_offset(value, PAGE_REACH));
    case OP_SMALL:
        return value % SMALL_COUNT;
    case OP_BIG:
        return (size_t) BIG_UNIT * (value % BIG_COUNT);
    case OP_BEYOND:
        return SIZE_MAX - value;
    }
    return 0;
}

size_t
op_print(const struct op *op, char *out)
{
    const struct info *info = op_info(op->code);
    const char *operand;
    size_t used;

    if (info == NULL) {
        info = &infos[OP_NOP];
    }
    used = (size_t) snprintf(out, OP_TEXT_SIZE, "%s", info->text);
    for (operand = info->operands; *operand != '\0'; operand++) {
        out[used++] = ' ';
        if (*operand == 's') {
            used += amount_print(op->amount, out + used, OP_TEXT_SIZE - used);
        } else {
            used += (size_t) snprintf(
                out + used, OP_TEXT_SIZE - used,
                *operand == 'p' ? "p%u" : "#%u",
                (unsigned) (*operand == 'p' ? op->pool : op->who));
        }
    }
    return used;
}

int
op_parse(struct op *ret_op, const char *text)
{
    struct op op = {0};
    char word[WORD_SIZE];
    const char *operand;
    unsigned code;
    int rc = word_next(&text, word);

    if (rc != 0) {
        return rc;
    }
    for (code = 0; strcmp(infos[code].text, word) != 0; code++) {
        if (code + 1 == OP_COUNT) {
            return -EINVAL;
        }
    }
    op.code = (uint8_t) code;

    for (operand = infos[code].operands; *operand != '\0'; operand++) {
        if (word_next(&text, word) != 0 ||
            operand_parse(&op, *operand, word) != 0) {
            return -EINVAL;
        }
    }
    if (word_next(&text, word) != -ENOENT) {
        return -EINVAL;
    }
    *ret_op = op;
    return 0;
}

const char *
op_meaning(unsigned code)
{
    const struct info *info = op_info(code);

    return info != NULL ? info->meaning : NULL;
}

static const struct info *
op_info(unsigned code)
{
    return code < OP_COUNT ? &infos[code] : NULL;
}

/* -reach ... reach */
static int
reach_offset(unsigned value, int reach)
{
    return (int) (value % (unsigned) (2 * reach + 1)) - reach;
}

static size_t
near(size_t base, int offset)
{
    if (offset < 0 && base < (size_t) -offset) {
        return 0;
    }
    return base + (size_t) offset;
}

static size_t
amount_print(uint16_t amount, char *out, size_t size)
{
    unsigned value = amount & (OP_VALUES - 1);
    int written = 0;

    switch ((enum op_mode)(amount >> MODE_SHIFT)) {
    case OP_BYTES:
        written = snprintf(out, size, "%u", value);
        break;
    case OP_UNITS:
        written = snprintf(out, size, "%d*%u", UNIT, value);
        break;
    case OP_MAX:
        written = snprintf(out, size, "max%+d", reach_offset(value, MAX_REACH));
        break;
    case OP_LEFT:
        written =
            snprintf(out, size, "left%+d", reach_offset(value, LEFT_REACH));
        break;
    case OP_PAGE:
        written =
            snprintf(out, size, "page%+d", reach_offset(value, PAGE_REACH));
        break;
    case OP_SMALL:
        written = snprintf(out, size, "%u", value % SMALL_COUNT);
        break;
    case OP_BIG:
        written = snprintf(out, size, "%d*%u", BIG_UNIT, value % BIG_COUNT);
        break;
    case OP_BEYOND:
        written = snprintf(out, size, "top-%u", value);
        break;
    }
    return (size_t) written;
}

static int
amount_parse(const char *text, uint16_t *ret_amount)
{
    enum op_mode mode = OP_BYTES;
    unsigned long end = OP_VALUES;
    unsigned value;

    if (strncmp(text, "max", 3) == 0) {
        return near_parse(text + 3, OP_MAX, MAX_REACH, ret_amount);
    }
    if (strncmp(text, "left", 4) == 0) {
        return near_parse(text + 4, OP_LEFT, LEFT_REACH, ret_amount);
    }
    if (strncmp(text, "page", 4) == 0) {
        return near_parse(text + 4, OP_PAGE, PAGE_REACH, ret_amount);
    }

    if (strncmp(text, "top-", 4) == 0) {
        mode = OP_BEYOND;
        text += 4;
    } else if (strncmp(text, "16*", 3) == 0) {
        mode = OP_UNITS;
        text += 3;
    } else if (strncmp(text, "4096*", 5) == 0) {
        mode = OP_BIG;
        end = BIG_COUNT;
        text += 5;
    }
    if (number_parse(text, end, &value) != 0) {
        return -EINVAL;
    }
    *ret_amount = op_amount(mode, value);
    return 0;
}

static int
near_parse(const char *text, enum op_mode mode, int reach, uint16_t *ret_amount)
{
    int sign = *text == '-' ? -1 : 1;
    unsigned distance;

    if ((*text != '-' && *text != '+') ||
        number_parse(text + 1, (unsigned long) reach + 1, &distance) != 0) {
        return -EINVAL;
    }
    *ret_amount = op_amount(mode, (unsigned) (reach + sign * (int) distance));
    return 0;
}

/* A decimal number below end, and nothing behind it. */
static int
number_parse(const char *text, unsigned long end, unsigned *ret_number)
{
    unsigned long number;
    char *rest;

    if (!isdigit((unsigned char) *text)) {
        return -EINVAL;
    }
    number = strtoul(text, &rest, 10);
    if (*rest != '\0' || number >= end) {
        return -EINVAL;
    }
    *ret_number = (unsigned) number;
    return 0;
}

static int
operand_parse(struct op *op, char operand, const char *word)
{
    unsigned number;

    switch (operand) {
    case 'p':
        if (word[0] != 'p' || number_parse(word + 1, OP_POOLS, &number) != 0) {
            return -EINVAL;
        }
        op->pool = (uint8_t) number;
        return 0;
    case 'w':
        if (word[0] != '#' ||
            number_parse(word + 1, UINT8_MAX + 1, &number) != 0) {
            return -EINVAL;
        }
        op->who = (uint8_t) number;
        return 0;
    default:
        return amount_parse(word, &op->amount);
    }
}

/* A '#' with a digit behind it is an operand, any other one a comment. */
static int
word_next(const char **text, char *ret_word)
{
    const char *at = *text;
    size_t length;

    at += strspn(at, " \t\r");
    if (*at == '\0' || *at == '\n' ||
        (*at == '#' && !isdigit((unsigned char) at[1]))) {
        return -ENOENT;
    }
    length = strcspn(at, " \t\r\n");
    if (length >= WORD_SIZE) {
        return -EINVAL;
    }
    memcpy(ret_word, at, length);
    ret_word[length] = '\0';
    *text = at + length;
    return 0;
}
