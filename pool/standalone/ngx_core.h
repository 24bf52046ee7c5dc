/*
 * The part of nginx's ngx_core.h that ngx_palloc.{h,c} need outside nginx:
 * result codes, forward types, files, and the headers that nginx's own
 * ngx_core.h includes. Names and meanings are nginx's.
 */
#ifndef POOL_STANDALONE_NGX_CORE_H
#define POOL_STANDALONE_NGX_CORE_H

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <ngx_config.h>

#define NGX_OK       0
#define NGX_DECLINED -5

typedef struct ngx_pool_s ngx_pool_t;
typedef struct ngx_chain_s ngx_chain_t; /* ngx_buf's; a pool only carries it */
typedef struct ngx_log_s ngx_log_t;
typedef int ngx_fd_t;
typedef int ngx_err_t;

#define ngx_errno  errno
#define NGX_ENOENT ENOENT

#define NGX_FILE_ERROR        -1
#define ngx_close_file        close
#define ngx_close_file_n      "close()"
#define ngx_delete_file(name) unlink((const char *) (name))
#define ngx_delete_file_n     "unlink()"

#define ngx_memzero(p, n) (void) memset(p, 0, n)

#include <ngx_alloc.h>
#include <ngx_log.h>
#include <ngx_palloc.h>

#endif
