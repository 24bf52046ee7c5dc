#include "files.h"

#include <errno.h>

static struct files_event events[FILES_EVENTS_MAX];
static size_t count;
static int errs[FILES_UNLINK + 1];
static void (*const *watched)(void *data);

static int files_note(struct files_event event);

int
files_close(int fd)
{
    int is_set = watched != NULL && *watched != NULL;

    return files_note(
        (struct files_event){.kind = FILES_CLOSE, .fd = fd, .is_set = is_set});
}

int
files_unlink(const char *name)
{
    return files_note(
        (struct files_event){.kind = FILES_UNLINK, .fd = -1, .name = name});
}

void
files_watch(void (*const *handler)(void *data))
{
    watched = handler;
}

void
files_reset(void)
{
    watched = NULL;
    count = 0;
    errs[FILES_CLOSE] = 0;
    errs[FILES_UNLINK] = 0;
}

void
files_fail(enum files_kind kind, int err)
{
    errs[kind] = err;
}

size_t
files_count(void)
{
    return count;
}

const struct files_event *
files_event(size_t n)
{
    return &events[n];
}

static int
files_note(struct files_event event)
{
    if (count < FILES_EVENTS_MAX) {
        events[count] = event;
    }
    count++;
    errno = errs[event.kind];
    return errno == 0 ? 0 : -1;
}
