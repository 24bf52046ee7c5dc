/*
 * Writes JSON, indented, to a stream, whose ferror() shows failures. One thread
 * per struct.
 */
#ifndef BENCH_WRITE_JSON_H
#define BENCH_WRITE_JSON_H

#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *file;
    int depth;    /* open objects and lists */
    int is_first; /* nothing stands yet in the innermost one */
    int flat;     /* objects and lists from this depth on stand on one line;
                     0: none do */
};

void json_init(struct json *json, FILE *file);

/* key is NULL inside a list and at the top. */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);

/* value NULL is null. Bytes that are no UTF-8 become U+FFFD, each of them. */
void json_string(struct json *json, const char *key, const char *value);
void json_integer(struct json *json, const char *key, int64_t value);

/* Reading it gives the same number. A value that is not finite is null. */
void json_number(struct json *json, const char *key, double value);

/* text is JSON already. */
void json_raw(struct json *json, const char *key, const char *text);

#endif
