#include "write/json.h"

#include <inttypes.h>

static void json_begin(struct json *json, const char *key);
static void json_line(struct json *json);
static int is_flat(const struct json *json);
static void json_quote(struct json *json, const char *text);

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
    fprintf(json->file, "%.17g", value);
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
    fputc('"', json->file);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char) *text;

        if (c == '"' || c == '\\') {
            fprintf(json->file, "\\%c", c);
        } else if (c < ' ') {
            fprintf(json->file, "\\u%04x", c);
        } else {
            fputc(c, json->file);
        }
    }
    fputc('"', json->file);
}
