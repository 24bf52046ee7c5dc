/* How ThreadSanitizer is to run a target: a race is a failure. */

const char *__tsan_default_options(void);
const char *__tsan_default_suppressions(void);

const char *
__tsan_default_options(void)
{
    /* The engine's handler of abort() allocates. ThreadSanitizer would report
     * that, and hang: its report ends in the same handler. */
    return "halt_on_error=1:report_signal_unsafe=0";
}

/* An engine's counters, which all threads add to. They have no name of their
 * own, and get that of the section's start. */
const char *
__tsan_default_suppressions(void)
{
    return "race:^__TMC_END__$\n"
           "race:^__start___sancov_cntrs$\n";
}
