/*
 * pool_mixed: nginx's own functions and this library's functions may work on
 * the same pools, and every promise of fuzz/oracles/ is kept. That can happen
 * because a module of nginx may contain a copy of nginx's functions. The input
 * is a program, see pool/ops/program.h. Its op nginx chooses the ops that
 * nginx's functions do.
 *
 * A program is run once. A second run could differ: nginx's functions use the
 * first entries of the list of large allocations, and with an index the list's
 * order depends on addresses.
 */
#include <stddef.h>
#include <stdint.h>

#include "nginx.h"
#include "replay.h"
#include "run.h"

static const struct run_options options = {
    .only = RUN_ALL,
    .nginx = &nginx_functions,
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void) run_program(data, size, &options);
    return 0;
}

void
replay_one(const uint8_t *data, size_t size)
{
    (void) run_program(data, size, &options);
}
