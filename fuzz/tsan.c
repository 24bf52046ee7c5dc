#include "tsan.h"

#include <stdatomic.h>

static atomic_int has_reported;

/* ThreadSanitizer calls these functions: the last one at each report. */
const char *__tsan_default_options(void);
const char *__tsan_default_suppressions(void);
void __tsan_on_report(void *report);

int
tsan_has_reported(void)
{
    return atomic_load(&has_reported);
}

/*
 * report_signal_unsafe: an engine's handler of SIGABRT allocates.
 * ThreadSanitizer would report that, and its report would call the same handler
 * again.
 * memory_limit_mb: ThreadSanitizer's record of accesses takes ever more memory.
 * Near this resident size it drops the record. It then misses a race with an
 * access before that, and the next input can show it. A campaign has 250 MiB at
 * its start. Its note of each thread that has ended stays, some 300 bytes, also
 * where a program only starts and joins threads. So campaigns start the process
 * again now and then.
 */
const char *
__tsan_default_options(void)
{
    return "report_signal_unsafe=0:memory_limit_mb=400";
}

/* Suppresses races on an engine's counters, which all threads add to. They have
 * no names, so reports name the symbol before them: the start of their section,
 * or the end of another one, of states.h. */
const char *
__tsan_default_suppressions(void)
{
    return "race:^__TMC_END__$\n"
           "race:^__start___sancov_cntrs$\n"
           "race:^__stop___libfuzzer_extra_counters$\n";
}

void
__tsan_on_report(void *report)
{
    (void) report;
    atomic_store(&has_reported, 1);
}
