/* The seam to the system: ngx_alloc() and the like. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "fixture.h"
#include "heap.h"
#include "lines.h"

static void
test_alloc_takes_its_size_from_the_system(void **state)
{
    size_t bytes = heap_live_bytes();
    u_char *p = ngx_alloc(100, NULL);

    (void) state;
    assert_int_equal((uintptr_t) p % sizeof(void *), 0);
    assert_int_equal(heap_live_bytes(), bytes + 100);
    memset(p, 0xff, 100);
    ngx_free(p);
    assert_int_equal(heap_live_bytes(), bytes);
}

/* Also the last bytes of a size that is no multiple of a word's. */
static void
test_calloc_is_zero(void **state)
{
    static const u_char zeros[4096];
    size_t size;

    (void) state;
    for (size = 1; size <= sizeof(zeros); size += size < 64 ? 1 : 63) {
        u_char *p = ngx_alloc(size, NULL);

        memset(p, 0xff, size);
        ngx_free(p);
        p = ngx_calloc(size, NULL);
        assert_int_equal(heap_size(p), size);
        assert_memory_equal(p, zeros, size);
        ngx_free(p);
    }
}

static void
test_memalign_aligns_as_asked(void **state)
{
    size_t alignment;

    (void) state;
    for (alignment = 1; alignment <= 65536; alignment *= 2) {
        u_char *p = ngx_memalign(alignment, 100, NULL);

        assert_int_equal((uintptr_t) p % alignment, 0);
        assert_int_equal(heap_size(p), 100);
        memset(p, 0xff, 100);
        ngx_free(p);
    }
}

static void
test_memalign_refuses_other_alignments_than_powers_of_two(void **state)
{
    static const size_t alignments[] = {0, 12, 24, 40, 4095, SIZE_MAX};
    struct lines lines;
    size_t calls = heap_calls();
    size_t i;

    (void) state;
    lines_init(&lines, NGX_LOG_EMERG);
    for (i = 0; i < sizeof(alignments) / sizeof(alignments[0]); i++) {
        assert_null(ngx_memalign(alignments[i], 8, &lines.log));
        assert_null(ngx_memalign(alignments[i], 8, NULL));
        assert_int_equal(lines.count, i + 1);
    }
    assert_int_equal(heap_calls(), calls);
    lines_check(&lines, 1, NGX_LOG_EMERG,
                "posix_memalign(12, 8) failed (22: Invalid argument)");
}

static void
test_alloc_logs_its_failure(void **state)
{
    struct lines lines;

    (void) state;
    lines_init(&lines, NGX_LOG_EMERG);
    heap_fail_at(0);
    assert_null(ngx_alloc(10, &lines.log));
    heap_fail_at(0);
    assert_null(ngx_calloc(20, &lines.log));
    heap_fail_at(0);
    assert_null(ngx_memalign(64, 30, &lines.log));
    assert_int_equal(lines.count, 3);
    lines_check_memory(&lines, 0, "malloc(10)");
    lines_check_memory(&lines, 1, "calloc(20)");
    lines_check_memory(&lines, 2, "posix_memalign(64, 30)");
}

static void
test_alloc_writes_nothing_to_a_log_of_lower_level(void **state)
{
    struct lines lines;

    (void) state;
    lines_init(&lines, NGX_LOG_STDERR);
    assert_null(ngx_alloc(SIZE_MAX, &lines.log));
    assert_null(ngx_calloc(SIZE_MAX, &lines.log));
    assert_null(ngx_memalign(64, SIZE_MAX, &lines.log));
    assert_int_equal(lines.count, 0);
}

static void
test_alloc_fails_without_a_log(void **state)
{
    (void) state;
    heap_fail_at(0);
    assert_null(ngx_alloc(10, NULL));
    heap_fail_at(0);
    assert_null(ngx_calloc(10, NULL));
    heap_fail_at(0);
    assert_null(ngx_memalign(64, 10, NULL));
}

static void
test_alloc_refuses_sizes_near_the_greatest(void **state)
{
    size_t less;

    (void) state;
    for (less = 0; less < 64; less++) {
        assert_null(ngx_alloc(SIZE_MAX - less, NULL));
        assert_null(ngx_calloc(SIZE_MAX - less, NULL));
        assert_null(ngx_memalign(64, SIZE_MAX - less, NULL));
    }
}

static void
test_free_ignores_null(void **state)
{
    size_t blocks = heap_live_blocks();

    (void) state;
    ngx_free(NULL);
    assert_int_equal(heap_live_blocks(), blocks);
}

static void
test_align_rounds_up_to_the_next_multiple(void **state)
{
    u_char bytes[64];
    size_t alignment;
    size_t n;

    (void) state;
    for (alignment = 1; alignment <= 16; alignment *= 2) {
        for (n = 0; n < 40; n++) {
            size_t up = (n + alignment - 1) / alignment * alignment;
            u_char *p = ngx_align_ptr(bytes + n, alignment);

            assert_int_equal(ngx_align(n, alignment), up);
            assert_int_equal((uintptr_t) p % alignment, 0);
            assert_in_range(p - (bytes + n), 0, alignment - 1);
        }
    }
}

/* Read before main(), by a constructor of the default priority. */
static ngx_uint_t early_pagesize;

__attribute__((constructor)) static void
read_pagesize(void)
{
    early_pagesize = ngx_pagesize;
}

static void
test_pagesize_is_the_systems_before_main(void **state)
{
    (void) state;
    assert_int_equal(ngx_pagesize, sysconf(_SC_PAGESIZE));
    assert_int_equal(early_pagesize, ngx_pagesize);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_alloc_takes_its_size_from_the_system),
        FIXTURE_TEST(test_calloc_is_zero),
        FIXTURE_TEST(test_memalign_aligns_as_asked),
        FIXTURE_TEST(test_memalign_refuses_other_alignments_than_powers_of_two),
        FIXTURE_TEST(test_alloc_logs_its_failure),
        FIXTURE_TEST(test_alloc_writes_nothing_to_a_log_of_lower_level),
        FIXTURE_TEST(test_alloc_fails_without_a_log),
        FIXTURE_TEST(test_alloc_refuses_sizes_near_the_greatest),
        FIXTURE_TEST(test_free_ignores_null),
        FIXTURE_TEST(test_align_rounds_up_to_the_next_multiple),
        FIXTURE_TEST(test_pagesize_is_the_systems_before_main),
    };

    return GROUP_RUN(tests);
}
