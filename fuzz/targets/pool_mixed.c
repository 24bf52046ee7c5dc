/*
 * pool_mixed: nginx's own functions and this library's work on the same pools,
 * as the input says, and every promise that fuzz/oracles/ knows is kept: a
 * module of nginx may bring a copy of nginx's functions along. The input is a
 * program, see pool/ops/program.h, whose op nginx chooses who does what.
 *
 * A program is done once. nginx's own functions look at the first entries of a
 * list whose order is an index's, which addresses decide.
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
