/*
 * The part of nginx's ngx_config.h that ngx_palloc.{h,c} need outside nginx:
 * integer types and alignment. Names and meanings are nginx's.
 */
#ifndef POOL_STANDALONE_NGX_CONFIG_H
#define POOL_STANDALONE_NGX_CONFIG_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Defined here only: the pool is compiled outside nginx. */
#define NGX_STANDALONE 1

/* A strict <sys/types.h> leaves it out; where it does not, glibc says so. */
#ifndef __u_char_defined
typedef unsigned char u_char;
#endif

typedef intptr_t ngx_int_t;
typedef uintptr_t ngx_uint_t;

/* The alignment of ngx_palloc() and ngx_pcalloc(), in bytes. */
#ifndef NGX_ALIGNMENT
#define NGX_ALIGNMENT sizeof(unsigned long)
#endif

/* d, p: rounded up to the next multiple of a, a power of two. */
#define ngx_align(d, a) (((d) + ((a) -1)) & ~((a) -1))
#define ngx_align_ptr(p, a)                                                    \
    ((u_char *) (((uintptr_t) (p) + ((uintptr_t) (a) -1)) &                    \
                 ~((uintptr_t) (a) -1)))

#endif
