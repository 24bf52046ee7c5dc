/*
 * pool_ops: whatever ops come, in whatever order, a pool keeps every promise
 * that fuzz/oracles/ knows. The input is a program, see pool/ops/program.h.
 */
#include <stddef.h>
#include <stdint.h>

#include "replay.h"
#include "run.h"

enum {
    /* Of so many programs one is done again, and each pool of it alone. */
    AGAIN_ONE_IN = 256,
};

static const struct run_options options = {
    .redzone = NGX_POOL_REDZONE,
    .is_marked = NGX_POOL_POISON,
    .only = RUN_ALL,
    .palloc = FUZZ_INLINED ? ngx_palloc_inline : ngx_palloc,
    .pnalloc = FUZZ_INLINED ? ngx_pnalloc_inline : ngx_pnalloc,
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct run *run = run_program(data, size, &options);

    if ((run->trace >> 32) % AGAIN_ONE_IN == 1) {
        run_program_again(data, size, &options);
    }
    return 0;
}

void
replay_one(const uint8_t *data, size_t size)
{
    run_program_again(data, size, &options);
}
