#include "checked.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_palloc.h>

#include "heap.h"

enum {
    FILLS = 251, /* a prime, so that close objects rarely have the same one */

    /* Bytes at each end of a longer object that are compared. */
    ENDS = 512,
};

struct object {
    unsigned char *p;
    size_t size;
    int is_large;
    unsigned char fill;
};

struct region {
    ngx_pool_t *pool;
    size_t cleanups; /* that were added and have not run */
    size_t next;     /* number of the cleanup that must run next, from 1 */
    int is_wrong;    /* another cleanup has run */
};

struct cleanup_data {
    struct region *region;
    size_t number;
};

static struct {
    const struct trace *trace;
    size_t at; /* the action that is done now */
    struct region *regions;
    struct object *objects;
    unsigned fill;
    char *error;
} context;

static int perform(const struct trace_action *action);
static int perform_create(const struct trace_action *action);
static int perform_alloc(const struct trace_action *action);
static int perform_resize(const struct trace_action *action);
static int perform_free(uint32_t region, struct object *object);
static int perform_cleanup(const struct trace_action *action);
static int perform_cleanup_run(struct region *region);
static int perform_end(const struct trace_action *action);
static void handler(void *data);
static int is_intact(const struct object *object);
static int is_filled(const unsigned char *p, size_t size, unsigned char fill);
static int broken(int number, const char *words);

int
checked_run(const struct trace *trace, char *error)
{
    int rc = 0;

    context.trace = trace;
    context.error = error;
    context.fill = 0;
    context.regions = calloc(trace->regions + 1, sizeof(*context.regions));
    context.objects = calloc(trace->objects + 1, sizeof(*context.objects));
    if (context.regions == NULL || context.objects == NULL) {
        rc = -ENOMEM;
    }
    ngx_pool_cache_limit(NGX_POOL_CACHE_SIZE);
    for (context.at = 0; context.at < trace->count && rc == 0; context.at++) {
        rc = perform(&trace->actions[context.at]);
    }
    if (rc == 0) {
        ngx_pool_cache_trim();
        if (ngx_pool_cache_size() != 0) {
            rc = broken(46, "a trim releases all kept memory");
        } else if (heap_live_blocks() != 0 || heap_live_bytes() != 0) {
            rc = broken(32, "no memory is live when all pools are gone");
        }
    }
    free(context.regions);
    free(context.objects);
    return rc;
}

static int
perform(const struct trace_action *action)
{
    struct region *region = &context.regions[action->region];

    switch ((enum trace_code) action->code) {
    case TRACE_CREATE:
        return perform_create(action);
    case TRACE_ALLOC:
        return perform_alloc(action);
    case TRACE_RESIZE:
        return perform_resize(action);
    case TRACE_FREE:
        return perform_free(action->region, &context.objects[action->object]);
    case TRACE_DROP: /* no call: the object ends with its region */
        return is_intact(&context.objects[action->object])
                   ? 0
                   : broken(5, "an allocation's contents last to its end");
    case TRACE_STEAL: /* a pool cannot do it, so the object is copied */
        if (!is_intact(&context.objects[action->object])) {
            return broken(5, "an allocation's contents last to its end");
        }
        return perform_alloc(action);
    case TRACE_CLEANUP:
        return perform_cleanup(action);
    case TRACE_CLEANUP_RUN:
        return action->kind == TRACE_AT_END ? 0 : perform_cleanup_run(region);
    case TRACE_RESET:
    case TRACE_DESTROY:
        return perform_end(action);
    default:
        return 0;
    }
}

static int
perform_create(const struct trace_action *action)
{
    struct region *region = &context.regions[action->region];

    *region = (struct region){.pool = ngx_create_pool(action->size, NULL)};
    return region->pool != NULL ? 0 : -ENOMEM;
}

