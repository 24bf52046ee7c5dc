#include "op.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    POOL_SHIFT = 6,  /* in byte 0 of version 1 */
    MODE_SHIFT = 13, /* in an amount of version 1 */
    MODE_BITS = 3,

    POOL_FOLLOWS = 1 << 6, /* in byte 0 of version 2 */
    HAS_MODE = 1 << 7,
    IS_DISTANCE = HAS_MODE, /* of version 3's free, which has no amount */

    VARINT_BITS = 7, /* of a byte; bit 7: another byte follows */

    UNIT = 16,
    BIG_UNIT = 4096, /* the common page size */

    MAX_REACH = 3, /* bytes that are probed on each side of a boundary */
    LEFT_REACH = 8,
    PAGE_REACH = 1,

    SMALL_COUNT = 64,
    BIG_COUNT = 32,

    WORD_SIZE = 32, /* longer than any op's name, and any number */
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
static size_t decode_fixed(struct op *ret_op, const uint8_t *data, size_t size);
static size_t decode_variable(struct op *ret_op, enum op_version version,
                              struct op_before *before, const uint8_t *data,
                              size_t size);
static size_t encode_fixed(const struct op *op, uint8_t *out);
static size_t encode_variable(const struct op *op, enum op_version version,
                              struct op_before *before, uint8_t *out);
static size_t encode_near(uint32_t number, uint32_t age, uint8_t *out);
static void age_next(struct op_before *before, const struct op *op);
static uint32_t distance_get(uint32_t number);
static uint32_t distance_put(uint32_t distance);
static uint64_t varint_get(const uint8_t **data, const uint8_t *end,
                           unsigned bits);
static size_t varint_put(uint64_t number, uint8_t *out);
static int reach_offset(uint64_t value, int reach);
static size_t near(size_t base, int offset);
static size_t amount_print(uint64_t amount, char *out, size_t size);
static int amount_parse(const char *text, uint64_t *ret_amount);
static int near_parse(const char *text, enum op_mode mode, int reach,
                      uint64_t *ret_amount);
static int number_parse(const char *text, uint64_t end, uint64_t *ret_number);
static int operand_parse(struct op *op, char operand, const char *word);
static int word_next(const char **text, char *ret_word);

size_t
op_decode(struct op *ret_op, enum op_version version, struct op_before *before,
          const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    return version == OP_FIXED
               ? decode_fixed(ret_op, data, size)
               : decode_variable(ret_op, version, before, data, size);
}

size_t
op_encode(const struct op *op, enum op_version version,
          struct op_before *before, uint8_t *out)
{
    return version == OP_FIXED ? encode_fixed(op, out)
                               : encode_variable(op, version, before, out);
}

uint64_t
op_amount(enum op_mode mode, uint64_t value)
{
    return (uint64_t) mode << OP_VALUE_BITS |
           (value & (((uint64_t) 1 << OP_VALUE_BITS) - 1));
}

enum op_mode
op_amount_mode(uint64_t amount)
{
    return (enum op_mode)(amount >> OP_VALUE_BITS);
}

uint64_t
op_amount_value(uint64_t amount)
{
    return amount & (((uint64_t) 1 << OP_VALUE_BITS) - 1);
}

int
op_makes_object(unsigned code)
{
    switch (code) {
    case OP_PALLOC:
    case OP_PNALLOC:
    case OP_PCALLOC:
    case OP_PMEMALIGN:
    case OP_RESIZE:
        return 1;
    default:
        return 0;
    }
}

int
op_has(unsigned code, char operand)
{
    const struct info *info = op_info(code);
    const char *at = info != NULL ? info->operands : "";

    while (*at != '\0' && *at != operand) {
        at++;
    }
    return *at != '\0';
}

unsigned
op_times(const struct op *op)
{
    return op->code == OP_AGAIN ? 1 + op->number % OP_AGAIN_MAX : 1;
}

