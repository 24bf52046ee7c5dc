/*
 * Which mutant runs, in a program that was built with many of them
 * (generate.py). The environment decides, and is read once, before main().
 *
 * NGXPOOL_MUTANT          the number of the mutant; none, or 0: the original
 * NGXPOOL_MUTANT_REACHED  a file: byte n of it becomes 1 when the place of
 *                         mutant n is reached. No mutant runs then.
 *
 * Any thread. It is compiled without a fuzzing engine's instrumentation.
 */
#ifndef MUTANTS_MUTANT_H
#define MUTANTS_MUTANT_H

#pragma GCC visibility push(default)

/* Whether a function that has the mutants first to last is to run its copy that
 * asks for each of them. */
int mutant_in(unsigned first, unsigned last);

/* Whether this mutant is the one that runs. */
int mutant_is(unsigned number);

#pragma GCC visibility pop

#endif
