/*
 * run_json: bench/write/json.h writes JSON as RFC 8259 defines it, for any
 * nesting of objects and lists, flat or not, and any strings and numbers. A
 * strict reader finds the same keys, strings and numbers in the same order, and
 * each of them on a line of its own, indented by its depth, or, from the chosen
 * depth on, on the line of its object or list.
 * Each byte of a string that is no UTF-8 becomes U+FFFD. A number that JSON
 * does not have becomes null.
 *
 * The input lists the values to write: a byte chooses the kind, and the value's
 * bytes follow.
 */
#include <ctype.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"
#include "write/json.h"

enum {
    DEPTH_MAX = 32,
    VALUES_MAX = 1024,
    CHARACTER_MAX = 4, /* bytes of UTF-8 */
    TEXT_MAX = 24,     /* bytes of a string that is written */

    /* Of the string that is read: U+FFFD has 3 bytes. With a NUL, and space for
     * one more character. */
    REPAIRED_MAX = 3 * TEXT_MAX + 1 + CHARACTER_MAX,
    FLATS = 4,

    /* The first code points with 2, 3 and 4 bytes of UTF-8. */
    TWO_BYTES = 0x80,
    THREE_BYTES = 0x800,
    FOUR_BYTES = 0x10000,
    CODE_MAX = 0x10ffff,
    SURROGATES = 0xd800,
    SURROGATES_END = 0xe000,
    REPLACEMENT = 0xfffd,
};

enum kind {
    OBJECT,
    LIST,
    STRING,
    INTEGER,
    NUMBER,
    NOTHING, /* null */
    TRUTH,   /* true */
    CLOSE,   /* the end of the innermost object or list */
    KINDS,
};

/* A value that was written. */
struct value {
    enum kind kind;
    int has_key;
    char key[REPAIRED_MAX];
    char text[REPAIRED_MAX];
    int64_t integer;
    double number;
};

static struct {
    int flat; /* as in struct json */
    size_t count;
    size_t read;  /* values that were read */
    size_t depth; /* objects and lists that are open where they are read */
    struct value values[VALUES_MAX];
} written;

/* A position in bytes: in the input, and later in the text. */
struct reader {
    const unsigned char *data;
    size_t size;
    size_t at;
};

static void write_all(struct json *json, struct reader *input);
static void write_value(struct json *json, struct reader *input, enum kind kind,
                        int is_keyed);
static void read_value(struct reader *text, int is_keyed);
static void read_members(struct reader *text, char close, int is_keyed);
static void read_string(struct reader *text, char *out);
static void read_escaped(struct reader *text, char **out);
static unsigned read_hex(struct reader *text);
static void read_number(struct reader *text, const struct value *value);
static size_t read_digits(struct reader *text);
static void read_word(struct reader *text, const char *word);
static void read_line(struct reader *text, size_t depth);
static int is_flat(void);
static int read_if(struct reader *text, char c);
static int peek(const struct reader *reader);
static unsigned next(struct reader *reader);
static uint64_t next_word(struct reader *input);
static char *next_text(struct reader *input);
static void repair(const char *text, char *out);
static size_t decode(const unsigned char *text, size_t size,
                     unsigned *ret_code);
static size_t encode(unsigned code, char *out);
static void check(int holds, const char *words);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader input = {.data = data, .size = size};
    struct reader text = {0};
    char *bytes = NULL;
    FILE *file = open_memstream(&bytes, &text.size);
    struct json json;

    check(file != NULL, "a stream gets memory");
    written.count = 0;
    written.read = 0;
    written.depth = 0;
    json_init(&json, file);
    written.flat = (int) (next(&input) % FLATS);
    json.flat = written.flat;
    write_all(&json, &input);
    check(fclose(file) == 0, "the text gets memory");

    text.data = (const unsigned char *) bytes;
    read_value(&text, 0);
    check(next(&text) == '\n' && text.at == text.size,
          "the text ends with a line's end");
    check(written.read == written.count, "all written values are read");
    free(bytes);
    return 0;
}

void
replay_one(const uint8_t *data, size_t size)
{
    (void) LLVMFuzzerTestOneInput(data, size);
}

/* Writes one object with all values of the input. */
static void
write_all(struct json *json, struct reader *input)
{
    char closing[DEPTH_MAX];
    int depth = 0;

    json_open(json, NULL, '{');
    written.values[written.count++] = (struct value){.kind = OBJECT};
    closing[depth++] = '}';
    while (depth != 0) {
        int is_over =
            input->at >= input->size || written.count >= VALUES_MAX - DEPTH_MAX;
        enum kind kind = is_over ? CLOSE : (enum kind)(next(input) % KINDS);

        if ((kind == OBJECT || kind == LIST) && depth == DEPTH_MAX) {
            kind = NOTHING;
        }
        if (kind == CLOSE) {
            json_close(json, closing[--depth]);
            written.values[written.count++] = (struct value){.kind = CLOSE};
            continue;
        }
        write_value(json, input, kind, closing[depth - 1] == '}');
        if (kind == OBJECT || kind == LIST) {
            closing[depth++] = kind == OBJECT ? '}' : ']';
        }
    }
}

