/* A target that fails on the input "never", and on "later" once it has had
 * another one. */
#include <stdlib.h>
#include <string.h>

#include "replay.h"

static int is(const char *word, const uint8_t *data, size_t size);

void
replay_one(const uint8_t *data, size_t size)
{
    static int inputs;

    if (is("never", data, size) || (is("later", data, size) && inputs != 0)) {
        abort();
    }
    inputs++;
}

static int
is(const char *word, const uint8_t *data, size_t size)
{
    return size == strlen(word) && memcmp(data, word, size) == 0;
}
