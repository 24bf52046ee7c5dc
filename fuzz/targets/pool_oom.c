/*
 * pool_oom: wherever memory runs out, a pool keeps every promise that
 * fuzz/oracles/ knows: a call that gives NULL leaves the pool usable, and
 * nothing leaks. The input is a program, see pool/ops/program.h. It is done
 * again and again: the system refuses its first allocation alone, then that and
 * all later ones, then likewise from the second one on, and so on, until the
 * program asks for fewer. Its own ops fail_alloc do nothing.
 */
#include <stddef.h>
#include <stdint.h>

#include "heap.h"
#include "replay.h"
#include "run.h"

enum {
    /* Of an engine's program only the last allocations are refused: each prefix
     * of a program is one too, and ends earlier. */
    ENGINE_FAILS_MAX = 12,
};

/* Of all runs since it was cleared, by Fowler, Noll and Vo's hash. */
static uint64_t trace;

static void fail_each(const uint8_t *data, size_t size, size_t most);
static size_t run_with(const uint8_t *data, size_t size, size_t nth,
                       int fails_once);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fail_each(data, size, ENGINE_FAILS_MAX);
    return 0;
}

void
replay_one(const uint8_t *data, size_t size)
{
    fail_each(data, size, SIZE_MAX);
}

uint64_t
replay_trace(const uint8_t *data, size_t size)
{
    trace = 0;
    fail_each(data, size, SIZE_MAX);
    return trace;
}

/* Fails the last most of the allocations. */
static void
fail_each(const uint8_t *data, size_t size, size_t most)
{
    size_t asked = run_with(data, size, 0, 0);
    size_t nth = asked > most ? asked - most + 1 : 1;

    for (; asked >= nth; nth++) {
        asked = run_with(data, size, nth, 1);
        (void) run_with(data, size, nth, 0);
    }
}

/* Of no number, 0, none is refused. Returns how many allocations the program
 * asked for. */
static size_t
run_with(const uint8_t *data, size_t size, size_t nth, int fails_once)
{
    const struct run_options options = {
        .redzone = NGX_POOL_REDZONE,
        .is_marked = NGX_POOL_POISON,
        .only = RUN_ALL,
        .no_faults = 1,
        .fail_from = nth,
        .fails_once = fails_once,
    };
    size_t calls = heap_calls();

    trace = (trace ^ run_program(data, size, &options)->trace) * 0x100000001b3;
    return heap_calls() - calls;
}
