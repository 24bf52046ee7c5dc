#include "roundtrip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "op.h"
#include "program.h"

enum {
    OPS = 4096, /* of a program that are checked */

    /* The encoding, as op.h has it. */
    FIXED_SIZE = 4,
    CODE_BITS = 6,
    VALUE_BITS_1 = 13,
    POOL_FOLLOWS = 64,
    MODE_FOLLOWS = 128,
    NUMBER_BITS = 7, /* of a byte of a number */
    MORE_FOLLOWS = 128,

    GUARD = 32, /* bytes after the end of a short output */
    GUARD_BYTE = 0x5a,
};

/* The position of a second decoder, which is slow and simple. */
struct second {
    const uint8_t *data;
    size_t size;
    size_t at;
    unsigned version;
    uint32_t pool; /* of the op before */
    uint32_t age;  /* now, of the object that the last free named */
};

static const char *check_bytes(const uint8_t *data, size_t size);
static const char *check_op(const struct op *op, enum op_version version,
                            const struct op *again);
static const char *check_decoded(const uint8_t *data, size_t size);
static void second_next(struct second *second, struct op *ret_op);
static void second_next_fixed(struct second *second, struct op *ret_op);
static uint64_t second_number(struct second *second, unsigned bits);
static int makes(unsigned code);
static const char *check_size(const struct op *op);
static size_t second_size(const struct op *op, const struct op_scale *scale);
static size_t second_near(size_t base, uint64_t more, uint64_t less);
static const char *check_refusal(const uint8_t *data, size_t size);
static const char *check_text(const uint8_t *data, size_t size);
static const char *check_end(const char *text);
static const char *check_as_text(const uint8_t *data, size_t size);
static const char *check_lines(const char *text, int rc, size_t refused);
static const char *check_line(const char *line, int rc);
static size_t next_word(const char **text);
static int is_same_word(const char *word, const char *end, const char *expected,
                        const char *expected_end);
static size_t last_line(const char *text);
static const char *check_short(const char *text, enum op_version version,
                               size_t length);

const char *
roundtrip_check(const uint8_t *data, size_t size)
{
    const char *broken = check_bytes(data, size);

    if (broken == NULL) {
        broken = check_decoded(data, size);
    }
    if (broken == NULL) {
        broken = check_refusal(data, size);
    }
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
    if (count < OPS &&
        (program_check(data, size, error) == 0) !=
            (is_known && size == length && memcmp(data, out, length) == 0)) {
        return "program_check() passes what a writer makes, and nothing else";
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
        ((all || op_has(op->code, 'n')) && op->number != again->number) ||
        ((all || op_has(op->code, 's')) && op->amount != again->amount)) {
        return "an op is the same after encoding and decoding";
    }
    return NULL;
}

/* An encoder and a decoder with the same error would agree. */
static const char *
check_decoded(const uint8_t *data, size_t size)
{
    struct second second = {.data = data, .size = size, .at = 1};
    struct program program;
    struct op expected;
    struct op op;
    size_t i;

    program_init(&program, data, size);
    second.version = size != 0 && data[0] >= 1 && data[0] <= 3 ? data[0] : 2;
    if ((unsigned) program.version != second.version) {
        return "the first byte is the version, or means version 2";
    }
    for (i = 0; i < OPS && program_next(&program, &op); i++) {
        const char *broken;

        if (second.at >= size) {
            return "a program ends with its last byte";
        }
        second_next(&second, &expected);
        if (check_op(&expected, program.version, &op) != NULL ||
            program.offset != second.at) {
            return "an op is decoded as op.h says";
        }
        broken = check_size(&op);
        if (broken != NULL) {
            return broken;
        }
    }
    return i == OPS || second.at >= size ? NULL
                                         : "a program ends with its last byte";
}

static void
second_next(struct second *second, struct op *ret_op)
{
    uint8_t head = second->data[second->at];
    unsigned code = head % OP_CODES;
    struct op op = {.code = (uint8_t) code};

    if (second->version == 1) {
        second_next_fixed(second, ret_op);
        return;
    }
    second->at++;
    if (head & POOL_FOLLOWS) {
        second->pool = (uint32_t) second_number(second, 32);
    }
    op.pool = second->pool;
    if (op_has(code, 'n')) {
        op.number = (uint32_t) second_number(second, 32);
    }
    if (code == OP_FREE) {
        if (second->version == 3 && (head & MODE_FOLLOWS) != 0) {
            op.number =
                second->age + (op.number % 2 == 0 ? op.number / 2
                                                  : UINT32_MAX - op.number / 2);
        }
        second->age = op.number;
    }
    if (op_has(code, 's')) {
        uint64_t number = second_number(second, 64);

        op.amount = (head & MODE_FOLLOWS) != 0
                        ? op_amount((enum op_mode)(number % 8), number / 8)
                        : op_amount(OP_BYTES, number);
    }
    second->age += (uint32_t) makes(code);
    *ret_op = op;
}

