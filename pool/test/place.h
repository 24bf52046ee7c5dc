/*
 * Where in a pool an allocation lies, as numbers without an address, so that
 * two pools can be compared. Reads the public fields alone. Any thread, as long
 * as no other thread changes the pool.
 */
#ifndef POOL_TEST_PLACE_H
#define POOL_TEST_PLACE_H

#include <stddef.h>

#include <ngx_config.h>
#include <ngx_core.h>

#define PLACE_LARGE ((size_t) -1)

struct place {
    size_t block;  /* its number, 0 being the first; PLACE_LARGE: in none */
    size_t offset; /* from the block's start; 0 where block is PLACE_LARGE */
};

struct place place_of(const ngx_pool_t *pool, const void *p);

/* Fail the running cmocka test unless p lies there. */
void place_check(const ngx_pool_t *pool, const void *p, size_t block,
                 size_t offset);

/* The number of the pool's blocks, and the nth of them. */
size_t place_blocks(const ngx_pool_t *pool);
ngx_pool_t *place_block(ngx_pool_t *pool, size_t n);

/* The number of blocks up to the last one that an allocation was cut from or
 * failed in since the last reset. */
size_t place_used(const ngx_pool_t *pool);

/* The number of the block that current is. */
size_t place_current(const ngx_pool_t *pool);

/* The bytes of the nth block up to last, header included. */
size_t place_last(ngx_pool_t *pool, size_t n);

/* The bytes of the nth block. */
size_t place_block_size(ngx_pool_t *pool, size_t n);

/* Move last so that left bytes are free in the nth block, or all are. */
void place_leave(ngx_pool_t *pool, size_t n, size_t left);
void place_empty(ngx_pool_t *pool, size_t n);

/* Fail the running cmocka test unless every block of the pool is empty, has
 * counted no failure and has size bytes. */
void place_check_empty(const ngx_pool_t *pool, size_t size);

#endif
