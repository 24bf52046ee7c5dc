/* AddressSanitizer's options for a target. */

const char *__asan_default_options(void);

/*
 * All targets: the quarantine is small, and memory that leaves it goes back to
 * the system within a second. So a campaign's memory stays flat unless the code
 * leaks. A use after free is missed only where the same input has freed that
 * many bytes since. Most blocks of the pool are not in it: see fixed.h.
 *
 * All but those that read programs, ops_decoder and trace_reader:
 * - LeakSanitizer is off, since oracles count what is allocated.
 * - No stack is recorded for an allocation, since that takes time.
 * - memcmp() is not checked. These targets compare their own structs, and bytes
 *   that they have written.
 */
#define OPTIONS "quarantine_size_mb=2:allocator_release_to_os_interval_ms=1000"

#if defined(FUZZ_READER)
static const char options[] = OPTIONS;
#else
static const char options[] =
    OPTIONS ":detect_leaks=0:malloc_context_size=0:intercept_memcmp=0";
#endif

const char *
__asan_default_options(void)
{
    return options;
}
