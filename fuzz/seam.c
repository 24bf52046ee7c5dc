#include "seam.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEAM_FILL = 0xa5,
};

static struct {
    const uint8_t *data;
    size_t size;
    size_t at; /* offset of the next byte to read */
    size_t fail_in;
    size_t refusals;
    size_t live;
} seam;

static ssize_t seam_read(void *cookie, char *out, size_t size);
static int is_refused(void);

void
seam_begin(const uint8_t *data, size_t size, size_t nth)
{
    seam.data = data;
    seam.size = size;
    seam.at = 0;
    seam.fail_in = nth;
    seam.refusals = 0;
}

size_t
seam_refusals(void)
{
    return seam.refusals;
}

size_t
seam_live(void)
{
    return seam.live;
}

FILE *
seam_fopen(const char *path, const char *mode)
{
    const cookie_io_functions_t functions = {.read = seam_read};
    FILE *file = fopencookie(NULL, mode, functions);

    (void) path;
    seam.live += file != NULL;
    return file;
}

int
seam_fclose(FILE *file)
{
    seam.live--;
    return fclose(file);
}

/* Only the first line of a file allocates. */
ssize_t
seam_getline(char **line, size_t *size, FILE *file)
{
    int is_new = *line == NULL;
    ssize_t got;

    if (is_new && is_refused()) {
        errno = ENOMEM;
        return -1;
    }
    got = getline(line, size, file);
    seam.live += is_new && *line != NULL;
    return got;
}

void *
seam_calloc(size_t count, size_t size)
{
    void *p = is_refused() ? NULL : calloc(count, size);

    seam.live += p != NULL;
    return p;
}

void *
seam_realloc(void *p, size_t size)
{
    void *moved = is_refused() ? NULL : realloc(p, size);

    if (p == NULL && moved != NULL) {
        /* A system's new memory may have any bytes. */
        memset(moved, SEAM_FILL, size);
        seam.live++;
    }
    return moved;
}

void
seam_free(void *p)
{
    seam.live -= p != NULL;
    free(p);
}

static ssize_t
seam_read(void *cookie, char *out, size_t size)
{
    size_t left = seam.size - seam.at;

    (void) cookie;
    if (size > left) {
        size = left;
    }
    if (size != 0) {
        memcpy(out, seam.data + seam.at, size);
    }
    seam.at += size;
    return (ssize_t) size;
}

static int
is_refused(void)
{
    if (seam.fail_in-- != 0) {
        return 0;
    }
    seam.refusals++;
    return 1;
}
