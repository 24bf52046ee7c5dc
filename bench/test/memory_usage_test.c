/*
 * memory_read() sees the memory that this process takes from the system.
 */
#include "measure/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define MIB ((size_t) 1024 * 1024)

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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
