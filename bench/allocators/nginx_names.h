/*
 * Before anything else of nginx's own pool: other names for what it defines, so
 * that it can stand beside this project's; and what standalone/ has not, since
 * this project's pool does without it. Used with -include.
 */
#ifndef BENCH_ALLOCATORS_NGINX_NAMES_H
#define BENCH_ALLOCATORS_NGINX_NAMES_H

#include <stdlib.h>

#define NGX_HAVE_POSIX_MEMALIGN 1

#define ngx_alloc                 nginx_alloc
#define ngx_cacheline_size        nginx_cacheline_size
#define ngx_calloc                nginx_calloc
#define ngx_create_pool           nginx_create_pool
#define ngx_destroy_pool          nginx_destroy_pool
#define ngx_memalign              nginx_memalign
#define ngx_pagesize              nginx_pagesize
#define ngx_pagesize_shift        nginx_pagesize_shift
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

#define ngx_inline                                       inline
#define ngx_log_debug2(level, log, err, fmt, a1, a2)     ((void) 0)
#define ngx_log_debug3(level, log, err, fmt, a1, a2, a3) ((void) 0)

#endif