size_t
op_size(const struct op *op, const struct op_scale *scale)
{
    uint64_t value = op_amount_value(op->amount);

    switch (op_amount_mode(op->amount)) {
    case OP_BYTES:
        return value < SIZE_MAX ? value : SIZE_MAX;
    case OP_UNITS:
        return value <= SIZE_MAX / UNIT ? UNIT * value : SIZE_MAX;
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
        return value < SIZE_MAX ? SIZE_MAX - value : 0;
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
            used +=
                (size_t) snprintf(out + used, OP_TEXT_SIZE - used,
                                  *operand == 'p' ? "p%" PRIu32 : "#%" PRIu32,
                                  *operand == 'p' ? op->pool : op->number);
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
op_name(unsigned code)
{
    const struct info *info = op_info(code);

    return info != NULL ? info->text : NULL;
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

static size_t
decode_fixed(struct op *ret_op, const uint8_t *data, size_t size)
{
    uint8_t bytes[OP_SIZE] = {0};
    size_t taken = size < OP_SIZE ? size : OP_SIZE;
    unsigned amount;

    memcpy(bytes, data, taken);
    amount = bytes[2] | (unsigned) bytes[3] << 8;
    *ret_op = (struct op){
        .code = bytes[0] & (OP_CODES - 1),
        .pool = bytes[0] >> POOL_SHIFT,
        .number = bytes[1],
        .amount = op_amount((enum op_mode)(amount >> MODE_SHIFT),
                            amount & (OP_VALUES_1 - 1)),
    };
    return taken;
}

static size_t
encode_fixed(const struct op *op, uint8_t *out)
{
    uint64_t value = op_amount_value(op->amount);
    unsigned amount;

    if (op->pool >= OP_POOLS || op->number > UINT8_MAX ||
        value >= OP_VALUES_1) {
        return 0;
    }
    amount =
        (unsigned) op_amount_mode(op->amount) << MODE_SHIFT | (unsigned) value;
    out[0] = (uint8_t) (op->code | op->pool << POOL_SHIFT);
    out[1] = (uint8_t) op->number;
    out[2] = (uint8_t) amount;
    out[3] = (uint8_t) (amount >> 8);
    return OP_SIZE;
}

static size_t
decode_variable(struct op *ret_op, enum op_version version,
                struct op_before *before, const uint8_t *data, size_t size)
{
    const uint8_t *at = data + 1;
    const uint8_t *end = data + size;
    unsigned code = data[0] & (OP_CODES - 1);
    struct op op = {.code = (uint8_t) code};

    if (data[0] & POOL_FOLLOWS) {
        before->pool = (uint32_t) varint_get(&at, end, 32);
    }
    op.pool = before->pool;
    if (op_has(code, 'n')) {
        op.number = (uint32_t) varint_get(&at, end, 32);
    }
    if (version == OP_NEAR && code == OP_FREE && (data[0] & IS_DISTANCE)) {
        op.number = before->age + distance_get(op.number);
    }
    if (op_has(code, 's')) {
        uint64_t amount = varint_get(&at, end, 64);

        op.amount = data[0] & HAS_MODE
                        ? op_amount((enum op_mode)(amount % (1 << MODE_BITS)),
                                    amount >> MODE_BITS)
                        : op_amount(OP_BYTES, amount);
    }
    age_next(before, &op);
    *ret_op = op;
    return (size_t) (at - data);
}

/* An op without a pool leaves before->pool as it is. */
static size_t
encode_variable(const struct op *op, enum op_version version,
                struct op_before *before, uint8_t *out)
{
    enum op_mode mode = op_amount_mode(op->amount);
    uint64_t value = op_amount_value(op->amount);
    size_t size = 1;

    out[0] = op->code;
    if (op_has(op->code, 'p') && op->pool != before->pool) {
        before->pool = op->pool;
        out[0] |= POOL_FOLLOWS;
        size += varint_put(op->pool, out + size);
    }
    if (version == OP_NEAR && op->code == OP_FREE) {
        size = encode_near(op->number, before->age, out);
    } else if (op_has(op->code, 'n')) {
        size += varint_put(op->number, out + size);
    }
    if (op_has(op->code, 's') && mode == OP_BYTES) {
        size += varint_put(value, out + size);
    } else if (op_has(op->code, 's')) {
        out[0] |= HAS_MODE;
        size += varint_put(value << MODE_BITS | mode, out + size);
    }
    age_next(before, op);
    return size;
}

/* Writes a free in version 3: as a distance where a distance is shorter. */
static size_t
encode_near(uint32_t number, uint32_t age, uint8_t *out)
{
    uint8_t distance[OP_SIZE_MAX];
    size_t distance_size = varint_put(distance_put(number - age), distance);
    size_t size = varint_put(number, out + 1);

    out[0] = OP_FREE;
    if (distance_size < size) {
        out[0] |= IS_DISTANCE;
        memcpy(out + 1, distance, distance_size);
        size = distance_size;
    }
    return 1 + size;
}

static void
age_next(struct op_before *before, const struct op *op)
{
    if (op->code == OP_FREE) {
        before->age = op->number;
    } else if (op_makes_object(op->code)) {
        before->age++;
    }
}

/* Zigzag coding: 0, 1, 2, 3, 4, ... stands for 0, -1, 1, -2, 2, ... modulo
 * 2^32. */
static uint32_t
distance_get(uint32_t number)
{
    return number >> 1 ^ -(number & 1);
}

static uint32_t
distance_put(uint32_t distance)
{
    return distance << 1 ^ -(distance >> 31);
}

/* Reads a number of at most that many bits. Bytes from end on count as 0. */
static uint64_t
varint_get(const uint8_t **data, const uint8_t *end, unsigned bits)
{
    uint64_t number = 0;
    unsigned shift;

    for (shift = 0; shift < bits && *data < end; shift += VARINT_BITS) {
        uint8_t byte = *(*data)++;

        number |= (uint64_t) (byte & ((1 << VARINT_BITS) - 1)) << shift;
        if (byte >> VARINT_BITS == 0) {
            break;
        }
    }
    return number;
}

static size_t
varint_put(uint64_t number, uint8_t *out)
{
    size_t size = 0;

    while (number >> VARINT_BITS != 0) {
        out[size++] = (uint8_t) (number | 1 << VARINT_BITS);
        number >>= VARINT_BITS;
    }
    out[size++] = (uint8_t) number;
    return size;
}

/* Maps value to -reach ... reach. */
static int
reach_offset(uint64_t value, int reach)
{
    return (int) (value % (unsigned) (2 * reach + 1)) - reach;
}

static size_t
near(size_t base, int offset)
{
    if (offset < 0 && base < (size_t) -offset) {
        return 0;
    }
    if (offset > 0 && base > SIZE_MAX - (size_t) offset) {
        return SIZE_MAX;
    }
    return base + (size_t) offset;
}

static size_t
amount_print(uint64_t amount, char *out, size_t size)
{
    uint64_t value = op_amount_value(amount);
    int written = 0;

    switch (op_amount_mode(amount)) {
    case OP_BYTES:
        written = snprintf(out, size, "%" PRIu64, value);
        break;
    case OP_UNITS:
        written = snprintf(out, size, "%d*%" PRIu64, UNIT, value);
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
        written = snprintf(out, size, "%" PRIu64, value % SMALL_COUNT);
        break;
    case OP_BIG:
        written =
            snprintf(out, size, "%d*%" PRIu64, BIG_UNIT, value % BIG_COUNT);
        break;
    case OP_BEYOND:
        written = snprintf(out, size, "top-%" PRIu64, value);
        break;
    }
    return (size_t) written;
}

static int
amount_parse(const char *text, uint64_t *ret_amount)
{
    enum op_mode mode = OP_BYTES;
    uint64_t end = (uint64_t) 1 << OP_VALUE_BITS;
    uint64_t value;

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
near_parse(const char *text, enum op_mode mode, int reach, uint64_t *ret_amount)
{
    int sign = *text == '-' ? -1 : 1;
    uint64_t distance;

    if ((*text != '-' && *text != '+') ||
        number_parse(text + 1, (uint64_t) reach + 1, &distance) != 0) {
        return -EINVAL;
    }
    *ret_amount = op_amount(mode, (uint64_t) (reach + sign * (int) distance));
    return 0;
}

/* Reads text that is a decimal number below end, and nothing else. */
static int
number_parse(const char *text, uint64_t end, uint64_t *ret_number)
{
    unsigned long long number;
    char *rest;

    if (!isdigit((unsigned char) *text)) {
        return -EINVAL;
    }
    errno = 0;
    number = strtoull(text, &rest, 10);
    if (*rest != '\0' || errno != 0 || number >= end) {
        return -EINVAL;
    }
    *ret_number = number;
    return 0;
}

static int
operand_parse(struct op *op, char operand, const char *word)
{
    const uint64_t end = (uint64_t) UINT32_MAX + 1;
    uint64_t number;

    switch (operand) {
    case 'p':
        if (word[0] != 'p' || number_parse(word + 1, end, &number) != 0) {
            return -EINVAL;
        }
        op->pool = (uint32_t) number;
        return 0;
    case 'n':
        if (word[0] != '#' || number_parse(word + 1, end, &number) != 0) {
            return -EINVAL;
        }
        op->number = (uint32_t) number;
        return 0;
    default:
        return amount_parse(word, &op->amount);
    }
}

/* Reads the next word, and moves *text to its end. A '#' with a digit after it
 * is an operand; any other '#' starts a comment. */
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
