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
};

static ngx_pool_cleanup_file_t *add_file(ngx_pool_t *pool,
                                         ngx_pool_cleanup_pt handler);
static int is_open(int fd);

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_product_closes_a_file),
        cmocka_unit_test(test_product_runs_a_file_cleanup_early),
        cmocka_unit_test(test_product_deletes_a_file),
    };

    return GROUP_RUN(tests);
}
