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
    AGAIN_ONE_IN = 64,
};

static const struct run_options options = {
    .redzone = NGX_POOL_REDZONE,
    .is_marked = NGX_POOL_POISON,
    .is_inlined = FUZZ_INLINED,
    .only = RUN_ALL,
};

const char *__asan_default_options(void);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct run *run = run_program(data, size, &options);

    if (run->trace % AGAIN_ONE_IN == 0) {
        run_program_again(data, size, &options);
    }
    return 0;
}

void
replay_one(const uint8_t *data, size_t size)
{
    run_program_again(data, size, &options);
}

/*
 * The memory oracle counts every block, so there is nothing for LeakSanitizer;
 * a larger quarantine looks like a leak; nobody reads the stacks of blocks
 * that a program made, the op is what tells; the first KiB of a block is dirty
 * enough; and the poison oracle looks at what the others compare.
 */
const char *
__asan_default_options(void)
{
    return "quarantine_size_mb=10:detect_leaks=0:malloc_context_size=0:"
           "max_malloc_fill_size=1024:intercept_memcmp=0";
}
