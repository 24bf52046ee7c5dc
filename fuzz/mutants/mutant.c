#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* mmap() and ftruncate() */
#endif

#include "mutant.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    MUTANT_NUMBERS = 16 * 1024, /* more than there are mutants */
    MUTANT_FIRST_PRIORITY = 101,
};

/* All mutants, before the environment was read. */
unsigned mutant_lowest = 0;
unsigned mutant_highest = MUTANT_NUMBERS - 1;

static int mutant_is_read;
static unsigned char *mutant_reached;

/* Reads the environment. Earlier constructors may have mutants, so the first
 * call of mutant_is() does it, too. The file stays open, since a test build
 * replaces close(). */
MUTANT_APART __attribute__((constructor(MUTANT_FIRST_PRIORITY))) static void
mutant_read(void)
{
    const char *number = getenv("NGXPOOL_MUTANT");
    const char *path = getenv("NGXPOOL_MUTANT_REACHED");
    void *map = MAP_FAILED;
    int fd;

    if (mutant_is_read) {
        return;
    }
    mutant_is_read = 1;
    if (path != NULL) {
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (fd >= 0 && ftruncate(fd, MUTANT_NUMBERS) == 0) {
            map = mmap(NULL, MUTANT_NUMBERS, PROT_READ | PROT_WRITE, MAP_SHARED,
                       fd, 0);
        }
        if (map == MAP_FAILED) {
            abort();
        }
        mutant_reached = map;
        return;
    }
    mutant_lowest = number != NULL ? (unsigned) strtoul(number, NULL, 10) : 0;
    mutant_highest = mutant_lowest;
}

MUTANT_APART int
mutant_is(unsigned number)
{
    if (!mutant_is_read) {
        mutant_read();
    }
    if (mutant_reached != NULL) {
        __atomic_store_n(&mutant_reached[number], 1, __ATOMIC_RELAXED);
        return 0;
    }
    return number == mutant_lowest;
}
