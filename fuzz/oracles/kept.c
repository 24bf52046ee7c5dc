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
};

static const struct promise promises[] = {
    [BOUND] = {46, "bytes kept for reuse never exceed the bound"},
    [TRIM] = {46, "a trim, and a bound of 0, release all that is kept"},
    [BOOKKEEPING] = {46, "what is kept takes two pages of bookkeeping at most"},
    [SLACK] = {46, "a large allocation takes its size at least, and at most "
                   "half more"},
    [BURST] = {51, "of what the last 64 regions have not needed, a thread "
                   "keeps 512 KiB at most"},
    [RECENT] = {51, "what a region ends with is kept, up to the bound, for the "
                    "next region"},
    [LITTLE] = {51, "all is kept as long as it is little"},
    [STEADY] = {51, "what a thread keeps is taken before the system is asked: "
                    "a block by the next of its size, a large allocation by "
                    "one that is up to an eighth smaller"},
    [BEYOND] = {46, "a new bound releases what is kept beyond it, and no more"},
    [STARTS] = {46, "a block that the system gives starts the bookkeeping of "
                    "what is kept, unless nothing is to be kept"},
    [EARLY] = {51, "what the last 32 regions needed is kept"},
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

/* A step that is refused may or may not have a block. */
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

/* A new bound, or a trim. */
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

/* A region has ended. */
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
    return (QUARTERS + 1) * kept < QUARTERS * step->ended_least
               ? &promises[RECENT]
               : NULL;
}

/* A cleanup's node may come on top of its size. */
static int
is_slack(const struct run *run, const struct step *step)
{
    size_t node = sizeof(ngx_pool_cleanup_t) + run->model.redzone;

    return step->taken < step->size ||
           2 * step->taken > 3 * (step->size + node);
}

/* Whether the system was asked for memory that is kept. */
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
