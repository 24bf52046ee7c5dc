/*
 * A target for the tests of replay. "never" fails; "later" fails once there was
 * another input; "last" fails at the end of the process; "busy" takes 0.4
 * seconds of the processor.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "replay.h"

static int is(const char *word, const uint8_t *data, size_t size);

void
replay_one(const uint8_t *data, size_t size)
{
    static int inputs;
    clock_t start = clock();

    if (is("never", data, size) || (is("later", data, size) && inputs != 0)) {
        abort();
    }
    if (is("last", data, size)) {
        (void) atexit(abort);
    }
    while (is("endless", data, size)) {
        (void) clock();
    }
    while (is("busy", data, size) && clock() - start < CLOCKS_PER_SEC * 2 / 5) {
    }
    inputs++;
}

static int
is(const char *word, const uint8_t *data, size_t size)
{
    return size == strlen(word) && memcmp(data, word, size) == 0;
}
