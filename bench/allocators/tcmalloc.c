#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocators/adapters.h"
#include "allocators/library.h"
#include "allocators/other_malloc.h"

typedef const char *tcmalloc_version_fn(int *major, int *minor,
                                        const char **patch);

struct tcmalloc {
    struct other_malloc other;
    tcmalloc_version_fn *version;
};

/*
 * It must map its memory. By sbrk() it would take memory above the C library's
 * heap, whose top could then never be trimmed again.
 */
static void *
tcmalloc_open(char *reason)
{
    static struct tcmalloc tcmalloc;

    if (setenv("TCMALLOC_SKIP_SBRK", "true", 1) != 0) {
        snprintf(reason, ALLOCATOR_REASON_MAX, "%s", strerror(errno));
        return NULL;
    }
    if (other_malloc_open(&tcmalloc.other, "libtcmalloc_minimal.so.4",
                          reason) != 0 ||
        library_find(tcmalloc.other.handle, "tc_version", &tcmalloc.version,
                     reason) != 0) {
        return NULL;
    }
    return &tcmalloc;
}

static void
tcmalloc_version(void *library, char *version)
{
    struct tcmalloc *tcmalloc = library;
    int major;
    int minor;
    const char *patch;

    tcmalloc->version(&major, &minor, &patch);
    snprintf(version, ALLOCATOR_VERSION_MAX, "%d.%d%s", major, minor, patch);
}

const struct allocator allocator_tcmalloc = {
    .name = "tcmalloc",
    .alignment = 8, /* of a size of at most 8; else 16 */
    .policy = "keeps freed pages and gives few of them back, by its release "
              "rate of 1; its memory is mapped, not sbrk()'s",
    .open = tcmalloc_open,
    .version = tcmalloc_version,
    .file = "/libtcmalloc",
    OTHER_MALLOC_ROW,
};
