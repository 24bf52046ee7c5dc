#include "allocators/extra.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocators/adapters.h"
#include "allocators/other_malloc.h"
#include "allocators/plugin.h"

enum {
    /* Sizes whose alignment is measured, and objects of each. */
    EXTRA_SIZES = 512,
    EXTRA_OBJECTS = 8,
};

static const char extra_name_characters[] = "abcdefghijklmnopqrstuvwxyz"
                                            "0123456789_";

/* Ends of names that bench itself gives: the second row of an A/A pair, and the
 * rows of archives. */
static const char *const extra_reserved[] = {"_again", "_archive"};

struct extra {
    struct allocator allocator;
    char name[ALLOCATOR_NAME_MAX];
    char path[PATH_MAX];
    union {
        struct other_malloc other;
        struct plugin plugin;
    };
};

/* Open a file and fill in extra's allocator. Returns 0, or -1: reason then says
 * why, in at most ALLOCATOR_REASON_MAX bytes. */
typedef int extra_open_fn(struct extra *extra, const char *file, char *reason);

static struct extra opened[EXTRA_MAX];
static size_t opened_count;

static int extra_open_list(struct extras *extras, const char *list,
                           extra_open_fn *open_file, char *error);
static int extra_add(struct extra *extra, const char *file,
                     extra_open_fn *open_file, char *reason);
static int extra_find(struct extra *extra, const char *file, char *reason);
static int extra_is_taken(const char *name);
static int extra_open_malloc(struct extra *extra, const char *file,
                             char *reason);
static int extra_open_plugin(struct extra *extra, const char *file,
                             char *reason);
static int extra_name(struct extra *extra, const char *file, char *reason);
static int extra_check_name(const char *name, char *reason);
static int extra_ends_with(const char *name, const char *end);
static size_t extra_alignment(const struct other_malloc *other);
static void extra_version(void *library, char *version);

/* open() gets no context, so each extra has one of its own. */
#define EXTRA_OPEN(n)                                                          \
    static void *extra_open_##n(char *reason)                                  \
    {                                                                          \
        (void) reason;                                                         \
        return &opened[n].other;                                               \
    }
EXTRA_OPEN(0)
EXTRA_OPEN(1)
EXTRA_OPEN(2)
EXTRA_OPEN(3)
EXTRA_OPEN(4)
EXTRA_OPEN(5)
EXTRA_OPEN(6)
EXTRA_OPEN(7)

static void *(*const extra_opens[])(char *reason) = {
    extra_open_0, extra_open_1, extra_open_2, extra_open_3,
    extra_open_4, extra_open_5, extra_open_6, extra_open_7,
};

_Static_assert(sizeof(extra_opens) / sizeof(extra_opens[0]) == EXTRA_MAX,
               "each extra has an open() of its own");

int
extras_open(struct extras *extras, const char *mallocs, const char *plugins,
            char *error)
{
    int err;

    extras->count = 0;
    err = extra_open_list(extras, mallocs, extra_open_malloc, error);
    return err != 0
               ? err
               : extra_open_list(extras, plugins, extra_open_plugin, error);
}

static int
extra_open_list(struct extras *extras, const char *list,
                extra_open_fn *open_file, char *error)
{
    char reason[ALLOCATOR_REASON_MAX] = "";

    while (list[0] != '\0') {
        size_t length = strcspn(list, ",");
        char file[ALLOCATOR_PATH_MAX];
        struct extra *extra = &opened[opened_count];

        snprintf(file, sizeof(file), "%.*s", (int) length, list);
        if (opened_count == EXTRA_MAX) {
            snprintf(reason, sizeof(reason), "more than %d files", EXTRA_MAX);
        }
        if (reason[0] != '\0' ||
            extra_add(extra, file, open_file, reason) != 0) {
            snprintf(error, EXTRA_ERROR_MAX, "%s: %s", file, reason);
            return -EINVAL;
        }
        opened_count++;
        extras->list[extras->count++] = &extra->allocator;
        list += length;
        list += list[0] == ',';
    }
    return 0;
}

static int
extra_add(struct extra *extra, const char *file, extra_open_fn *open_file,
          char *reason)
{
    if (extra_find(extra, file, reason) != 0 ||
        open_file(extra, file, reason) != 0) {
        return -1;
    }
    extra->allocator.name = extra->name;
    extra->allocator.file = extra->path;
    extra->allocator.open = extra_opens[extra - opened];
    extra->allocator.version = extra_version;
    if (extra_is_taken(extra->name)) {
        snprintf(reason, ALLOCATOR_REASON_MAX,
                 "the name \"%s\" is taken: rename the %s", extra->name,
                 extra->allocator.kind == ALLOCATOR_GENERAL ? "file"
                                                            : "plug-in");
        return -1;
    }
    return 0;
}

/* A name without a slash that is no file here is looked for where the system's
 * libraries are. */
