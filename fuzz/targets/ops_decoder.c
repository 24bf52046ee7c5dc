/*
 * ops_decoder: any bytes can be read as a program of any version and as text.
 * Written again, they are read as the same program. The input is a program, see
 * pool/ops/program.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "replay.h"
#include "roundtrip.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *broken = roundtrip_check(data, size);

    if (broken != NULL) {
        fprintf(stderr, "broken promise: %s\n", broken);
        abort();
    }
    return 0;
}

void
replay_one(const uint8_t *data, size_t size)
{
    (void) LLVMFuzzerTestOneInput(data, size);
}
