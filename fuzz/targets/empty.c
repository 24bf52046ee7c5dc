/*
 * empty: proves nothing. An input has no effect, so its time is the engine's
 * and the sanitizer's own. The speed of other targets is compared with it.
 */
#include <stddef.h>
#include <stdint.h>

#include "replay.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void) data;
    (void) size;
    return 0;
}
