/*
 * pool_oom: a pool keeps every promise of fuzz/oracles/ wherever memory runs
 * out. A call that returns NULL leaves the pool usable, and nothing leaks.
 *
 * The input is a program, see pool/ops/program.h. For each of the allocations
 * that it requests from the system, the program is run twice: the system
 * refuses that allocation alone, and that and all later ones. The program's own
 * ops fail_alloc do nothing.
 */
#include <stddef.h>
#include <stdint.h>

#include "heap.h"
#include "replay.h"
#include "run.h"

enum {
    /* Only the last allocations of an engine's program are refused. The engine
     * also tries shorter programs, whose last allocations are earlier ones. */
    ENGINE_FAILS_MAX = 12,
};

/* A hash of all runs since it was cleared: Fowler, Noll and Vo's. */
static uint64_t hash;

/* The program's first ops, without a refusal: how many allocations it had
 * requested when each began. */
static struct {
    size_t start; /* heap_calls() */
    size_t count;
    size_t requested[MODEL_OPS_MAX];
} begun;

static void fail_each(const uint8_t *data, size_t size, size_t most);
static size_t run_with(const uint8_t *data, size_t size, size_t nth,
                       int fails_once);
static void note_begun(const struct source_call *call);
static size_t ops_before(size_t nth);

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
replay_hash(const uint8_t *data, size_t size)
{
    hash = 0;
    fail_each(data, size, SIZE_MAX);
    return hash;
}

/* Lets each of the last most allocations fail. */
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

/* Runs the program while allocation nth is refused, from 1; 0: none is refused.
 * Returns the number of allocations that the program requested. The ops before
 * the refusal are the same in all runs, so the first run alone checks them. */
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
        .checked = nth == 0 ? 0 : ops_before(nth),
        .note = nth == 0 ? note_begun : NULL,
    };
    size_t calls = heap_calls();

    if (nth == 0) {
        begun.start = calls;
        begun.count = 0;
    }
    hash = (hash ^ run_program(data, size, &options)->hash) * 0x100000001b3;
    return heap_calls() - calls;
}

static void
note_begun(const struct source_call *call)
{
    while (call->code == SOURCE_OP && begun.count < call->number) {
        begun.requested[begun.count++] = heap_calls() - begun.start;
    }
}

/* Returns the number of ops that end before the program requests allocation
 * nth. */
static size_t
ops_before(size_t nth)
{
    size_t count = begun.count;

    while (count != 0 && begun.requested[count - 1] >= nth) {
        count--;
    }
    return count == 0 ? 0 : count - 1;
}
