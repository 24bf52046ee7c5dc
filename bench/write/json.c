#include "write/json.h"

#include <inttypes.h>
#include <math.h>

static void json_begin(struct json *json, const char *key);
static void json_line(struct json *json);
static int is_flat(const struct json *json);
static void json_quote(struct json *json, const char *text);
static size_t utf8_length(const unsigned char *text);

void
json_init(struct json *json, FILE *file)
{
    *json = (struct json){.file = file, .is_first = 1};
}

void
json_open(struct json *json, const char *key, char bracket)
{
    json_begin(json, key);
    fputc(bracket, json->file);
    json->depth++;
    json->is_first = 1;
}

void
json_close(struct json *json, char bracket)
{
    if (!json->is_first && !is_flat(json)) {
        fprintf(json->file, "\n%*s", 2 * (json->depth - 1), "");
    }
    json->depth--;
    fputc(bracket, json->file);
    json->is_first = 0;
    if (json->depth == 0) {
        fputc('\n', json->file);
    }
}

void
json_string(struct json *json, const char *key, const char *value)
{
    json_begin(json, key);
    if (value != NULL) {
        json_quote(json, value);
    } else {
        fputs("null", json->file);
    }
}

void
json_integer(struct json *json, const char *key, int64_t value)
{
    json_begin(json, key);
    fprintf(json->file, "%" PRId64, value);
}

void
json_number(struct json *json, const char *key, double value)
{
    json_begin(json, key);
    if (isfinite(value)) {
        fprintf(json->file, "%.17g", value);
    } else {
        fputs("null", json->file);
    }
}

void
json_raw(struct json *json, const char *key, const char *text)
{
    json_begin(json, key);
    fputs(text, json->file);
}

static void
json_begin(struct json *json, const char *key)
{
    if (!json->is_first) {
        fputc(',', json->file);
    }
    if (json->depth > 0) {
        json_line(json);
    }
    json->is_first = 0;
    if (key != NULL) {
        json_quote(json, key);
        fputs(": ", json->file);
    }
}

static void
json_line(struct json *json)
{
    if (is_flat(json)) {
        fputs(json->is_first ? "" : " ", json->file);
    } else {
        fprintf(json->file, "\n%*s", 2 * json->depth, "");
    }
}

/* Whether the innermost object or list stands on one line. */
static int
is_flat(const struct json *json)
{
    return json->flat != 0 && json->depth >= json->flat;
}

static void
json_quote(struct json *json, const char *text)
{
    const unsigned char *p = (const unsigned char *) text;

    fputc('"', json->file);
    while (*p != '\0') {
        size_t length = utf8_length(p);

        if (*p == '"' || *p == '\\') {
            fprintf(json->file, "\\%c", *p);
        } else if (*p < ' ') {
            fprintf(json->file, "\\u%04x", *p);
        } else if (length == 0) {
            fputs("\\ufffd", json->file);
        } else {
            fwrite(p, 1, length, json->file);
        }
        p += length == 0 ? 1 : length;
    }
    fputc('"', json->file);
}

/* The length of the UTF-8 character at text, or 0: it is none. After some first
 * bytes the second one has narrower bounds: they leave out overlong forms,
 * surrogates, and numbers beyond U+10FFFF. (Unicode, table of well-formed UTF-8
 * byte sequences.) */
static size_t
utf8_length(const unsigned char *text)
{
    unsigned char first = text[0];
    unsigned char least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    size_t length = first < 0x80    ? 1
                    : first < 0xc2  ? 0
                    : first < 0xe0  ? 2
                    : first < 0xf0  ? 3
                    : first <= 0xf4 ? 4
                                    : 0;

    if (length > 1 && (text[1] < least || text[1] > most)) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if (text[i] < 0x80 || text[i] > 0xbf) {
            return 0;
        }
    }
    return length;
}
