#include "measure/environment.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allocator.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ENVIRONMENT_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||     \
    __has_feature(memory_sanitizer)
#define ENVIRONMENT_SANITIZER 1
#endif
#endif
#ifndef ENVIRONMENT_SANITIZER
#define ENVIRONMENT_SANITIZER 0
#endif

/* jemalloc 5.3 needs 2.6 KiB; without this there are 0.5 KiB. */
#define ENVIRONMENT_TLS "glibc.rtld.optional_static_tls=16384"

#define ENVIRONMENT_MALLOC "glibc.malloc."

static const char tunables[] = "GLIBC_TUNABLES";

/* Variables by their first characters, and whole names. */
static const char *const cleared_prefixes[] = {"BENCHMARK_"};
static const char *const cleared_names[] = {
    "MALLOC_ARENA_MAX",    "MALLOC_ARENA_TEST",      "MALLOC_CHECK_",
    "MALLOC_MMAP_MAX_",    "MALLOC_MMAP_THRESHOLD_", "MALLOC_PERTURB_",
    "MALLOC_TCACHE_COUNT", "MALLOC_TOP_PAD_",        "MALLOC_TRIM_THRESHOLD_",
};

static int clear_variables(void);
static int is_cleared(const char *variable);
static int set_tunables(void);
static void write_tunables(const char *before, char *value);

void
environment_prepare(char **argv)
{
    int changed = clear_variables();

    changed |= set_tunables();
    if (changed) {
        (void) execv("/proc/self/exe", argv);
    }
}

int
environment_check(char *reason)
{
    void *entry = dlsym(RTLD_DEFAULT, "malloc");
    char path[ALLOCATOR_PATH_MAX];

    allocator_path(entry, path);
    if (ENVIRONMENT_SANITIZER || strstr(path, "/libc.so") != NULL ||
        strstr(path, "/libc-") != NULL) {
        return 0;
    }
    snprintf(reason, ENVIRONMENT_REASON_MAX,
             "malloc() is that of %.4000s, and would serve all rows; run "
             "without LD_PRELOAD, and with --malloc=FILE to measure it",
             path);
    return -1;
}

/* Returns whether there was any. */
static int
clear_variables(void)
{
    int found = 0;

    for (char **variable = environ; *variable != NULL;) {
        char name[128];

        if (!is_cleared(*variable)) {
            variable++;
            continue;
        }
        fprintf(stderr, "bench: not passed on, since it changes figures: %s\n",
                *variable);
        snprintf(name, sizeof(name), "%.*s", (int) strcspn(*variable, "="),
                 *variable);
        if (unsetenv(name) != 0) {
            return found;
        }
        found = 1;
        variable = environ; /* unsetenv() moves the others */
    }
    return found;
}

static int
is_cleared(const char *variable)
{
    size_t length = strcspn(variable, "=");

    for (size_t i = 0;
         i < sizeof(cleared_prefixes) / sizeof(cleared_prefixes[0]); i++) {
        if (strncmp(variable, cleared_prefixes[i],
                    strlen(cleared_prefixes[i])) == 0) {
            return length < 128;
        }
    }
    for (size_t i = 0; i < sizeof(cleared_names) / sizeof(cleared_names[0]);
         i++) {
        if (strlen(cleared_names[i]) == length &&
            strncmp(variable, cleared_names[i], length) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Takes malloc's tunables out and adds that of thread-local data. Returns
 * whether that changed any. */
static int
set_tunables(void)
{
    const char *before = getenv(tunables);
    char *value;
    int changed;

    if (before == NULL) {
        return setenv(tunables, ENVIRONMENT_TLS, 1) == 0;
    }
    value = malloc(strlen(before) + sizeof(ENVIRONMENT_TLS) + 1);
    if (value == NULL) {
        return 0;
    }
    write_tunables(before, value);
    changed = strcmp(before, value) != 0 && setenv(tunables, value, 1) == 0;
    free(value);
    return changed;
}

/* value has space for before, a colon, and ENVIRONMENT_TLS. */
static void
write_tunables(const char *before, char *value)
{
    size_t used = 0;

    while (*before != '\0') {
        size_t length = strcspn(before, ":");

        if (strncmp(before, ENVIRONMENT_MALLOC, strlen(ENVIRONMENT_MALLOC)) ==
            0) {
            fprintf(stderr,
                    "bench: not passed on, since it changes figures: %.*s\n",
                    (int) length, before);
        } else if (strncmp(before, ENVIRONMENT_TLS, length) != 0) {
            memcpy(value + used, before, length);
            used += length;
            value[used++] = ':';
        }
        before += length + (before[length] == ':');
    }
    strcpy(value + used, ENVIRONMENT_TLS);
}
