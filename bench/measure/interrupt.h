/*
 * Ctrl-C as a wish to finish early: the first one is noted, the second one ends
 * the process as usual. One thread.
 */
#ifndef BENCH_MEASURE_INTERRUPT_H
#define BENCH_MEASURE_INTERRUPT_H

/* Note SIGINT and SIGTERM from now on. */
void interrupt_watch(void);

/* Whether one came. Cost: a load. */
int interrupt_came(void);

#endif