static int
extra_find(struct extra *extra, const char *file, char *reason)
{
    if (realpath(file, extra->path) != NULL) {
        return 0;
    }
    if (file[0] == '\0' || strchr(file, '/') != NULL) {
        snprintf(reason, ALLOCATOR_REASON_MAX, "%s", strerror(errno));
        return -1;
    }
    snprintf(extra->path, sizeof(extra->path), "%s", file);
    return 0;
}

static int
extra_is_taken(const char *name)
{
    for (size_t i = 0; i < opened_count; i++) {
        if (strcmp(opened[i].name, name) == 0) {
            return 1;
        }
    }
    return allocator_find(name) != NULL;
}

static int
extra_open_malloc(struct extra *extra, const char *file, char *reason)
{
    if (extra_name(extra, file, reason) != 0 ||
        other_malloc_open(&extra->other, extra->path, reason) != 0) {
        return -1;
    }
    extra->allocator = (struct allocator){
        .alignment = extra_alignment(&extra->other),
        .policy = "a malloc replacement, opened by --malloc: its policy is "
                  "not known here",
        OTHER_MALLOC_ROW,
    };
    if (extra->allocator.alignment < ALLOCATOR_ALIGNMENT) {
        snprintf(reason, ALLOCATOR_REASON_MAX,
                 "its malloc() aligns to %zu bytes, expected %d or more",
                 extra->allocator.alignment, ALLOCATOR_ALIGNMENT);
        return -1;
    }
    return 0;
}

static int
extra_open_plugin(struct extra *extra, const char *file, char *reason)
{
    (void) file;
    if (plugin_open(&extra->plugin, extra->path, reason) != 0 ||
        extra_check_name(extra->plugin.of->name, reason) != 0) {
        return -1;
    }
    snprintf(extra->name, sizeof(extra->name), "%s", extra->plugin.of->name);
    extra->allocator = plugin_row(&extra->plugin);
    return 0;
}

/* By the name that was asked for: the file may be a link to another one. */
static int
extra_name(struct extra *extra, const char *file, char *reason)
{
    static const char prefix[] = "lib";
    const char *slash = strrchr(file, '/');
    const char *base = slash != NULL ? slash + 1 : file;
    const char *suffix = strstr(base, ".so");
    size_t length = suffix != NULL ? (size_t) (suffix - base) : strlen(base);
    size_t skipped =
        strncmp(base, prefix, strlen(prefix)) == 0 && length > strlen(prefix)
            ? strlen(prefix)
            : 0;

    if (length - skipped >= sizeof(extra->name)) {
        snprintf(reason, ALLOCATOR_REASON_MAX,
                 "its row would be named after the file, and the name has %zu "
                 "bytes, expected at most %d",
                 length - skipped, ALLOCATOR_NAME_MAX - 1);
        return -1;
    }
    snprintf(extra->name, sizeof(extra->name), "%.*s", (int) (length - skipped),
             base + skipped);
    for (char *c = extra->name; *c != '\0'; c++) {
        *c = isalnum((unsigned char) *c) ? (char) tolower((unsigned char) *c)
                                         : '_';
    }
    return extra_check_name(extra->name, reason);
}

static int
extra_check_name(const char *name, char *reason)
{
    size_t length = strlen(name);
    int is_valid = length != 0 && length < ALLOCATOR_NAME_MAX &&
                   name[strspn(name, extra_name_characters)] == '\0';

    for (size_t i = 0; i < sizeof(extra_reserved) / sizeof(extra_reserved[0]);
         i++) {
        is_valid = is_valid && !extra_ends_with(name, extra_reserved[i]);
    }
    if (!is_valid) {
        snprintf(reason, ALLOCATOR_REASON_MAX,
                 "its row's name would be \"%.64s\", expected 1 to %d of a-z, "
                 "0-9 and \"_\", and no \"%s\" or \"%s\" at the end",
                 name, ALLOCATOR_NAME_MAX - 1, extra_reserved[0],
                 extra_reserved[1]);
        return -1;
    }
    return 0;
}

static int
extra_ends_with(const char *name, const char *end)
{
    size_t length = strlen(name);
    size_t end_length = strlen(end);

    return length >= end_length && strcmp(name + length - end_length, end) == 0;
}

/* The largest power of two that divides all addresses. */
static size_t
extra_alignment(const struct other_malloc *other)
{
    uintptr_t bits = 0;

    for (size_t size = 1; size <= EXTRA_SIZES; size++) {
        void *objects[EXTRA_OBJECTS];

        for (size_t i = 0; i < EXTRA_OBJECTS; i++) {
            objects[i] = other->malloc(size);
            bits |= (uintptr_t) objects[i];
        }
        for (size_t i = 0; i < EXTRA_OBJECTS; i++) {
            other->free(objects[i]);
        }
    }
    return bits & -bits;
}

/* No version is known but that of the file's name. */
static void
extra_version(void *library, char *version)
{
    for (size_t i = 0; i < opened_count; i++) {
        if (library == &opened[i].other) {
            const char *slash = strrchr(opened[i].path, '/');

            snprintf(version, ALLOCATOR_VERSION_MAX, "%.60s",
                     slash != NULL ? slash + 1 : opened[i].path);
        }
    }
}
