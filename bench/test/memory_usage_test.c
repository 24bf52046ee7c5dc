/*
 * What the process itself is seen to use: memory_read(), and by it what stays
 * resident when a great pool of the library as it is installed is destroyed.
 */
#include "memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <ngx_config.h>
#include <ngx_core.h>

#define MIB ((size_t) 1024 * 1024)

enum {
    GREAT_MIB = 1024,
    GREAT_SIZE = 4000, /* so that each page is touched */

    /* What malloc() keeps of its own, at most, besides what the pool does. */
    LEFT_MIB = 4,
};

static struct memory_usage
usage(void)
{
    struct memory_usage now;

    assert_int_equal(memory_read(&now), 0);
    return now;
}

static void
test_memory_read_sees_what_is_mapped_and_what_is_touched(void **state)
{
    size_t size = 8 * MIB;
    struct memory_usage before = usage();
    struct memory_usage mapped;
    struct memory_usage touched;
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void) state;
    assert_true(p != MAP_FAILED);
    mapped = usage();
    assert_int_equal(mapped.data - before.data, size);
    assert_true(mapped.resident - before.resident < size / 8);
    memset(p, 1, size);
    touched = usage();
    assert_int_equal(touched.data, mapped.data);
    assert_in_range(touched.resident - before.resident, size, size + size / 8);
    assert_int_equal(munmap(p, size), 0);
    assert_int_equal(usage().data, before.data);
}

static void
test_memory_of_a_great_pool_is_given_back(void **state)
{
    size_t size = GREAT_MIB * MIB;
    size_t free_size =
        (size_t) sysconf(_SC_AVPHYS_PAGES) * (size_t) sysconf(_SC_PAGESIZE);
    struct memory_usage before = usage();
    ngx_pool_t *pool;

    (void) state;
    if (free_size < 2 * size) {
        skip();
    }
    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, NULL);
    assert_non_null(pool);
    for (size_t asked = 0; asked < size; asked += GREAT_SIZE) {
        char *p = ngx_palloc(pool, GREAT_SIZE);

        assert_non_null(p);
        *p = 1;
        p[GREAT_SIZE - 1] = 1;
    }
    assert_true(usage().resident - before.resident >= size);
    ngx_destroy_pool(pool);
    assert_in_range(ngx_pool_cache_size(), 1, NGX_POOL_CACHE_SIZE);
    assert_true(usage().resident <
                before.resident + NGX_POOL_CACHE_SIZE + LEFT_MIB * MIB);
}

/* It can be no program's data. */
static void
test_memory_read_leaves_out_what_cannot_be_written(void **state)
{
    size_t size = 8 * MIB;
    struct memory_usage before = usage();
    void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void) state;
    assert_true(p != MAP_FAILED);
    assert_int_equal(usage().data, before.data);
    assert_int_equal(munmap(p, size), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_memory_read_sees_what_is_mapped_and_what_is_touched),
        cmocka_unit_test(test_memory_read_leaves_out_what_cannot_be_written),
        cmocka_unit_test(test_memory_of_a_great_pool_is_given_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