static void
second_next_fixed(struct second *second, struct op *ret_op)
{
    uint8_t bytes[FIXED_SIZE] = {0};
    unsigned amount;
    size_t i;

    for (i = 0; i < FIXED_SIZE && second->at < second->size; i++) {
        bytes[i] = second->data[second->at++];
    }
    amount = bytes[2] + 256u * bytes[3];
    *ret_op = (struct op){
        .code = bytes[0] % OP_CODES,
        .pool = bytes[0] >> CODE_BITS,
        .number = bytes[1],
        .amount = op_amount((enum op_mode)(amount >> VALUE_BITS_1),
                            amount % (1u << VALUE_BITS_1)),
    };
}

static uint64_t
second_number(struct second *second, unsigned bits)
{
    uint64_t number = 0;
    unsigned at = 0;

    for (; at < bits && second->at < second->size; at += NUMBER_BITS) {
        uint8_t byte = second->data[second->at++];

        number |= (uint64_t) (byte % MORE_FOLLOWS) << at;
        if (byte < MORE_FOLLOWS) {
            break;
        }
    }
    return bits == 64 ? number : number % ((uint64_t) 1 << bits);
}

static int
makes(unsigned code)
{
    return code == OP_PALLOC || code == OP_PNALLOC || code == OP_PCALLOC ||
           code == OP_PMEMALIGN || code == OP_RESIZE;
}

static const char *
check_size(const struct op *op)
{
    static const struct op_scale scales[] = {
        {.max = 944, .left = 100, .page = 4096},
        {.max = 1, .left = 5, .page = 0},
        {.max = SIZE_MAX, .left = SIZE_MAX - 3, .page = SIZE_MAX},
    };
    size_t i;

    for (i = 0; i < sizeof(scales) / sizeof(scales[0]); i++) {
        if (op_size(op, &scales[i]) != second_size(op, &scales[i])) {
            return "an op's size is that of its mode and its value";
        }
    }
    return NULL;
}

static size_t
second_size(const struct op *op, const struct op_scale *scale)
{
    uint64_t value = op->amount & (UINT64_MAX >> 3);

    switch ((enum op_mode)(op->amount >> OP_VALUE_BITS)) {
    case OP_BYTES:
        return second_near(0, value, 0);
    case OP_UNITS:
        return value > SIZE_MAX / 16 ? SIZE_MAX : 16 * value;
    case OP_MAX:
        return second_near(scale->max, value % 7, 3);
    case OP_LEFT:
        return second_near(scale->left, value % 17, 8);
    case OP_PAGE:
        return second_near(scale->page, value % 3, 1);
    case OP_SMALL:
        return value % 64;
    case OP_BIG:
        return value % 32 * 4096;
    case OP_BEYOND:
        return second_near(SIZE_MAX, 0, value);
    }
    return 0;
}

/* base + more - less, but at least 0 and at most SIZE_MAX. */
static size_t
second_near(size_t base, uint64_t more, uint64_t less)
{
    uint64_t up = more > less ? more - less : 0;
    uint64_t down = less > more ? less - more : 0;

    if (up > SIZE_MAX - base) {
        return SIZE_MAX;
    }
    return down > base ? 0 : base + (size_t) up - (size_t) down;
}

/* A message has the offset of the first record that is wrong: the bytes before
 * it are a program. */
static const char *
check_refusal(const uint8_t *data, size_t size)
{
    static const char begin[] = "offset ";
    char error[PROGRAM_ERROR_MAX] = "";
    size_t offset;

    if (program_check(data, size, error) == 0) {
        return NULL;
    }
    offset = strtoul(error + strlen(begin), NULL, 10);
    if (strncmp(error, begin, strlen(begin)) != 0 ||
        strstr(error, "found ") == NULL || strstr(error, "expected ") == NULL) {
        return "a refusal has the offset, the found and the expected bytes";
    }
    if (offset != 0 &&
        (offset >= size || program_check(data, offset, error) != 0)) {
        return "a refusal has the offset of the first wrong record";
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
        if (check_end(text) != NULL) {
            return check_end(text);
        }
    }
    return NULL;
}