static void
write_value(struct json *json, struct reader *input, enum kind kind,
            int is_keyed)
{
    struct value *value = &written.values[written.count++];
    char *key = is_keyed ? next_text(input) : NULL;

    *value = (struct value){.kind = kind, .has_key = is_keyed};
    if (is_keyed) {
        repair(key, value->key);
    }
    switch (kind) {
    case OBJECT:
        json_open(json, key, '{');
        break;
    case LIST:
        json_open(json, key, '[');
        break;
    case STRING: {
        char *text = next_text(input);

        repair(text, value->text);
        json_string(json, key, text);
        free(text);
        break;
    }
    case INTEGER:
        value->integer = (int64_t) next_word(input);
        json_integer(json, key, value->integer);
        break;
    case NUMBER: {
        uint64_t word = next_word(input);

        memcpy(&value->number, &word, sizeof(word));
        json_number(json, key, value->number);
        if (!isfinite(value->number)) {
            value->kind = NOTHING;
        }
        break;
    }
    case TRUTH:
        json_raw(json, key, "true");
        break;
    default:
        json_string(json, key, NULL);
        break;
    }
    free(key);
}

/* Reads a value, which must be the next one that was written. */
static void
read_value(struct reader *text, int is_keyed)
{
    const struct value *value = &written.values[written.read++];
    char found[REPAIRED_MAX];

    check(written.read <= written.count, "only written values are read");
    check(value->has_key == is_keyed, "an object has keys, a list has none");
    if (is_keyed) {
        read_string(text, found);
        check(strcmp(found, value->key) == 0, "a key is read as written");
        check(read_if(text, ':') && read_if(text, ' '),
              "a colon and a blank follow a key");
    }
    switch (value->kind) {
    case OBJECT:
        check(read_if(text, '{'), "an object begins");
        read_members(text, '}', 1);
        break;
    case LIST:
        check(read_if(text, '['), "a list begins");
        read_members(text, ']', 0);
        break;
    case STRING:
        read_string(text, found);
        check(strcmp(found, value->text) == 0, "a string is read as written");
        break;
    case INTEGER:
    case NUMBER:
        read_number(text, value);
        break;
    case TRUTH:
        read_word(text, "true");
        break;
    case NOTHING:
        read_word(text, "null");
        break;
    default:
        check(0, "a value is read where one was written");
        break;
    }
}

static void
read_members(struct reader *text, char close, int is_keyed)
{
    size_t depth = ++written.depth;
    int is_first = 1;

    while (written.read < written.count &&
           written.values[written.read].kind != CLOSE) {
        check(is_first || read_if(text, ','), "commas part members");
        if (!is_flat()) {
            read_line(text, depth);
        } else {
            check(is_first || read_if(text, ' '), "a blank follows a comma");
        }
        read_value(text, is_keyed);
        is_first = 0;
    }
    if (!is_first && !is_flat()) {
        read_line(text, depth - 1);
    }
    check(read_if(text, close), "an object or list ends where it was closed");
    written.read++;
    written.depth--;
}

static void
read_string(struct reader *text, char *out)
{
    const char *end = out + REPAIRED_MAX - CHARACTER_MAX;

    check(read_if(text, '"'), "a string begins");
    while (!read_if(text, '"')) {
        unsigned code;

        check(out < end, "a string is no longer than written");
        if (read_if(text, '\\')) {
            read_escaped(text, &out);
            continue;
        }
        check(peek(text) >= ' ', "a string has no control characters");
        text->at += decode(text->data + text->at, text->size - text->at, &code);
        check(code != 0, "a string is UTF-8");
        out += encode(code, out);
    }
    *out = '\0';
}

static void
read_escaped(struct reader *text, char **out)
{
    static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    int c = (int) next(text);
    unsigned code;

    if (c == 'u') {
        code = read_hex(text);
        check(code != 0 && (code < SURROGATES || code >= SURROGATES_END),
              "an escape is a character");
        *out += encode(code, *out);
        return;
    }
    for (size_t i = 0; i + 1 < sizeof(escapes); i += 2) {
        if (c == escapes[i]) {
            *(*out)++ = escapes[i + 1];
            return;
        }
    }
    check(0, "an escape is one of JSON's");
}

