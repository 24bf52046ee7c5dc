/*
 * The choice of a mutant in a program that has many of them (generate.py). The
 * environment makes the choice. It is read once, before main().
 *
 * NGXPOOL_MUTANT          the number of the mutant; 0 or not set: the original
 * NGXPOOL_MUTANT_REACHED  a file, whose byte n becomes 1 when the program
 *                         reaches mutant n; then the original runs
 *
 * Any thread. It is compiled without a fuzzing engine's instrumentation.
 */
#ifndef MUTANTS_MUTANT_H
#define MUTANTS_MUTANT_H

#if defined(__clang__)
#define MUTANT_APART __attribute__((noinline, no_sanitize("coverage")))
#define MUTANT_NEAR  MUTANT_APART __attribute__((unused))
#else
#define MUTANT_APART __attribute__((noinline))
#define MUTANT_NEAR  __attribute__((always_inline)) inline
#endif

#pragma GCC visibility push(default)

/* The mutants that may run: the chosen one, or all. There is no mutant 0. */
extern unsigned mutant_lowest;
extern unsigned mutant_highest;

/* Whether the mutant of that number was chosen. */
int mutant_is(unsigned number);

#pragma GCC visibility pop

/* Whether a function with the mutants first to last must run its copy that
 * calls mutant_is() for each of them. */
static MUTANT_NEAR int
mutant_in(unsigned first, unsigned last)
{
    return first <= mutant_highest && mutant_lowest <= last;
}

#endif
