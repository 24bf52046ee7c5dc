#include "nginx.h"

#include <ngx_config.h>
#include <ngx_core.h>

#define ngx_inline inline

#define ngx_create_pool           nginx_create_pool
#define ngx_destroy_pool          nginx_destroy_pool
#define ngx_palloc                nginx_palloc
#define ngx_pcalloc               nginx_pcalloc
#define ngx_pfree                 nginx_pfree
#define ngx_pmemalign             nginx_pmemalign
#define ngx_pnalloc               nginx_pnalloc
#define ngx_pool_cleanup_add      nginx_pool_cleanup_add
#define ngx_pool_cleanup_file     nginx_pool_cleanup_file
#define ngx_pool_delete_file      nginx_pool_delete_file
#define ngx_pool_run_cleanup_file nginx_pool_run_cleanup_file
#define ngx_reset_pool            nginx_reset_pool

/* nginx's code has no prototypes for the names above, and has other warnings
 * than this project. */
#pragma GCC diagnostic ignored "-Wcast-align"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wundef"

/* nginx's code uses it before the definition. */
void ngx_pool_cleanup_file(void *data);

/* The build sets NGINX_PALLOC_C to the path of nginx's src/core/ngx_palloc.c,
 * in quotes. */
#include NGINX_PALLOC_C

const struct run_nginx nginx_functions = {
    .palloc = nginx_palloc,
    .pnalloc = nginx_pnalloc,
    .pcalloc = nginx_pcalloc,
    .pmemalign = nginx_pmemalign,
    .pfree = nginx_pfree,
    .cleanup_add = nginx_pool_cleanup_add,
    .palloc_block = ngx_palloc_block,
    .palloc_large = ngx_palloc_large,
};
