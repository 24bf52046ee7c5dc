/* How AddressSanitizer is to run a target that does programs to pools. */

const char *__asan_default_options(void);

/*
 * The memory oracle counts every block, so there is nothing for LeakSanitizer;
 * a larger quarantine looks like a leak; nobody reads the stacks of blocks
 * that a program made, since the op is reported; the first KiB of a block is
 * dirty enough; and the poison oracle looks at what the others compare.
 */
const char *
__asan_default_options(void)
{
    return "quarantine_size_mb=10:detect_leaks=0:malloc_context_size=0:"
           "max_malloc_fill_size=1024:intercept_memcmp=0";
}
