/* How AddressSanitizer is to run a target that does programs to pools. */

const char *__asan_default_options(void);

/*
 * The memory oracle counts every block, so there is nothing for LeakSanitizer,
 * and fixed.c marks the pool's memory. The poison oracle looks at what the
 * others compare.
 */
const char *
__asan_default_options(void)
{
    return "quarantine_size_mb=10:detect_leaks=0:malloc_context_size=0:"
           "intercept_memcmp=0";
}
