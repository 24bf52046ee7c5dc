/* AddressSanitizer's options for a target that runs programs on pools. */

const char *__asan_default_options(void);

/*
 * - LeakSanitizer is off, since the memory oracle counts every block.
 * - The quarantine is small, since fixed.c holds and marks the pool's memory.
 * - memcmp() is not checked, since the poison oracle checks the bytes that
 *   other oracles compare.
 */
const char *
__asan_default_options(void)
{
    return "quarantine_size_mb=10:detect_leaks=0:malloc_context_size=0:"
           "intercept_memcmp=0";
}
