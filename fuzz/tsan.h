/*
 * ThreadSanitizer's verdict on a target. A program goes on after a race: the
 * report is made while locks are held, and an engine that writes its input down
 * at that point may wait for one of them without end. So the target asks once
 * its threads have ended.
 */
#ifndef FUZZ_TSAN_H
#define FUZZ_TSAN_H

/* Whether a race was reported, in the process so far. Always 0 without
 * ThreadSanitizer. Any thread. */
int tsan_has_reported(void);

#endif
