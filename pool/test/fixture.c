#include "fixture.h"

#include <ngx_config.h>
#include <ngx_core.h>

#include "heap.h"

static size_t blocks_before;

int
fixture_setup(void **state)
{
    (void) state;
    ngx_pool_cache_limit(0);
    blocks_before = heap_live_blocks();
    return 0;
}

int
fixture_teardown(void **state)
{
    (void) state;
    heap_fail_at(HEAP_NEVER);
    ngx_pool_cache_limit(0);
    if (heap_live_blocks() != blocks_before) {
        print_error("%zu blocks live at the start, %zu at the end\n",
                    blocks_before, heap_live_blocks());
        return -1;
    }
    return 0;
}
