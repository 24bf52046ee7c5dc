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
    FILLS = 251, /* a prime: neighbours differ, whatever the order */

    /* Bytes that are compared at both ends of a longer object. */
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
    size_t cleanups; /* added, and not run */
    size_t next;     /* the number of the one to run next, from 1 */
    int is_wrong;    /* one ran that should not have */
};

/* A cleanup's data. */
struct due {
    struct region *region;
    size_t number;
};

static struct {
    const struct trace *trace;
    size_t at; /* the action */
    struct region *regions;
    struct object *objects;
    unsigned fill;
    char *error;
} now;

static int act(const struct trace_action *action);
static int act_create(const struct trace_action *action);
static int act_alloc(const struct trace_action *action);
static int act_resize(const struct trace_action *action);
static int act_free(uint32_t region, struct object *object);
static int act_cleanup(const struct trace_action *action);
static int act_cleanup_run(struct region *region);
static int act_end(const struct trace_action *action);
static void handler(void *data);
static int is_intact(const struct object *object);
static int is_filled(const unsigned char *p, size_t size, unsigned char fill);
static int broken(int number, const char *words);

int
checked_run(const struct trace *trace, char *error)
{
    int rc = 0;

    now.trace = trace;
    now.error = error;
    now.fill = 0;
    now.regions = calloc(trace->regions + 1, sizeof(*now.regions));
    now.objects = calloc(trace->objects + 1, sizeof(*now.objects));
    if (now.regions == NULL || now.objects == NULL) {
        rc = -ENOMEM;
    }
    ngx_pool_cache_limit(NGX_POOL_CACHE_SIZE);
    for (now.at = 0; now.at < trace->count && rc == 0; now.at++) {
        rc = act(&trace->actions[now.at]);
    }
    if (rc == 0) {
        ngx_pool_cache_trim();
        if (ngx_pool_cache_size() != 0) {
            rc = broken(46, "a trim gives back all that is kept");
        } else if (heap_live_blocks() != 0 || heap_live_bytes() != 0) {
            rc = broken(32, "nothing is live when all pools are gone");
        }
    }
    free(now.regions);
    free(now.objects);
    return rc;
}

static int
act(const struct trace_action *action)
{
    struct region *region = &now.regions[action->region];

    switch ((enum trace_code) action->code) {
    case TRACE_CREATE:
        return act_create(action);
    case TRACE_ALLOC:
        return act_alloc(action);
    case TRACE_RESIZE:
        return act_resize(action);
    case TRACE_FREE:
        return act_free(action->region, &now.objects[action->object]);
    case TRACE_DROP: /* its region ends, and nothing is asked of the pool */
        return is_intact(&now.objects[action->object])
                   ? 0
                   : broken(5, "an allocation's contents last to its end");
    case TRACE_STEAL: /* no pool can: it is copied */
        if (!is_intact(&now.objects[action->object])) {
            return broken(5, "an allocation's contents last to its end");
        }
        return act_alloc(action);
    case TRACE_CLEANUP:
        return act_cleanup(action);
    case TRACE_CLEANUP_RUN:
        return action->kind == TRACE_AT_END ? 0 : act_cleanup_run(region);
    case TRACE_RESET:
    case TRACE_DESTROY:
        return act_end(action);
    default:
        return 0;
    }
}

static int
act_create(const struct trace_action *action)
{
    struct region *region = &now.regions[action->region];

    *region = (struct region){.pool = ngx_create_pool(action->size, NULL)};
    return region->pool != NULL ? 0 : -ENOMEM;
}

static int
act_alloc(const struct trace_action *action)
{
    ngx_pool_t *pool = now.regions[action->region].pool;
    struct object *object = &now.objects[action->object];
    size_t alignment = NGX_ALIGNMENT;

    *object = (struct object){
        .size = action->size,
        .is_large = action->size > pool->max,
        .fill = (unsigned char) (1 + now.fill++ % FILLS),
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
        return broken(8, "ngx_pcalloc() is zero in every byte");
    }
    memset(object->p, object->fill, object->size);
    if (ngx_pool_cache_size() > NGX_POOL_CACHE_SIZE) {
        return broken(46, "no more is kept than the bound");
    }
    return 0;
}

/* A new one, a copy, and the end of the old one. */
static int
act_resize(const struct trace_action *action)
{
    int rc = act_alloc(action);

    return rc != 0 ? rc : act_free(action->region, &now.objects[action->other]);
}

static int
act_free(uint32_t region, struct object *object)
{
    ngx_int_t answer;

    if (!is_intact(object)) {
        return broken(4, "an allocation's contents last until it is freed");
    }
    answer = ngx_pfree(now.regions[region].pool, object->p);
    if (answer != (object->is_large ? NGX_OK : NGX_DECLINED)) {
        return broken(object->is_large ? 15 : 16,
                      "ngx_pfree() knows large allocations from small ones");
    }
    return 0;
}

static int
act_cleanup(const struct trace_action *action)
{
    struct region *region = &now.regions[action->region];
    size_t size =
        action->size < sizeof(struct due) ? sizeof(struct due) : action->size;
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(region->pool, size);
    struct due *due;

    if (cleanup == NULL) {
        return -ENOMEM;
    }
    if (cleanup->handler != NULL ||
        (uintptr_t) cleanup->data % NGX_ALIGNMENT != 0) {
        return broken(25, "a new cleanup has no handler, and aligned data");
    }
    due = cleanup->data;
    due->region = region;
    due->number = ++region->cleanups;
    region->next = region->cleanups;
    cleanup->handler = handler;
    return 0;
}

/* As a module does it: the newest's handler is called, and cancelled. */
static int
act_cleanup_run(struct region *region)
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
act_end(const struct trace_action *action)
{
    struct region *region = &now.regions[action->region];

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

/* The newest that has not run is the one that must. */
static void
handler(void *data)
{
    const struct due *due = data;

    due->region->is_wrong |= due->number != due->region->next;
    due->region->next = due->number - 1;
    due->region->cleanups = due->region->next;
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
    unsigned code = now.at < now.trace->count ? now.trace->actions[now.at].code
                                              : TRACE_DESTROY;

    snprintf(now.error, CHECKED_ERROR_MAX,
             "action %zu, %s: broken promise %d: %s", now.at + 1, names[code],
             number, words);
    return -EPROTO;
}
