#include "plan/contenders.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CONTENDERS_MODULES = 4,
};

static size_t modules_count(const struct measured *const *modules);
static void contender_open(struct contender *contender);

int
contenders_init(struct contenders *contenders, const struct layout *layout,
                int only, const char *mallocs, const char *plugins, char *error)
{
    const struct measured *const modules[] = {layout->shared, layout->archive,
                                              layout->old_commit,
                                              layout->new_commit};
    struct extras extras;
    struct extras extras_again;
    struct contender *list;
    size_t count = 0;

    if (layout->shared->open_extras(&extras, mallocs, plugins, error) != 0 ||
        layout->again->open_extras(&extras_again, mallocs, plugins, error) !=
            0) {
        return -EINVAL;
    }
    list = calloc(modules_count(modules) + extras.count, sizeof(*list));
    if (list == NULL) {
        snprintf(error, LAYOUT_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    for (size_t m = 0; m < CONTENDERS_MODULES; m++) {
        for (size_t i = 0; modules[m] && i < modules[m]->allocators_count;
             i++) {
            list[count].allocator = modules[m]->allocators[i];
            if (modules[m] == layout->shared) {
                list[count].again = layout->again->allocators[i];
            }
            count++;
        }
    }
    for (size_t i = 0; i < extras.count; i++) {
        list[count].allocator = extras.list[i];
        list[count++].again = extras_again.list[i];
    }
    for (size_t i = 0; i < count; i++) {
        if (only == CONTENDERS_ALL || i == (size_t) only) {
            contender_open(&list[i]);
        }
    }
    *contenders = (struct contenders){.list = list,
                                      .count = count,
                                      .shared = layout->shared,
                                      .again = layout->again};
    return 0;
}

/* How many allocators they have. */
static size_t
modules_count(const struct measured *const *modules)
{
    size_t count = 0;

    for (size_t m = 0; m < CONTENDERS_MODULES; m++) {
        count += modules[m] != NULL ? modules[m]->allocators_count : 0;
    }
    return count;
}

void
contenders_done(struct contenders *contenders)
{
    free(contenders->list);
}

static void
contender_open(struct contender *contender)
{
    const struct allocator *allocator = contender->allocator;

    contender->library = allocator->open(contender->reason);
    if (contender->library == NULL) {
        return;
    }
    allocator->version(contender->library, contender->version);
    allocator_path(allocator->entry(contender->library), contender->path);
    if (contender->again != NULL) {
        contender->again_library = contender->again->open(contender->reason);
    }
}
