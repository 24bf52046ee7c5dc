/*
 * Included first in nginx's own pool, by -include. It gives other names to that
 * pool's functions, so that both pools fit in one program. And it defines the
 * names that standalone/ lacks, since this project's pool does not need them.
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
