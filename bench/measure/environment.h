/*
 * The environment variables that would change figures without a trace. Some
 * are read before main() is called, so they are taken out and the program is
 * started again.
 */
#ifndef BENCH_MEASURE_ENVIRONMENT_H
#define BENCH_MEASURE_ENVIRONMENT_H

#include <stddef.h>

enum {
    ENVIRONMENT_REASON_MAX = 4200, /* a path may be in it */
};

/*
 * Start this program again without variables of google-benchmark
 * (BENCHMARK_*: its flags' defaults) and of the C library's malloc (MALLOC_*,
 * glibc.malloc.* in GLIBC_TUNABLES), where there are any; each is named on
 * stderr. It also gets space for the thread-local data of a library that is
 * opened late, as jemalloc is. Returns where there is nothing to change, or
 * where the program cannot be started again.
 */
void environment_prepare(char **argv);

/*
 * Whether malloc() is the C library's, or a sanitizer's in a build with one.
 * Where another one is preloaded, reason says so, in at most
 * ENVIRONMENT_REASON_MAX bytes. Returns 0 or -1.
 */
int environment_check(char *reason);

#endif
