/*
 * Where in a pool an allocation lies: no address in it, so that two pools can
 * be compared. Any thread, as long as nobody changes the pool.
 */
#ifndef POOL_TEST_PLACE_H
#define POOL_TEST_PLACE_H

#include <stddef.h>

#include <ngx_config.h>
#include <ngx_core.h>

#define PLACE_LARGE ((size_t) -1)

struct place {
    size_t block;  /* ordinal, 0 being the first; PLACE_LARGE: in none */
    size_t offset; /* from the block's start; 0 where block is PLACE_LARGE */
};

struct place place_of(const ngx_pool_t *pool, const void *p);

/* Fail the running cmocka test unless p lies there. */
void place_check(const ngx_pool_t *pool, const void *p, size_t block,
                 size_t offset);

/* The pool's blocks, those kept by a reset too, and the nth of them. */
size_t place_blocks(const ngx_pool_t *pool);
ngx_pool_t *place_block(ngx_pool_t *pool, size_t n);

/* How many of them are in use, and the numbers of current and the window. */
size_t place_used(const ngx_pool_t *pool);
size_t place_current(const ngx_pool_t *pool);
size_t place_window(const ngx_pool_t *pool);

/* The bytes that the nth block, which is in use, has been used for. */
size_t place_last(ngx_pool_t *pool, size_t n);

/* Leave room bytes free in the nth block, which is in use. */
void place_leave(ngx_pool_t *pool, size_t n, size_t room);

/* The bytes of the nth block, which is in use. */
size_t place_block_size(ngx_pool_t *pool, size_t n);

/* Whether the pool's large allocations have an index. */
int place_has_index(const ngx_pool_t *pool);

#endif
