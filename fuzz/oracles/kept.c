#include "oracle.h"

enum {
    BOUND,
    TRIM,
    BOOKKEEPING,
    SLACK,
    BURST,
    RECENT,
    LITTLE,
    STEADY,
    BEYOND,
    STARTS,
    EARLY,
    ENDS,
    NEEDED,
};

static const struct promise promises[] = {
    [BOUND] = {46, "kept bytes never exceed the limit"},
    [TRIM] = {46, "a trim, and a limit of 0, release all kept memory"},
    [BOOKKEEPING] = {46, "the bookkeeping of kept memory takes at most two "
                         "pages"},
    [SLACK] = {46, "a large allocation takes at least its size, and at most "
                   "half more"},
    [BURST] = {51, "of the memory that the last 64 regions did not need, a "
                   "thread keeps at most 512 KiB"},
    [RECENT] = {51, "the memory of an ended region is kept for the next one, "
                    "up to the limit"},
    [LITTLE] = {51, "all memory is kept while it is at most 512 KiB"},
    [STEADY] = {51, "kept memory is used before a request to the system: a "
                    "block for the next block of its size, a piece for a "
                    "large allocation of its class of sizes or of the class "
                    "below"},
    [BEYOND] = {46, "a new limit releases the kept memory above it, and no "
                    "more"},
    [STARTS] = {46, "a block from the system starts the bookkeeping of kept "
                    "memory, unless no memory is to be kept"},
    [EARLY] = {51, "the memory that the last 32 regions needed is kept"},
    [ENDS] = {51, "only the end of a region keeps memory"},
    [NEEDED] = {51, "a thread that releases kept memory still has as many "
                    "pieces as each of the last 32 regions needed"},
};

enum {
    BOOKKEEPING_MAX = 2 * 4096,

    /* Memory serves sizes that are a little smaller, so pieces of the same
     * number may differ in bytes by a quarter. */
    QUARTERS = 4,
};

static const struct promise *check_end(const struct run *run,
                                       const struct step *step);
static const struct promise *check_limit(const struct run *run,
                                         const struct step *step);
static int needs_more(const struct step *step);
static int starts_wrongly(const struct run *run, const struct step *step);
static int is_slack(const struct run *run, const struct step *step);
static int asks_again(const struct run *run, const struct step *step);

static const struct promise *
check(const struct run *run, const struct step *step)
{
    const ngx_pool_cache_stats_t *kept = &run->kept.stats;

    if (kept->size > run->kept.limit) {
        return &promises[BOUND];
    }
    if (kept->overhead > BOOKKEEPING_MAX) {
        return &promises[BOOKKEEPING];
    }
    if (4 * kept->size >
        4 * (size_t) KEPT_ALWAYS + (QUARTERS + 1) * run->kept.ended_sum) {
        return &promises[BURST];
    }
    if (step->keeps_more && step->kind != STEP_RESET &&
        step->kind != STEP_DESTROY) {
        return &promises[ENDS];
    }
    if (starts_wrongly(run, step)) {
        return &promises[STARTS];
    }
    switch (step->kind) {
    case STEP_OTHER:
        return check_limit(run, step);
    case STEP_RESET:
    case STEP_DESTROY:
        return step->is_plain ? check_end(run, step) : NULL;
    case STEP_ALLOC:
    case STEP_CLEANUP:
        if (step->spot.place == MODEL_LARGE && is_slack(run, step)) {
            return &promises[SLACK];
        }
        return asks_again(run, step) ? &promises[STEADY] : NULL;
    case STEP_CREATE:
        return asks_again(run, step) ? &promises[STEADY] : NULL;
    default:
        return NULL;
    }
}

/* Whether the thread has bookkeeping although it must keep nothing, or has none
 * after it got a block. A step in which the system refused memory is not
 * checked, since the refused memory may be the bookkeeping's. */
static int
starts_wrongly(const struct run *run, const struct step *step)
{
    int is_kept = run->kept.limit != 0 && !run->options.keeps_nothing;

    if (!is_kept) {
        return run->kept.stats.overhead != 0;
    }
    return (step->kind == STEP_CREATE ||
            ((step->kind == STEP_ALLOC || step->kind == STEP_CLEANUP) &&
             step->spot.is_fresh)) &&
           !step->is_nginx && step->calls != 0 && step->refusals == 0 &&
           run->pools[step->pool].pool != NULL && run->kept.stats.overhead == 0;
}

/* After a new limit, or a trim. */
static const struct promise *
check_limit(const struct run *run, const struct step *step)
{
    const struct kept *kept = &run->kept;
    size_t size = kept->stats.size;

    if (step->code == OP_CACHE_TRIM ||
        (step->code == OP_CACHE_LIMIT && kept->limit == 0)) {
        return size + kept->stats.overhead != 0 ? &promises[TRIM] : NULL;
    }
    if (step->code != OP_CACHE_LIMIT) {
        return NULL;
    }
    return (step->kept <= kept->limit
                ? size != step->kept
                : size + kept->pieces.size_most <= kept->limit)
               ? &promises[BEYOND]
               : NULL;
}

/* After a region has ended. */
static const struct promise *
check_end(const struct run *run, const struct step *step)
{
    size_t kept = run->kept.stats.size;
    size_t most = step->kept + step->ended;

    if (most > run->kept.limit) {
        return NULL;
    }
    if (kept > most ||
        (most <= KEPT_ALWAYS && kept < step->kept + step->ended_least)) {
        return &promises[LITTLE];
    }
    if (step->is_early) {
        return &promises[EARLY];
    }
    if ((QUARTERS + 1) * kept < QUARTERS * step->ended_least) {
        return &promises[RECENT];
    }
    return needs_more(step) ? &promises[NEEDED] : NULL;
}

/* A sweep leaves the pieces of the last regions. */
static int
needs_more(const struct step *step)
{
    ngx_pool_cache_stats_t stats;

    if (step->needed == 0) {
        return 0;
    }
    ngx_pool_cache_stats(&stats);
    return stats.blocks + stats.large < step->needed;
}

/* Whether the memory that serves the step is too small, or more than half as
 * large again as needed. A cleanup also needs memory for its node. */
static int
is_slack(const struct run *run, const struct step *step)
{
    size_t node = sizeof(ngx_pool_cleanup_t) + run->model.redzone;

    return step->taken < step->size ||
           2 * step->taken > 3 * (step->size + node);
}

/* Whether the step requested memory from the system although the thread keeps
 * some that fits. */
static int
asks_again(const struct run *run, const struct step *step)
{
    size_t size = run->model.pools[step->pool].blocks[0].size;
    int needs_block = step->kind == STEP_CREATE || step->spot.is_fresh;
    int needs_large = step->spot.place == MODEL_LARGE;

    if (step->is_nginx || step->calls == 0 || !step->succeeds ||
        (step->kind == STEP_ALLOC && step->code == OP_PMEMALIGN)) {
        return 0;
    }
    if (needs_block && needs_large) {
        return 0;
    }
    if (needs_block) {
        return pieces_have_block(&run->kept.pieces, size);
    }
    return needs_large && step->before.index == NULL &&
           pieces_have_large(&run->kept.pieces, step->taken);
}

ORACLE_DEFINE(kept, ORACLE_CHANGES | ORACLE_KIND(STEP_END));