/* Checks that an op's text ends where its line or a comment says. */
static const char *
check_end(const char *text)
{
    static const struct {
        const char *after;
        int rc;
    } cases[] = {
        {" 1", -EINVAL},  {" a_word_that_is_longer_than_any_op's", -EINVAL},
        {"\t1", -EINVAL}, {"\t# text", 0},
        {" \r\n1", 0},    {"\r\n1", 0},
        {"\r", 0},
    };
    char longer[2 * OP_TEXT_SIZE];
    char last = text[strlen(text) - 1];
    struct op op;
    size_t i;

    /* With twenty digits more, a number has more than 64 bits. */
    if (last >= '1' && last <= '9') {
        strcpy(longer, text);
        strcat(longer, "00000000000000000000");
        if (op_parse(&op, longer) != -EINVAL) {
            return "a number of more than 64 bits is refused";
        }
    }
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        strcpy(longer, text);
        strcat(longer, cases[i].after);
        if (op_parse(&op, longer) != cases[i].rc) {
            return "an op's text ends at its line's end or at a comment";
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
        const char *broken;
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
        broken = check_lines(text, rc, rc != 0 ? length : SIZE_MAX);
        if (broken == NULL && rc == 0) {
            broken = check_short(text, versions[v], length);
        }
        if (broken != NULL) {
            return broken;
        }
    }
    return NULL;
}

/* Checks the text's lines up to the refused one; rc says why it was. */
static const char *
check_lines(const char *text, int rc, size_t refused)
{
    const char *broken = NULL;
    size_t line;

    for (line = 1; broken == NULL && line <= refused && *text != '\0'; line++) {
        broken = check_line(text, line == refused ? rc : 0);
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return broken;
}

/* A line is an op, or empty, unless it was refused with -EINVAL. */
static const char *
check_line(const char *line, int rc)
{
    char printed[OP_TEXT_SIZE] = "";
    const char *expected = printed;
    struct op op;
    int parsed = op_parse(&op, line);
    size_t length;

    if ((rc == -EINVAL) != (parsed == -EINVAL)) {
        return "the first line that is no op is refused";
    }
    if (parsed == -EINVAL) {
        return NULL;
    }
    if (parsed == 0) {
        (void) op_print(&op, printed);
    }
    while ((length = next_word(&line)) != 0) {
        const char *end = expected + strcspn(expected, " ");

        if (!is_same_word(line, line + length, expected, end)) {
            return "a line has its op's name and operands, and no more";
        }
        line += length;
        expected = end + (*end == ' ');
    }
    return *expected == '\0' ? NULL : "a line has all operands of its op";
}

/* Moves *text to its next word. Returns the word's length, or 0 at the end of
 * the line, or of the line without its comment. */
static size_t
next_word(const char **text)
{
    *text += strspn(*text, " \t\r");
    if (**text == '#' && ((*text)[1] < '0' || (*text)[1] > '9')) {
        return 0;
    }
    return strcspn(*text, " \t\r\n");
}

/* Whether a word is the expected one, but for leading zeros of its numbers, and
 * for -0 in the place of +0. */
static int
is_same_word(const char *word, const char *end, const char *expected,
             const char *expected_end)
{
    int is_in_number = 0;

    for (; word < end; word++) {
        int is_digit = *word >= '0' && *word <= '9';

        if (*word == '0' && !is_in_number && word + 1 < end && word[1] >= '0' &&
            word[1] <= '9') {
            continue;
        }
        is_in_number = is_digit;
        if (expected == expected_end ||
            (*word != *expected &&
             (*word != '-' || strncmp(expected, "+0", 2) != 0))) {
            return 0;
        }
        expected++;
    }
    return expected == expected_end;
}

/* Returns the number of the last line with an op, from 1, or 1. */
static size_t
last_line(const char *text)
{
    size_t last = 1;
    size_t line;

    for (line = 1; *text != '\0'; line++) {
        last = next_word(&text) != 0 ? line : last;
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return last;
}

/* Parses the text, whose program has length bytes, into one byte less. */
static const char *
check_short(const char *text, enum op_version version, size_t length)
{
    static uint8_t out[OPS + GUARD];
    size_t line;
    size_t i;

    memset(out, GUARD_BYTE, length - 1 + GUARD);
    if (program_parse(text, version, out, length - 1, &line) != -ENOSPC) {
        return "a program that does not fit is refused";
    }
    if (line != last_line(text)) {
        return "the line of the op that does not fit is named";
    }
    for (i = 0; i < GUARD; i++) {
        if (out[length - 1 + i] != GUARD_BYTE) {
            return "nothing is written past the end of the output";
        }
    }
    return NULL;
}
