#include "oracle.h"

#include <string.h>

enum {
    EARLY,
    EARLY_ONCE,
    EARLY_CLEARED,
    DELETE,
    ORDER,
};

static const struct promise promises[] = {
    [EARLY] = {26, "ngx_pool_run_cleanup_file runs the newest cleanup of that "
                   "descriptor, and no other"},
    [EARLY_ONCE] = {27, "a file's cleanup that ran early does not run again"},
    [EARLY_CLEARED] = {27, "a file's cleanup that runs early has no handler "
                           "when the file is closed"},
    [DELETE] = {28, "ngx_pool_delete_file deletes, then closes; a file that "
                    "does not exist is no error"},
    [ORDER] = {21, "files are closed newest first, in turn with other "
                   "cleanups"},
};

static int is_expected(const struct files_event *found,
                       const struct files_event *expected);

static const struct promise *
check(const struct run *run, const struct step *step)
{
    size_t count = files_count();

    if (step->kind == STEP_REPEAT || step->kind == STEP_ALONE) {
        return NULL;
    }
    if (count != run->event_count) {
        if (step->kind == STEP_FILE) {
            return &promises[EARLY];
        }
        return &promises[count > run->event_count ? EARLY_ONCE : ORDER];
    }
    /* Each step checks the newest two events, since deleting a file makes
     * two. */
    for (; count + 2 > run->event_count && count != 0; count--) {
        if (count > FILES_EVENTS_MAX) {
            continue;
        }
        if (files_event(count - 1)->is_set) {
            return &promises[EARLY_CLEARED];
        }
        if (!is_expected(files_event(count - 1), &run->events[count - 1])) {
            if (step->kind == STEP_FILE) {
                return &promises[EARLY];
            }
            return &promises[files_event(count - 1)->kind == FILES_UNLINK
                                 ? DELETE
                                 : ORDER];
        }
    }
    return NULL;
}

static int
is_expected(const struct files_event *found, const struct files_event *expected)
{
    if (found->kind != expected->kind) {
        return 0;
    }
    return found->kind == FILES_UNLINK
               ? strcmp(found->name, expected->name) == 0
               : found->fd == expected->fd;
}

ORACLE_DEFINE(files, ORACLE_KIND(STEP_DESTROY) | ORACLE_KIND(STEP_RESET) |
                         ORACLE_KIND(STEP_FILE) | ORACLE_KIND(STEP_HANDLER) |
                         ORACLE_KIND(STEP_END));