static int
perform_alloc(const struct trace_action *action)
{
    ngx_pool_t *pool = context.regions[action->region].pool;
    struct object *object = &context.objects[action->object];
    size_t alignment = NGX_ALIGNMENT;

    *object = (struct object){
        .size = action->size,
        .is_large = action->size > pool->max,
        .fill = (unsigned char) (1 + context.fill++ % FILLS),
    };
    if (action->alignment != 0) {
        alignment = (size_t) 1 << action->alignment;
        object->p = ngx_pmemalign(pool, action->size, alignment);
        object->is_large = 1;
    } else if (action->kind == TRACE_PACKED) {
        alignment = 1;
        object->p = ngx_pnalloc(pool, action->size);
    } else if (action->kind == TRACE_ZEROED) {
        object->p = ngx_pcalloc(pool, action->size);
    } else {
        object->p = ngx_palloc(pool, action->size);
    }

    if (object->p == NULL) {
        return -ENOMEM;
    }
    if ((uintptr_t) object->p % alignment != 0) {
        return broken(action->alignment != 0 ? 9 : 1,
                      "an allocation is aligned");
    }
    if (action->kind == TRACE_ZEROED &&
        !is_filled(object->p, object->size, 0)) {
        return broken(8, "memory of ngx_pcalloc() is zero in every byte");
    }
    memset(object->p, object->fill, object->size);
    if (ngx_pool_cache_size() > NGX_POOL_CACHE_SIZE) {
        return broken(46, "kept memory stays within the limit");
    }
    return 0;
}

/* Allocates a new object, then frees the old one. */
static int
perform_resize(const struct trace_action *action)
{
    int rc = perform_alloc(action);

    return rc != 0
               ? rc
               : perform_free(action->region, &context.objects[action->other]);
}

static int
perform_free(uint32_t region, struct object *object)
{
    ngx_int_t answer;

    if (!is_intact(object)) {
        return broken(4, "an allocation's contents last until it is freed");
    }
    answer = ngx_pfree(context.regions[region].pool, object->p);
    if (answer != (object->is_large ? NGX_OK : NGX_DECLINED)) {
        return broken(object->is_large ? 15 : 16,
                      "ngx_pfree() frees large allocations, not small ones");
    }
    return 0;
}

static int
perform_cleanup(const struct trace_action *action)
{
    struct region *region = &context.regions[action->region];
    size_t size = action->size < sizeof(struct cleanup_data)
                      ? sizeof(struct cleanup_data)
                      : action->size;
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(region->pool, size);
    struct cleanup_data *added;

    if (cleanup == NULL) {
        return -ENOMEM;
    }
    if (cleanup->handler != NULL ||
        (uintptr_t) cleanup->data % NGX_ALIGNMENT != 0) {
        return broken(25, "a new cleanup has no handler, and aligned data");
    }
    added = cleanup->data;
    added->region = region;
    added->number = ++region->cleanups;
    region->next = region->cleanups;
    cleanup->handler = handler;
    return 0;
}

/* Runs the newest cleanup as a module does: it calls the handler, then clears
 * it. */
static int
perform_cleanup_run(struct region *region)
{
    ngx_pool_cleanup_t *cleanup = region->pool->cleanup;

    while (cleanup != NULL && cleanup->handler == NULL) {
        cleanup = cleanup->next;
    }
    if (cleanup == NULL) {
        return broken(21, "a cleanup stays until it has run");
    }
    cleanup->handler(cleanup->data);
    cleanup->handler = NULL;
    return 0;
}

static int
perform_end(const struct trace_action *action)
{
    struct region *region = &context.regions[action->region];

    if (action->code == TRACE_RESET) {
        ngx_reset_pool(region->pool);
    } else {
        ngx_destroy_pool(region->pool);
        region->pool = NULL;
    }
    if (region->next != 0 || region->is_wrong) {
        return broken(21, "cleanups run once each, newest first");
    }
    region->cleanups = 0;
    return 0;
}

/* Of the cleanups that have not run, the newest must be the next. */
static void
handler(void *data)
{
    const struct cleanup_data *added = data;

    added->region->is_wrong |= added->number != added->region->next;
    added->region->next = added->number - 1;
    added->region->cleanups = added->region->next;
}

static int
is_intact(const struct object *object)
{
    if (object->size <= 2 * ENDS) {
        return is_filled(object->p, object->size, object->fill);
    }
    return is_filled(object->p, ENDS, object->fill) &&
           is_filled(object->p + object->size - ENDS, ENDS, object->fill);
}

static int
is_filled(const unsigned char *p, size_t size, unsigned char fill)
{
    return size == 0 || (p[0] == fill && memcmp(p, p + 1, size - 1) == 0);
}

static int
broken(int number, const char *words)
{
    static const char *const names[TRACE_CODES] = {
        "create", "alloc",   "resize", "free",  "drop",
        "steal",  "cleanup", "run",    "reset", "destroy",
    };
    unsigned code = context.at < context.trace->count
                        ? context.trace->actions[context.at].code
                        : TRACE_DESTROY;

    snprintf(context.error, CHECKED_ERROR_MAX,
             "action %zu, %s: broken promise %d: %s", context.at + 1,
             names[code], number, words);
    return -EPROTO;
}