static unsigned
read_hex(struct reader *text)
{
    unsigned code = 0;

    for (int i = 0; i < 4; i++) {
        int c = (int) next(text);

        check(isxdigit(c) != 0, "an escape has four digits");
        code = 16 * code +
               (unsigned) (isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
    }
    return code;
}

static void
read_number(struct reader *text, const struct value *value)
{
    size_t from = text->at;
    int is_whole = 1;
    char digits[64];
    size_t length;
    double number;

    (void) read_if(text, '-');
    check(peek(text) != '0' || text->at + 1 == text->size ||
              !isdigit(text->data[text->at + 1]),
          "a number has no leading zeros");
    check(read_digits(text) != 0, "a number has digits");
    if (read_if(text, '.')) {
        is_whole = 0;
        check(read_digits(text) != 0, "digits follow a point");
    }
    if (read_if(text, 'e') || read_if(text, 'E')) {
        is_whole = 0;
        (void) (read_if(text, '+') || read_if(text, '-'));
        check(read_digits(text) != 0, "digits follow an e");
    }
    length = text->at - from;
    check(length < sizeof(digits), "a number is no longer than needed");
    memcpy(digits, text->data + from, length);
    digits[length] = '\0';
    if (value->kind == INTEGER) {
        check(is_whole && strtoll(digits, NULL, 10) == value->integer,
              "an integer is read as written");
    } else {
        number = strtod(digits, NULL);
        check(memcmp(&number, &value->number, sizeof(number)) == 0,
              "a number is read as written");
    }
}

static size_t
read_digits(struct reader *text)
{
    size_t from = text->at;

    while (peek(text) >= '0' && peek(text) <= '9') {
        text->at++;
    }
    return text->at - from;
}

static void
read_word(struct reader *text, const char *word)
{
    for (; *word != '\0'; word++) {
        check(read_if(text, *word), "null is null, true is true");
    }
}

/* Reads the start of a line. */
static void
read_line(struct reader *text, size_t depth)
{
    check(read_if(text, '\n'), "a value has a line of its own");
    for (size_t i = 0; i < 2 * depth; i++) {
        check(read_if(text, ' '), "a line is indented by two blanks a depth");
    }
}

static int
is_flat(void)
{
    return written.flat != 0 && written.depth >= (size_t) written.flat;
}

static int
read_if(struct reader *text, char c)
{
    int is_it = peek(text) == (unsigned char) c;

    text->at += (size_t) is_it;
    return is_it;
}

/* The next byte, or -1. */
static int
peek(const struct reader *reader)
{
    return reader->at < reader->size ? reader->data[reader->at] : -1;
}

/* The next byte, or 0 at the end. */
static unsigned
next(struct reader *reader)
{
    return reader->at < reader->size ? reader->data[reader->at++] : 0;
}

static uint64_t
next_word(struct reader *input)
{
    uint64_t word = 0;

    for (int i = 0; i < 8; i++) {
        word = word << 8 | next(input);
    }
    return word;
}

/* Returns a string that the caller frees. Its memory ends with its NUL, so that
 * AddressSanitizer shows a read past it. */
static char *
next_text(struct reader *input)
{
    char text[TEXT_MAX + 1] = "";
    size_t size = next(input) % (TEXT_MAX + 1);
    char *copy;

    for (size_t i = 0; i < size; i++) {
        text[i] = (char) next(input);
    }
    copy = strdup(text);
    check(copy != NULL, "a string gets memory");
    return copy;
}

/* Makes the text that a reader must find. */
static void
repair(const char *text, char *out)
{
    size_t size = strlen(text);

    while (size != 0) {
        unsigned code;
        size_t length = decode((const unsigned char *) text, size, &code);

        out += encode(code == 0 ? REPLACEMENT : code, out);
        text += length;
        size -= length;
    }
    *out = '\0';
}

/* Reads the first character of text, which has size > 0 bytes. *ret_code is 0
 * when the bytes are no UTF-8. Returns the character's length, or then 1. */
static size_t
decode(const unsigned char *text, size_t size, unsigned *ret_code)
{
    size_t length = text[0] < 0x80   ? 1
                    : text[0] < 0xc0 ? 0
                    : text[0] < 0xe0 ? 2
                    : text[0] < 0xf0 ? 3
                    : text[0] < 0xf8 ? 4
                                     : 0;
    unsigned code = length == 1 ? text[0] : text[0] & (0x7fu >> length);
    char again[CHARACTER_MAX];

    *ret_code = 0;
    if (length == 0 || length > size) {
        return 1;
    }
    for (size_t i = 1; i < length; i++) {
        code = code << 6 | (text[i] & 0x3fu);
    }
    if (code > CODE_MAX || (code >= SURROGATES && code < SURROGATES_END) ||
        encode(code, again) != length || memcmp(text, again, length) != 0) {
        return 1;
    }
    *ret_code = code;
    return length;
}

static size_t
encode(unsigned code, char *out)
{
    static const unsigned char heads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t length = code < TWO_BYTES     ? 1
                    : code < THREE_BYTES ? 2
                    : code < FOUR_BYTES  ? 3
                                         : 4;

    for (size_t i = length; i-- > 1; code >>= 6) {
        out[i] = (char) (0x80 | (code & 0x3f));
    }
    out[0] = (char) (heads[length] | code);
    return length;
}

static void
check(int holds, const char *words)
{
    if (!holds) {
        fprintf(stderr, "broken promise: %s\n", words);
        abort();
    }
}
