#include <unistd.h>

#include "oracle.h"

enum {
    PAGE = 4096, /* if the system does not know the page size */
};

enum {
    LARGE,
    SMALL,
    MAX,
    ALWAYS_LARGE,
};

static const struct promise promises[] = {
    [LARGE] = {13, "an allocation of more than max is a large one"},
    [SMALL] = {14, "an allocation of max or less is a small one"},
    [MAX] = {43, "max is the first block's size less its header, or a page "
                 "less one, whichever is less"},
    [ALWAYS_LARGE] = {9, "ngx_pmemalign makes a large allocation"},
};

/* Not ngx_pagesize, since that is checked too. */
static size_t
page(void)
{
    long size = sysconf(_SC_PAGESIZE);

    return size > 0 ? (size_t) size : PAGE;
}

static const struct promise *
check(const struct run *run, const struct step *step)
{
    const struct shadow_pool *self = &run->pools[step->pool];
    const ngx_pool_t *pool = self->pool;
    int is_small;

    if (pool == NULL) {
        return NULL;
    }
    if (step->kind == STEP_CREATE) {
        size_t capacity = step->size - sizeof(ngx_pool_t) - run->model.redzone;

        return pool->max != (capacity < page() ? capacity : page() - 1)
                   ? &promises[MAX]
                   : NULL;
    }
    if (step->made == NULL || step->is_nginx) {
        return NULL;
    }

    is_small = step->block < self->block_count;
    if (step->code == OP_PMEMALIGN) {
        return is_small ? &promises[ALWAYS_LARGE] : NULL;
    }
    if (!model_is_small(&run->model, step->pool, step->size)) {
        return is_small ? &promises[LARGE] : NULL;
    }
    return is_small ? NULL : &promises[SMALL];
}

ORACLE_DEFINE(sizes, ORACLE_KIND(STEP_CREATE) | ORACLE_MAKES);
