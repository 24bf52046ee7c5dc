/*
 * A program to record with this project's pool inside: record_pool_subject
 * COUNT makes COUNT regions. In each are 7 allocations, one aligned, one by a
 * cleanup; one is freed.
 */
#include <stdio.h>
#include <stdlib.h>

#include <ngx_palloc.h>

static void
cleanup_allocates(void *data)
{
    (void) ngx_palloc(data, 40);
}

int
main(int argc, char **argv)
{
    long count = argc == 2 ? atol(argv[1]) : 0;

    if (count <= 0) {
        fprintf(stderr, "record_pool_subject: see its source\n");
        return 2;
    }
    while (count-- > 0) {
        ngx_pool_t *pool = ngx_create_pool(1024, NULL);
        ngx_pool_cleanup_t *cleanup;

        (void) ngx_palloc(pool, 100);
        (void) ngx_pnalloc(pool, 13);
        (void) ngx_pcalloc(pool, 200);
        (void) ngx_pmemalign(pool, 300, 64);
        (void) ngx_pfree(pool, ngx_palloc(pool, 5000));
        ngx_reset_pool(pool);
        (void) ngx_palloc(pool, 50);
        cleanup = ngx_pool_cleanup_add(pool, 24);
        cleanup->handler = cleanup_allocates;
        cleanup->data = pool;
        ngx_destroy_pool(pool);
    }
    return 0;
}
