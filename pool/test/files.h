/*
 * The system's files as the pool under test sees them (see heap.h): no file is
 * touched; what is asked for is noted, in order. One thread.
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
    const char *name; /* of an unlink: the caller's pointer */
};

enum {
    FILES_EVENTS_MAX = 1024, /* later ones are counted, not kept */
};

int files_close(int fd);
int files_unlink(const char *name);

/* Forget all events, and let calls succeed. */
void files_reset(void);

/* Let every later close or unlink fail with err, or, with 0, succeed. */
void files_fail(enum files_kind kind, int err);

/* Calls since the reset, and the nth of them, n < FILES_EVENTS_MAX. */
size_t files_count(void);
const struct files_event *files_event(size_t n);

#endif
