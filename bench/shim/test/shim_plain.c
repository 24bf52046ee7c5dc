/*
 * A program in C alone, as another project would write it: registers, runs with
 * google-benchmark's own table and flags, and checks what it is given.
 */
#include "shim/shim.h"

#include <stdio.h>
#include <string.h>

enum {
    BATCH = 1024,
    BYTES = 64,
};

/* The results that the reporter saw. */
struct seen {
    int results;
    int errors;
    int64_t iterations;
};

static void
copy(struct shim_state *state, void *user)
{
    static const char from[BYTES];
    char to[BYTES];

    (void) user;
    while (shim_state_next(state, BATCH)) {
        for (int i = 0; i < BATCH; i++) {
            shim_keep(from);
            memcpy(to, from, sizeof(to));
            shim_keep(to);
        }
    }
    shim_state_bytes(state, shim_state_iterations(state) * BYTES);
}

static void
see(const struct shim_result *result, void *user)
{
    struct seen *seen = user;

    seen->results++;
    seen->errors += result->error != NULL;
    seen->iterations += result->iterations;
}

int
main(int argc, char **argv)
{
    struct seen seen = {0};
    int count;

    shim_init(&argc, argv);
    shim_benchmark_iterations(shim_register("copy", copy, NULL), 100 * BATCH);
    count = shim_run(&(struct shim_options){
        .filter = "copy", .console = 1, .on_result = see, .user = &seen});
    if (count != 1 || seen.results != 1 || seen.errors != 0 ||
        seen.iterations != 100 * BATCH) {
        fprintf(stderr,
                "found %d benchmarks, %d results, %d errors, %lld iterations; "
                "expected 1, 1, 0, %d\n",
                count, seen.results, seen.errors, (long long) seen.iterations,
                100 * BATCH);
        return 1;
    }
    return 0;
}
