/* The memory below a target's pools. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "asan.h"
#include "fixed.h"

enum {
    PAGE = 4096,
    LITTLE = 1024 * 1024,
    AFTER = 256 * 1024, /* bytes after a block: MARKED_PIECE of fixed.c */
    MUCH = 24 * 1024 * 1024,
    KEPT = 8 * 1024 * 1024, /* PAGES_KEPT of fixed.c */
    UNUSED = 1000 * 1000,   /* UNUSED_LEAST of fixed.c */
};

static unsigned char *
take(size_t alignment, size_t size)
{
    void *p;

    assert_int_equal(fixed_posix_memalign(&p, alignment, size), 0);
    return p;
}

static void
test_the_same_calls_get_the_same_addresses(void **state)
{
    unsigned char *first = take(16, 1000);
    unsigned char *second = take(PAGE, 10);

    (void) state;
    fixed_free(first);
    fixed_free(second);
    assert_ptr_equal(take(16, 1000), first);
    assert_ptr_equal(take(PAGE, 10), second);
    fixed_free(second);
    fixed_free(first);
}

/* Takes and frees little memory until pages are given back. */
static void
need_little(void)
{
    unsigned i;

    for (i = 0; i < UNUSED; i++) {
        fixed_free(take(16, 100));
    }
}

/* Pages that are given back would read as 0; those that are not, as an earlier
 * program's bytes. */
static void
test_pages_that_were_given_back_are_filled_again(void **state)
{
    unsigned char *p;
    size_t i;

    (void) state;
    p = take(PAGE, MUCH);
    memset(p, 1, MUCH);
    fixed_free(p);
    need_little();
    p = take(PAGE, MUCH);
    for (i = KEPT; i < MUCH && p[i] == FIXED_FRESH; i++) {
    }
    assert_int_equal(i, MUCH);
    fixed_free(p);
}

static size_t
resident_pages(unsigned char *p)
{
    unsigned char resident[MUCH / PAGE] = {0};
    size_t pages = 0;
    size_t i;

    assert_int_equal(mincore(p, MUCH, resident), 0);
    for (i = 0; i < sizeof(resident); i++) {
        pages += resident[i] & 1;
    }
    return pages;
}

static void
test_unused_pages_are_given_back(void **state)
{
    unsigned char *p;

    (void) state;
    if (sysconf(_SC_PAGESIZE) != PAGE) {
        skip();
    }
    p = take(PAGE, MUCH);
    fixed_free(p);
    assert_int_equal(resident_pages(p), MUCH / PAGE);
    need_little();
    assert_true(resident_pages(p) <= KEPT / PAGE);
}

/* Without ASan nothing is marked. */
static void
test_only_live_blocks_may_be_accessed(void **state)
{
    unsigned char *first = take(16, 100);
    unsigned char *second = take(PAGE, 13);
    unsigned char *p;

    (void) state;
    if (!ASAN_ON) {
        fixed_free(first);
        fixed_free(second);
        skip();
    }
    for (p = first - 16; p < second + PAGE; p++) {
        int is_live =
            (p >= first && p < first + 100) || (p >= second && p < second + 13);

        assert_int_equal(!ASAN_IS_MARKED(p), is_live);
    }
    fixed_free(first);
    for (p = first; p < first + 100; p++) {
        assert_true(ASAN_IS_MARKED(p));
    }
    assert_false(ASAN_IS_MARKED(second));
    fixed_free(second);
    assert_true(ASAN_IS_MARKED(second));
    assert_ptr_equal(take(16, LITTLE), first);
    assert_false(ASAN_IS_MARKED(second - 1));
    fixed_free(first);
}

/* The first test, since marks of fresh memory stay. */
static void
test_fresh_memory_is_marked_after_each_block(void **state)
{
    static const size_t sizes[] = {100, AFTER - 100, AFTER, LITTLE};
    unsigned char *blocks[sizeof(sizes) / sizeof(sizes[0])];
    size_t nth;
    size_t i;

    (void) state;
    if (!ASAN_ON) {
        skip();
    }
    for (nth = 0; nth < sizeof(sizes) / sizeof(sizes[0]); nth++) {
        blocks[nth] = take(16, sizes[nth]);
        for (i = 0; i < AFTER; i++) {
            assert_true(ASAN_IS_MARKED(blocks[nth] + sizes[nth] + i));
        }
    }
    while (nth-- != 0) {
        fixed_free(blocks[nth]);
    }
}

static void
test_memory_has_an_end(void **state)
{
    unsigned char *first = take(16, MUCH);
    void *p;

    (void) state;
    assert_int_equal(fixed_posix_memalign(&p, 16, MUCH), ENOMEM);
    fixed_free(first);
    fixed_free(take(16, MUCH));
}

static void
test_a_block_is_freed_once(void **state)
{
    unsigned char *p = take(16, 100);
    unsigned char *other = take(16, 100);
    pid_t child;
    int status;

    (void) state;
    fixed_free(p);
    child = fork();
    if (child == 0) {
        (void) close(STDERR_FILENO);
        fixed_free(p);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    fixed_free(other);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fresh_memory_is_marked_after_each_block),
        cmocka_unit_test(test_the_same_calls_get_the_same_addresses),
        cmocka_unit_test(test_pages_that_were_given_back_are_filled_again),
        cmocka_unit_test(test_unused_pages_are_given_back),
        cmocka_unit_test(test_only_live_blocks_may_be_accessed),
        cmocka_unit_test(test_memory_has_an_end),
        cmocka_unit_test(test_a_block_is_freed_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
