/*
 * ThreadSanitizer's verdict on a target. A program continues after a race.
 * ThreadSanitizer holds locks while it reports, and an engine that saved its
 * input at that point could wait for one of them for ever. So the target asks
 * for the verdict after its threads have ended.
 */
#ifndef FUZZ_TSAN_H
#define FUZZ_TSAN_H

/* Whether this process has reported a race. Always 0 without ThreadSanitizer.
 * Any thread. */
int tsan_has_reported(void);

#endif
