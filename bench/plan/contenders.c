#include "plan/contenders.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void contender_open(struct contender *contender);

int
contenders_init(struct contenders *contenders, const struct layout *layout,
                int only, const char *mallocs, const char *plugins, char *error)
{
    const struct measured *shared = layout->shared;
    const struct measured *archive = layout->archive;
    size_t own = shared->allocators_count + archive->allocators_count;
    struct extras extras;
    struct extras extras_again;
    struct contender *list;
    size_t count;

    if (shared->open_extras(&extras, mallocs, plugins, error) != 0 ||
        layout->again->open_extras(&extras_again, mallocs, plugins, error) !=
            0) {
        return -EINVAL;
    }
    count = own + extras.count;
    list = calloc(count, sizeof(*list));
    if (list == NULL) {
        snprintf(error, LAYOUT_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    for (size_t i = 0; i < shared->allocators_count; i++) {
        list[i].allocator = shared->allocators[i];
        list[i].again = layout->again->allocators[i];
    }
    for (size_t i = 0; i < archive->allocators_count; i++) {
        list[shared->allocators_count + i].allocator = archive->allocators[i];
    }
    for (size_t i = 0; i < extras.count; i++) {
        list[own + i].allocator = extras.list[i];
        list[own + i].again = extras_again.list[i];
    }
    for (size_t i = 0; i < count; i++) {
        if (only == CONTENDERS_ALL || i == (size_t) only) {
            contender_open(&list[i]);
        }
    }
    *contenders = (struct contenders){
        .list = list, .count = count, .shared = shared, .again = layout->again};
    return 0;
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
