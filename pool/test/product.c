/* The library as it is installed, on real files. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "group.h"

enum {
    POOL_SIZE = 4096,
    SIZE = 100,
};

#define GIB ((size_t) 1 << 30)

static ngx_pool_cleanup_file_t *add_file(ngx_pool_t *pool,
                                         ngx_pool_cleanup_pt handler);
static int is_open(int fd);
static int is_in(const ngx_pool_t *block, const u_char *p);

static void
test_product_closes_a_file(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_cleanup_file_t *file = add_file(pool, ngx_pool_cleanup_file);
    int fd = file->fd;

    (void) state;
    assert_int_equal(unlink((const char *) file->name), 0);
    assert_true(is_open(fd));
    ngx_destroy_pool(pool);
    assert_false(is_open(fd));
}

static void
test_product_runs_a_file_cleanup_early(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_cleanup_file_t *first = add_file(pool, ngx_pool_cleanup_file);
    ngx_pool_cleanup_file_t *second = add_file(pool, ngx_pool_cleanup_file);
    int fd = first->fd;

    (void) state;
    assert_int_equal(unlink((const char *) first->name), 0);
    assert_int_equal(unlink((const char *) second->name), 0);
    ngx_pool_run_cleanup_file(pool, second->fd);
    assert_true(is_open(fd));
    assert_false(is_open(second->fd));
    ngx_destroy_pool(pool);
    assert_false(is_open(fd));
}

static void
test_product_deletes_a_file(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_cleanup_file_t *file = add_file(pool, ngx_pool_delete_file);
    char *name = strdup((const char *) file->name);
    int fd = file->fd;

    (void) state;
    assert_int_equal(access(name, F_OK), 0);
    ngx_destroy_pool(pool);
    assert_int_equal(access(name, F_OK), -1);
    assert_int_equal(errno, ENOENT);
    assert_false(is_open(fd));
    free(name);
}

/* The system reserves this memory, and only its pages that are touched take
 * any. AddressSanitizer would mark them all. */
static void
test_product_has_blocks_of_more_than_4_gib(void **state)
{
    int is_possible = sizeof(size_t) > 4 && !NGX_POOL_ASAN;
    ngx_pool_t *pool = is_possible ? ngx_create_pool(5 * GIB, NULL) : NULL;
    ngx_pool_t *next;
    u_char *p;

    (void) state;
    if (pool == NULL) {
        skip(); /* an address or the memory is too small, or marked */
        return;
    }
    assert_true(is_in(pool, ngx_palloc(pool, SIZE)));
    pool->d.last = pool->d.end - 3 * GIB;
    assert_true(is_in(pool, ngx_palloc(pool, SIZE)));
    assert_true(is_in(pool, ngx_pnalloc(pool, SIZE)));
    assert_true(is_in(pool, ngx_pool_cleanup_add(pool, SIZE)->data));
    pool->d.last = pool->d.end - 1;
    p = ngx_palloc(pool, SIZE);
    next = pool->d.next;
    if (p != NULL) {
        assert_true(is_in(next, p));
        assert_int_equal(next->d.end - (u_char *) next, 5 * GIB);
    }
    ngx_destroy_pool(pool);
}

/* Opens a new temporary file, for which handler will be called. */
static ngx_pool_cleanup_file_t *
add_file(ngx_pool_t *pool, ngx_pool_cleanup_pt handler)
{
    static const char pattern[] = "/ngxpool-XXXXXX";
    const char *folder = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    size_t length = strlen(folder);
    ngx_pool_cleanup_t *cleanup =
        ngx_pool_cleanup_add(pool, sizeof(ngx_pool_cleanup_file_t));
    ngx_pool_cleanup_file_t *file = cleanup->data;

    file->name = ngx_pnalloc(pool, length + sizeof(pattern));
    memcpy(file->name, folder, length);
    memcpy(file->name + length, pattern, sizeof(pattern));
    file->fd = mkstemp((char *) file->name);
    assert_int_not_equal(file->fd, -1);
    file->log = NULL;
    cleanup->handler = handler;
    return file;
}

static int
is_open(int fd)
{
    return fcntl(fd, F_GETFD) != -1;
}

static int
is_in(const ngx_pool_t *block, const u_char *p)
{
    return p > (const u_char *) block && p + SIZE <= block->d.end;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_product_closes_a_file),
        cmocka_unit_test(test_product_runs_a_file_cleanup_early),
        cmocka_unit_test(test_product_deletes_a_file),
        cmocka_unit_test(test_product_has_blocks_of_more_than_4_gib),
    };

    return GROUP_RUN(tests);
}
