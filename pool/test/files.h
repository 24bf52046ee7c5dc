/*
 * The system's files as the pool under test sees them (see heap.h). No file is
 * touched. The calls are recorded, in order. One thread.
 */
#ifndef POOL_TEST_FILES_H
#define POOL_TEST_FILES_H

#include <stddef.h>

enum files_kind {
    FILES_CLOSE,
    FILES_UNLINK,
};

/* One call. */
struct files_event {
    enum files_kind kind;
    int fd;           /* of a close */
    int is_set;       /* of a close: the handler of files_watch() was */
    const char *name; /* of an unlink: the caller's pointer */
};

enum {
    FILES_EVENTS_MAX = 1024, /* later calls are counted, not recorded */
};

int files_close(int fd);
int files_unlink(const char *name);

/* Let each close note whether *handler is set. NULL: it notes 0. handler must
 * live until the next call of this function or of files_reset(). */
void files_watch(void (*const *handler)(void *data));

/* Forget all calls and the handler, and let later calls succeed. */
void files_reset(void);

/* Let every later close or unlink fail with err. 0 lets them succeed. */
void files_fail(enum files_kind kind, int err);

/* The number of calls since files_reset(), and the nth of them, where n is less
 * than FILES_EVENTS_MAX. */
size_t files_count(void);
const struct files_event *files_event(size_t n);

#endif
