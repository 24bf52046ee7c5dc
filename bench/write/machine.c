#include "write/machine.h"

#include <gnu/libc-version.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "version.h"

enum {
    MACHINE_LINE_MAX = 256,
    MACHINE_KIB = 1024,
};

static const char meminfo[] = "/proc/meminfo";

static void write_cpu(struct json *json);
static void write_build(struct json *json);
static void write_libraries(struct json *json, const char *context);
static void write_environment(struct json *json);
static void write_allocators(struct json *json, const struct plan *plan);
static void write_policy(struct json *json, const struct allocator *allocator);
static const char *shown_path(const char *path);
static int read_field(const char *path, const char *field, char *line,
                      char **ret_value);

const char *
machine_commit(void)
{
    return BENCH_COMMIT;
}

int
machine_cores(void)
{
    cpu_set_t cores;

    if (sched_getaffinity(0, sizeof(cores), &cores) != 0) {
        return (int) sysconf(_SC_NPROCESSORS_ONLN);
    }
    return CPU_COUNT(&cores);
}

double
machine_memory(void)
{
    char line[MACHINE_LINE_MAX];
    char *value;

    if (read_field(meminfo, "MemAvailable", line, &value)) {
        return strtod(value, NULL) * MACHINE_KIB;
    }
    return (double) sysconf(_SC_AVPHYS_PAGES) * (double) sysconf(_SC_PAGESIZE);
}

void
machine_write(struct json *json, const struct plan *plan, const char *context)
{
    struct utsname system;

    json_open(json, NULL, '{');
    write_cpu(json);
    if (uname(&system) == 0) {
        char kernel[3 * sizeof(system.release)];

        snprintf(kernel, sizeof(kernel), "%s %s %s", system.sysname,
                 system.release, system.machine);
        json_string(json, "kernel", kernel);
    }
    json_string(json, "commit", BENCH_COMMIT);
    write_build(json);
    write_libraries(json, context);
    write_environment(json);
    write_allocators(json, plan);
    json_close(json, '}');
}

/* null: the machine does not say. */
static void
write_cpu(struct json *json)
{
    char line[MACHINE_LINE_MAX];
    char *value;

    json_string(json, "cpu",
                read_field("/proc/cpuinfo", "model name", line, &value) ? value
                                                                        : NULL);
    json_integer(json, "cores", sysconf(_SC_NPROCESSORS_ONLN));
    json_string(json, "governor",
                read_field("/sys/devices/system/cpu/cpu0/cpufreq/"
                           "scaling_governor",
                           NULL, line, &value)
                    ? value
                    : NULL);
    json_string(json, "memory",
                read_field(meminfo, "MemTotal", line, &value) ? value : NULL);
}

static void
write_build(struct json *json)
{
    json_open(json, "compilers", '{');
    json_string(json, "c", BENCH_C_COMPILER);
    json_string(json, "cpp", BENCH_CPP_COMPILER);
    json_close(json, '}');
    json_string(json, "build_type", BENCH_BUILD_TYPE);
    json_open(json, "flags", '{');
    json_string(json, "c", BENCH_C_FLAGS);
    json_string(json, "cpp", BENCH_CPP_FLAGS);
    json_close(json, '}');
}

static void
write_libraries(struct json *json, const char *context)
{
    static const char debug[] = "\"library_build_type\": \"debug\"";

    json_open(json, "libraries", '{');
    json_string(json, "ngxpool", BENCH_POOL_VERSION);
    json_string(json, "glibc", gnu_get_libc_version());
    json_string(json, "google-benchmark", BENCH_BENCHMARK_VERSION);
    json_string(json, "google-benchmark build type",
                strstr(context, debug) != NULL ? "debug" : "release");
    json_close(json, '}');
}

/* The variables that peers take their settings from. */
static void
write_environment(struct json *json)
{
    static const char *const prefixes[] = {
        "GLIBC_TUNABLES=",
        "MALLOC_CONF=",
        "MIMALLOC_",
        "TCMALLOC_",
    };

    json_open(json, "environment", '{');
    for (char **variable = environ; *variable != NULL; variable++) {
        for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
            if (strncmp(*variable, prefixes[i], strlen(prefixes[i])) == 0) {
                size_t length = strcspn(*variable, "=");
                char name[MACHINE_LINE_MAX];

                snprintf(name, sizeof(name), "%.*s", (int) length, *variable);
                json_string(json, name, strchr(*variable, '=') + 1);
            }
        }
    }
    json_close(json, '}');
}

static void
write_allocators(struct json *json, const struct plan *plan)
{
    json_open(json, "allocators", '{');
    for (size_t i = 0; i < plan->contenders.count; i++) {
        const struct contender *contender = &plan->contenders.list[i];
        const struct allocator *allocator = contender->allocator;

        json_open(json, allocator->name, '{');
        json_string(json, "kind",
                    allocator->kind == ALLOCATOR_REGION ? "region" : "general");
        json_string(json, "class", allocator_class_name(allocator->class));
        write_policy(json, allocator);
        if (contender->library != NULL) {
            json_string(json, "version", contender->version);
            json_string(json, "path", shown_path(contender->path));
        } else {
            json_string(json, "unavailable", contender->reason);
        }
        json_close(json, '}');
    }
    json_close(json, '}');
}

/* keeps_bytes null: no limit in bytes. keeps: "all" is for good; "bounded" is
 * all else. */
static void
write_policy(struct json *json, const struct allocator *allocator)
{
    json_string(json, "keeps",
                allocator->keeps == SIZE_MAX ? "all" : "bounded");
    if (allocator->keeps >= ALLOCATOR_KEEPS_DECAYS) {
        json_string(json, "keeps_bytes", NULL);
    } else {
        json_integer(json, "keeps_bytes", (long long) allocator->keeps);
    }
    json_integer(json, "alignment", (long long) allocator->alignment);
    json_integer(json, "block_bytes", (long long) allocator->block);
    json_string(json, "policy", allocator->policy);
}

/* A file of this project by its path from the project's root: where the project
 * lies says nothing about the figures. */
static const char *
shown_path(const char *path)
{
    static const char root[] = BENCH_SOURCE_ROOT "/";

    return strncmp(path, root, strlen(root)) == 0 ? path + strlen(root) : path;
}

/*
 * Finds the line "field : value" of a file, or, field being NULL, its first
 * line, in line, which has MACHINE_LINE_MAX bytes. Returns whether it is there;
 * *ret_value points into line.
 */
static int
read_field(const char *path, const char *field, char *line, char **ret_value)
{
    FILE *file = fopen(path, "r");
    int found = 0;

    if (file == NULL) {
        return 0;
    }
    while (!found && fgets(line, MACHINE_LINE_MAX, file) != NULL) {
        char *value = field != NULL ? strchr(line, ':') : line;

        line[strcspn(line, "\n")] = '\0';
        if (field == NULL) {
            found = 1;
        } else if (value != NULL && strncmp(line, field, strlen(field)) == 0) {
            found = 1;
            value++;
            value += strspn(value, " \t");
        }
        *ret_value = value;
    }
    fclose(file);
    return found;
}
