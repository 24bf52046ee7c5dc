#include <stdio.h>

#include "allocators/adapters.h"
#include "plan/replay.h"

#if defined(BENCH_NGINX)

#include <ngx_config.h>
#include <ngx_core.h>

static void *
nginx_open(char *reason)
{
    static char opened;

    (void) reason;
    ngx_pagesize = (ngx_uint_t) getpagesize();
    return &opened;
}

static const void *
nginx_entry(void *library)
{
    (void) library;
    return (const void *) (uintptr_t) ngx_palloc;
}

static void
nginx_version(void *library, char *version)
{
    (void) library;
    snprintf(version, ALLOCATOR_VERSION_MAX, "%s", BENCH_NGINX);
}

static void *
nginx_create(void *library, size_t size, size_t count)
{
    (void) library;
    (void) size;
    (void) count;
    return ngx_create_pool(NGX_DEFAULT_POOL_SIZE, NULL);
}

static void *
nginx_palloc_size(void *state, size_t size)
{
    return ngx_palloc(state, size);
}

static int
nginx_fill(struct region *region)
{
    return region_fill_with(region, nginx_palloc_size);
}

static void
nginx_free_early(void *state, void *p)
{
    (void) ngx_pfree(state, p);
}

static int
nginx_replay(struct region *region)
{
    return replay_with(region, nginx_palloc_size, nginx_free_early);
}

static void
nginx_cleaned(void *data)
{
    size_t *ran = data;

    ++*ran;
}

static int
nginx_cleanup(void *state, size_t *ran)
{
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(state, 0);

    if (cleanup == NULL) {
        return -ENOMEM;
    }
    cleanup->handler = nginx_cleaned;
    cleanup->data = ran;
    return 0;
}

FREE_LOOPS(nginx, nginx_palloc_size, nginx_free_early);
CLEANUP_LOOP(nginx, nginx_palloc_size, nginx_cleanup);

static void
nginx_reset(void *state)
{
    ngx_reset_pool(state);
}

static void
nginx_destroy(void *state)
{
    ngx_destroy_pool(state);
}

const struct allocator allocator_nginx = {
    .name = "nginx" ALLOCATOR_SUFFIX,
    .kind = ALLOCATOR_REGION,
    .class = ALLOCATOR_LINKAGE,
    .alignment = NGX_ALIGNMENT,
    .block = NGX_DEFAULT_POOL_SIZE,
    .policy = "blocks of 16 KiB, all of one size; larger than 4095 bytes one "
              "by one; keeps nothing, malloc() gets it back",
    .open = nginx_open,
    .entry = nginx_entry,
    .file = ALLOCATOR_LINKAGE == ALLOCATOR_SHARED ? "/libnginxpool" : NULL,
    .version = nginx_version,
    .create = nginx_create,
    .alloc = nginx_palloc_size,
    .fill = nginx_fill,
    .replay = nginx_replay,
    .free_order = nginx_free_order,
    .exchange = nginx_exchange,
    .fill_cleanup = nginx_fill_cleanup,
    .free_early = nginx_free_early,
    .cleanup = nginx_cleanup,
    .reset = nginx_reset,
    .destroy = nginx_destroy,
};

#else

static void *
nginx_open(char *reason)
{
    snprintf(reason, ALLOCATOR_REASON_MAX,
             "this build had no NGINX_SRC, the folder of nginx's source");
    return NULL;
}

const struct allocator allocator_nginx = {
    .name = "nginx" ALLOCATOR_SUFFIX,
    .kind = ALLOCATOR_REGION,
    .class = ALLOCATOR_LINKAGE,
    .policy = "",
    .open = nginx_open,
};

#endif
