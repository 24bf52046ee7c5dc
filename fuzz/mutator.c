#include "mutator.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "program.h"
#include "regions.h"

/*
 * The numbers below decide how soon a campaign finds a bug. They were chosen by
 * the number of runs in which libFuzzer finds planted bugs: README.md.
 */
enum {
    /* Limits of random counts. Each further op, copy or mutation is half as
     * likely as the one before. */
    INSERTED_MAX = 8,
    COPIES_MAX = 4,
    REPEATS_MAX = 8,    /* ops again in a row; 1 to 8 are equally likely, since
                         * kept memory changes slowly */
    FILLED_ONE_IN = 16, /* one row in this number fills the program */
    STEPS_MAX = 4,

    LOOPED_MAX = 8, /* ops of a loop */
    LOOPS_MAX = 64, /* rounds of a loop: kept memory depends on 64 regions */

    /* Ops again after a reset. Each repeats it 16 times: a thread releases the
     * memory that the last 64 regions did not need. */
    AGED_LEAST = 4,
    AGED_MOST = 8,

    LOWERED_BY = 8,   /* bytes, at most */
    LOWERED_ROW = 3,  /* ops of a row of ends */
    LOWERED_COPY = 4, /* ops between two rows, at most */

    HANDLER_DIGITS = 3, /* of a handler's number, at most */

    DUPLICATED_MAX = 16, /* ops of a run */
    SPLICED_MAX = 64,
    SWAP_REACH = 8, /* most that an op moves, in three of four swaps */

    POOLS = OP_POOLS, /* pools of a program */

    /* The newest and the oldest objects, which are more likely than others. */
    NEWEST = 4,
    OLDEST = 4,

    AGE = 0, /* as number_end: the number is an age */

    TRIES = 16, /* tries to change the program */

    BYTES_BITS = 13, /* bits of a size: version 1 holds no more */
    UNITS_BITS = 14, /* of one in units: up to 256 KiB */
    BYTES_BITS_LEAST = 6,
    BEYOND_BITS = 12,
    LIMIT_BITS_LEAST = 18, /* bits of every third limit in bytes: */
    LIMIT_BITS_SPAN = 8,   /* 256 KiB to 32 MiB, what a program has */
    GREAT_ONE_IN = 32,     /* one size in this number gets a higher bit */
    GREAT_BITS = 32,       /* bits that a usual size has at most */
    NEIGHBOURS = 8,        /* greatest difference of neighbours */

    MODES = 8,
    MAX_VALUES = 7, /* with different meanings; see enum op_mode */
    LEFT_VALUES = 17,
    PAGE_VALUES = 3,
    SMALL_VALUES = 64,
    BIG_VALUES = 32,

    /* The limit of a program's ops: every second program gets this one, every
     * fourth one gets twice as many, and so on. So long programs get as much
     * time as short ones. */
    WORK = 16,
    WORK_DOUBLINGS = 6,
    WORK_MOST = WORK << WORK_DOUBLINGS,
    STAYS_ONE_IN = 4, /* one long program in this number may stay long */

    DROPPED_BYTES = 4, /* about the size of an op, to shorten a program */
};

/* The weight of each mode. */
static const uint8_t sizes_of_pools[MODES] = {
    [OP_BYTES] = 12, [OP_UNITS] = 2, [OP_MAX] = 2,
    [OP_LEFT] = 2,   [OP_PAGE] = 2,  [OP_BIG] = 1,
};
static const uint8_t sizes_of_allocations[MODES] = {
    [OP_BYTES] = 6, [OP_UNITS] = 2, [OP_MAX] = 6, [OP_LEFT] = 6,
    [OP_PAGE] = 2,  [OP_SMALL] = 4, [OP_BIG] = 3, [OP_BEYOND] = 1,
};
static const uint8_t sizes_of_tails[MODES] = {
    [OP_BYTES] = 1,
    [OP_LEFT] = 3,
    [OP_SMALL] = 4,
};
static const uint8_t sizes_of_limits[MODES] = {
    [OP_BYTES] = 6, [OP_UNITS] = 1, [OP_LEFT] = 2,
    [OP_SMALL] = 1, [OP_BIG] = 3,   [OP_BEYOND] = 6,
};

/* How an op is made: its weight by use; the end of its number, or AGE; the
 * weights of its size's modes. */
struct kind {
    uint8_t weights[MUTATOR_USES];
    uint8_t number_end;
    const uint8_t *modes;
};

static const struct kind kinds[OP_COUNT] = {
    [OP_CREATE] = {{8, 8, 8, 8}, 0, sizes_of_pools},
    [OP_DESTROY] = {{4, 4, 4, 4}, 0, NULL},
    [OP_RESET] = {{6, 6, 6, 5}, 0, NULL},
    [OP_PALLOC] = {{20, 20, 12, 20}, 0, sizes_of_allocations},
    [OP_PNALLOC] = {{12, 12, 8, 8}, 0, sizes_of_allocations},
    [OP_PCALLOC] = {{8, 8, 4, 6}, 0, sizes_of_allocations},
    [OP_PMEMALIGN] = {{3, 3, 4, 3}, 24, sizes_of_allocations},
    [OP_PFREE_LARGE] = {{10, 10, 4, 8}, AGE, NULL},
    [OP_PFREE_SMALL] = {{1, 1, 1, 3}, AGE, NULL},
    [OP_PFREE_FOREIGN] = {{2, 2, 1, 0}, AGE, NULL},
    [OP_PFREE_INNER] = {{1, 1, 1, 0}, AGE, sizes_of_tails},
    [OP_PFREE_STALE] = {{1, 1, 1, 0}, AGE, NULL},
    [OP_PFREE_TWICE] = {{1, 1, 1, 0}, AGE, NULL},
    [OP_PFREE_NULL] = {{1, 1, 1, 0}, 0, NULL},
    [OP_CLEANUP] = {{6, 6, 4, 4}, 15, sizes_of_allocations},
    [OP_CLEANUP_CANCEL] = {{1, 1, 2, 0}, AGE, NULL},
    [OP_CLEANUP_FILE] = {{4, 4, 2, 0}, 2, NULL},
    [OP_DELETE_FILE] = {{3, 3, 2, 0}, 2, NULL},
    [OP_RUN_FILE] = {{4, 4, 2, 0}, 2, NULL},
    [OP_WRITE] = {{1, 1, 1, 2}, AGE, NULL},
    [OP_TAIL_GROW] = {{3, 3, 1, 0}, 0, sizes_of_tails},
    [OP_TAIL_SHRINK] = {{3, 3, 1, 0}, 0, sizes_of_tails},
    [OP_CACHE_LIMIT] = {{8, 8, 2, 6}, 0, sizes_of_limits},
    [OP_CACHE_TRIM] = {{2, 2, 1, 2}, 0, NULL},
    [OP_FAIL_ALLOC] = {{8, 8, 1, 6}, 16, NULL},
    [OP_FAIL_FILES] = {{3, 3, 1, 0}, 7, NULL},
    [OP_AGAIN] = {{12, 12, 8, 12}, 16, NULL},
    [OP_THREAD] = {{0, 0, 6, 20}, 3, NULL},
    [OP_CHILD] = {{0, 0, 8, 0}, POOLS, sizes_of_pools},
    [OP_ADOPT] = {{0, 0, 6, 0}, POOLS, NULL},
    [OP_FREE] = {{3, 3, 8, 8}, AGE, NULL},
    [OP_RESIZE] = {{2, 2, 8, 2}, AGE, sizes_of_allocations},
    [OP_STEAL] = {{0, 0, 8, 0}, AGE, NULL},
    [OP_CLEANUP_RUN] = {{1, 1, 6, 0}, AGE, NULL},
    [OP_NGINX] = {{0, 12, 0, 0}, AGE, NULL},
};

/* The pools and allocations that exist before a new op. */
struct scene {
    unsigned pools; /* a bit for each pool that exists */
    uint32_t pool;  /* of the op before */
    uint32_t made;  /* ops before that ages count */
};

typedef int (*mutation_fn)(struct mutator *mutator);

/* The weight of each mutation. */
static const struct {
    mutation_fn mutate;
    uint8_t weight;
} mutations[] = {
    {mutator_insert, 8},  {mutator_delete, 3},    {mutator_swap, 1},
    {mutator_tweak, 6},   {mutator_duplicate, 3}, {mutator_repeat, 2},
    {mutator_replace, 2}, {mutator_keep, 3},      {mutator_loop, 2},
    {mutator_age, 1},     {mutator_lower, 2},
};

enum {
    MUTATIONS = sizeof(mutations) / sizeof(mutations[0]),
    OTHER_ONE_IN = 2, /* one mutation in this number uses another program, if
                       * there is one */
};

static size_t work_sample(struct mutator *mutator);
static void work_allow(struct mutator *mutator, size_t more);
static void work_limit(struct mutator *mutator);
static size_t work_of(const struct op *ops, size_t count);
static size_t length_of(const struct mutator *mutator);
static size_t encode(const struct mutator *mutator, size_t at,
                     struct program_end *end, uint8_t *out);
static size_t bytes_mutate(struct mutator *mutator, uint8_t *bytes, size_t size,
                           size_t size_max);
static void ops_delete(struct mutator *mutator, size_t at, size_t count);
static struct op *ops_open(struct mutator *mutator, size_t at, size_t count);
static size_t ops_count(const uint8_t *data, size_t size);
static void ops_copy(struct op *to, const uint8_t *data, size_t size,
                     size_t from, size_t count);
static int ops_differ(const struct op *a, const struct op *b);
static struct op op_sample(struct mutator *mutator, size_t at, uint8_t code);
static struct scene scene_before(const struct mutator *mutator, size_t at);
static int creates(unsigned code);
static uint8_t code_sample(struct mutator *mutator, size_t at);
static uint32_t pool_sample(struct mutator *mutator, const struct scene *scene,
                            unsigned code);
static uint32_t number_sample(struct mutator *mutator,
                              const struct scene *scene, unsigned code);
static uint32_t handler_sample(struct mutator *mutator, uint32_t end);
static uint32_t age_sample(struct mutator *mutator, const struct scene *scene);
static uint32_t nginx_sample(struct mutator *mutator);
static uint32_t thread_sample(struct mutator *mutator);
static uint64_t amount_sample(struct mutator *mutator, unsigned code);
static uint64_t limit_sample(struct mutator *mutator);
static unsigned great_bit_sample(struct mutator *mutator);
static uint64_t value_sample(struct mutator *mutator, enum op_mode mode);
static void operand_tweak(struct mutator *mutator, size_t at, char operand);
static uint64_t amount_neighbour(struct mutator *mutator, uint64_t amount);
static uint64_t number_neighbour(struct mutator *mutator, uint64_t number);
static char operand_pick(struct mutator *mutator, unsigned code);
static const struct op *op_pick(struct mutator *mutator, char operand);

static uint64_t next(struct mutator *mutator);
static uint32_t below(struct mutator *mutator, size_t end);
static int one_in(struct mutator *mutator, uint32_t count);
static size_t few(struct mutator *mutator, size_t most);
static uint64_t bits_sample(struct mutator *mutator, unsigned bits);
static size_t weighted(struct mutator *mutator, const uint8_t *weights,
                       size_t step, size_t count);

void
mutator_init(struct mutator *mutator, enum mutator_use use, uint64_t seed)
{
    mutator->use = use;
    mutator->random = seed;
    mutator->version = OP_VARIABLE;
    mutator->work_most = WORK_MOST;
    mutator->count = 0;
}

void
mutator_read(struct mutator *mutator, const uint8_t *data, size_t size)
{
    struct program program;
    struct op op;

    program_init(&program, data, size);
    mutator->version = program.version == OP_FIXED ? OP_FIXED : OP_VARIABLE;
    mutator->count = 0;
    while (mutator->count < MUTATOR_OPS_MAX && program_next(&program, &op)) {
        if (op.code < OP_COUNT) {
            mutator->ops[mutator->count++] = op;
        }
    }
}

size_t
mutator_write(struct mutator *mutator, uint8_t *out, size_t size)
{
    struct program_end end;
    size_t length;
    size_t i;

    if (size == 0) {
        return 0;
    }
    while ((length = length_of(mutator)) > size) {
        size_t most = 1 + (length - size) / DROPPED_BYTES;
        size_t at = below(mutator, mutator->count);

        if (most > mutator->count - at) {
            most = mutator->count - at;
        }
        ops_delete(mutator, at, 1 + below(mutator, most));
    }

    length = program_end_init(&end, mutator->version, out);
    for (i = 0; i < mutator->count; i++) {
        uint8_t record[OP_SIZE_MAX];
        size_t added = encode(mutator, i, &end, record);

        memcpy(out + length, record, added);
        length += added;
    }
    return length;
}

size_t
mutator_bytes(struct mutator *mutator, const uint8_t *data, size_t size,
              uint8_t *out, size_t size_max)
{
    size_t length = size < size_max ? size : size_max;
    size_t steps = few(mutator, STEPS_MAX);

    memcpy(out, data, length);
    while (steps-- != 0) {
        length = bytes_mutate(mutator, out, length, size_max);
    }
    return length;
}

int
mutator_insert(struct mutator *mutator)
{
    size_t count = few(mutator, INSERTED_MAX);
    size_t at = mutator->count;
    size_t i;

    /* The last op sees the most state. */
    if (!one_in(mutator, 3)) {
        at = below(mutator, mutator->count + 1);
    }
    for (i = 0; i < count; i++) {
        struct op op = op_sample(mutator, at + i, code_sample(mutator, at + i));
        struct op *place = ops_open(mutator, at + i, 1);

        if (place == NULL) {
            return i != 0;
        }
        *place = op;
    }
    return 1;
}

int
mutator_delete(struct mutator *mutator)
{
    size_t count = 1;
    size_t at;

    if (mutator->count == 0) {
        return 0;
    }
    at = below(mutator, mutator->count);
    if (one_in(mutator, 4)) {
        count += below(mutator, mutator->count - at);
    }
    ops_delete(mutator, at, count);
    return 1;
}

int
mutator_swap(struct mutator *mutator)
{
    size_t count = mutator->count;
    size_t tries;

    if (count < 2) {
        return 0;
    }
    for (tries = 0; tries < TRIES; tries++) {
        size_t one = below(mutator, count);
        size_t reach = one_in(mutator, 4) ? count : SWAP_REACH;
        size_t two = one + 1 + below(mutator, reach);
        struct op op = mutator->ops[one];

        if (two < count && ops_differ(&op, &mutator->ops[two])) {
            mutator->ops[one] = mutator->ops[two];
            mutator->ops[two] = op;
            return 1;
        }
    }
    return 0;
}

int
mutator_tweak(struct mutator *mutator)
{
    size_t tries;

    for (tries = 0; tries < TRIES && mutator->count != 0; tries++) {
        size_t at = below(mutator, mutator->count);
        struct op before = mutator->ops[at];
        char operand = operand_pick(mutator, before.code);

        if (operand != '\0') {
            operand_tweak(mutator, at, operand);
        }
        if (ops_differ(&before, &mutator->ops[at])) {
            return 1;
        }
    }
    return 0;
}

int
mutator_replace(struct mutator *mutator)
{
    size_t tries;

    for (tries = 0; tries < TRIES && mutator->count != 0; tries++) {
        size_t at = below(mutator, mutator->count);
        struct op before = mutator->ops[at];
        struct op op = op_sample(mutator, at, code_sample(mutator, at));

        if (op_has(before.code, 'p')) {
            op.pool = before.pool;
        }
        if (op_has(before.code, 'n')) {
            op.number = before.number;
        }
        if (op_has(before.code, 's')) {
            op.amount = before.amount;
        }
        if (op.code != before.code) {
            mutator->ops[at] = op;
            return 1;
        }
    }
    return 0;
}

int
mutator_duplicate(struct mutator *mutator)
{
    size_t copies = few(mutator, COPIES_MAX);
    struct op run[DUPLICATED_MAX];
    size_t count;
    size_t from;
    size_t to;
    size_t i;

    if (mutator->count == 0) {
        return 0;
    }
    from = below(mutator, mutator->count);
    count = 1 + below(mutator, DUPLICATED_MAX);
    if (count > mutator->count - from) {
        count = mutator->count - from;
    }
    to = from + count;
    if (one_in(mutator, 4)) {
        to = below(mutator, mutator->count + 1);
    }
    memcpy(run, mutator->ops + from, count * sizeof(run[0]));
    for (i = 0; i < copies; i++) {
        struct op *place = ops_open(mutator, to, count);

        if (place == NULL) {
            return i != 0;
        }
        memcpy(place, run, count * sizeof(run[0]));
    }
    return 1;
}

int
mutator_repeat(struct mutator *mutator)
{
    size_t all = work_of(mutator->ops, mutator->count);
    size_t count = 1 + below(mutator, REPEATS_MAX);
    int fills =
        all <= WORK_MOST - OP_AGAIN_MAX && one_in(mutator, FILLED_ONE_IN);
    struct op *place;
    size_t at;
    size_t i;

    if (mutator->count == 0) {
        return 0;
    }
    if (fills) {
        count = (WORK_MOST - all) / OP_AGAIN_MAX;
    }
    at = 1 + below(mutator, mutator->count);
    place = ops_open(mutator, at, count);
    if (place == NULL) {
        return 0;
    }
    for (i = 0; i < count; i++) {
        place[i] = (struct op){.code = OP_AGAIN, .number = OP_AGAIN_MAX - 1};
    }
    work_allow(mutator, fills ? WORK_MOST : work_of(place, count));
    return 1;
}

int
mutator_loop(struct mutator *mutator)
{
    size_t all = work_of(mutator->ops, mutator->count);
    size_t count = 1 + below(mutator, LOOPED_MAX);
    size_t rounds;
    size_t from;
    struct op *place;
    size_t i;

    if (mutator->count == 0 || all >= mutator->work_most) {
        return 0;
    }
    from = below(mutator, mutator->count);
    if (count > mutator->count - from) {
        count = mutator->count - from;
    }
    rounds = (mutator->work_most - all) / work_of(mutator->ops + from, count);
    rounds = rounds < LOOPS_MAX ? rounds : LOOPS_MAX;
    if (rounds > (MUTATOR_OPS_MAX - mutator->count) / count) {
        rounds = (MUTATOR_OPS_MAX - mutator->count) / count;
    }
    place = ops_open(mutator, from + count, rounds * count);
    for (i = 0; i < rounds * count; i++) {
        place[i] = mutator->ops[from + i];
    }
    return rounds != 0;
}

int
mutator_age(struct mutator *mutator)
{
    size_t count = AGED_LEAST + below(mutator, AGED_MOST - AGED_LEAST + 1);
    size_t at = below(mutator, mutator->count + 1);
    struct op op = op_sample(mutator, at, OP_RESET);
    struct op *place = ops_open(mutator, at, 1 + count);
    size_t i;

    if (place == NULL) {
        return 0;
    }
    place[0] = op;
    for (i = 1; i <= count; i++) {
        place[i] = (struct op){.code = OP_AGAIN, .number = OP_AGAIN_MAX - 1};
    }
    work_allow(mutator, work_of(place, 1 + count));
    return 1;
}

int
mutator_lower(struct mutator *mutator)
{
    size_t at = below(mutator, mutator->count + 1);
    struct op end = op_sample(mutator, at, OP_RESET);
    size_t row = one_in(mutator, 2) ? 0 : LOWERED_ROW;
    size_t copied = row == 0 ? 0 : below(mutator, LOWERED_COPY + 1);
    size_t limits = row == 0 || one_in(mutator, 2);
    size_t count;
    struct op *place;
    size_t i;

    copied = copied < at ? copied : at;
    count = row + copied + 1 + limits + LOWERED_ROW;
    place = ops_open(mutator, at, count);
    if (place == NULL) {
        return 0;
    }
    for (i = 0; i < count; i++) {
        place[i] = (struct op){.code = OP_AGAIN, .number = OP_AGAIN_MAX - 1};
    }
    place[0] = end;
    for (i = 0; i < copied; i++) {
        struct op *copy = &place[row + i];

        *copy = mutator->ops[at - copied + i];
        if (copy->code == OP_AGAIN) {
            copy->number = below(mutator, copy->number % OP_AGAIN_MAX + 1);
        }
    }
    place[row + copied] = end;
    if (limits != 0) {
        place[row + copied + 1] = (struct op){
            .code = OP_CACHE_LIMIT,
            .amount = op_amount(OP_LEFT, below(mutator, LOWERED_BY)),
        };
        place[row + copied + 2] = end;
    }
    work_allow(mutator, work_of(place, count));
    return 1;
}

int
mutator_keep(struct mutator *mutator)
{
    struct op op = {.code = OP_CACHE_LIMIT};
    struct op *place;

    if (mutator->count != 0 && mutator->ops[0].code == OP_CACHE_LIMIT) {
        return 0;
    }
    op.amount = amount_sample(mutator, op.code);
    place = ops_open(mutator, 0, 1);
    if (place == NULL) {
        return 0;
    }
    *place = op;
    return 1;
}

int
mutator_splice(struct mutator *mutator, const uint8_t *other, size_t size)
{
    size_t all = ops_count(other, size);
    struct op *place;
    size_t count;
    size_t from;
    size_t to;

    if (all == 0) {
        return 0;
    }
    from = below(mutator, all);
    count = 1 + below(mutator, SPLICED_MAX);
    if (count > all - from) {
        count = all - from;
    }
    to = below(mutator, mutator->count + 1);
    place = ops_open(mutator, to, count);
    if (place == NULL) {
        return 0;
    }
    ops_copy(place, other, size, from, count);
    return 1;
}

int
mutator_cross(struct mutator *mutator, const uint8_t *other, size_t size)
{
    size_t all = ops_count(other, size);
    size_t head = below(mutator, mutator->count + 1);
    size_t from = 0;
    size_t count;

    if (all == 0 || head == MUTATOR_OPS_MAX) {
        return 0;
    }
    if (one_in(mutator, 2)) {
        from = below(mutator, all);
    }
    count = all - from;
    if (count > MUTATOR_OPS_MAX - head) {
        count = MUTATOR_OPS_MAX - head;
    }
    ops_copy(mutator->ops + head, other, size, from, count);
    mutator->count = head + count;
    return 1;
}

void
mutator_mutate(struct mutator *mutator, const uint8_t *other, size_t size)
{
    size_t steps = few(mutator, STEPS_MAX);
    size_t tries = TRIES;

    mutator->work_most = work_sample(mutator);
    while (steps != 0 && tries-- != 0) {
        int changed;

        if (other != NULL && one_in(mutator, OTHER_ONE_IN)) {
            changed = one_in(mutator, 2) ? mutator_cross(mutator, other, size)
                                         : mutator_splice(mutator, other, size);
        } else {
            size_t kind = weighted(mutator, &mutations[0].weight,
                                   sizeof(mutations[0]), MUTATIONS);

            changed = mutations[kind].mutate(mutator);
        }
        steps -= changed != 0;
    }
    work_limit(mutator);
}

/* Returns the limit of the program's ops. Some long programs may do as many as
 * before: otherwise the states that only long programs reach would be lost. */
static size_t
work_sample(struct mutator *mutator)
{
    size_t limit = (size_t) WORK << (few(mutator, 1 + WORK_DOUBLINGS) - 1);
    size_t before = work_of(mutator->ops, mutator->count);

    if (limit < before && one_in(mutator, STAYS_ONE_IN)) {
        limit = before < WORK_MOST ? before : WORK_MOST;
    }
    return limit;
}

/* Raises the limit of the program's ops by more, but not above WORK_MOST. */
static void
work_allow(struct mutator *mutator, size_t more)
{
    mutator->work_most += more;
    if (mutator->work_most > WORK_MOST) {
        mutator->work_most = WORK_MOST;
    }
}

/* Deletes ops, and reduces repetitions, until the program does no more ops than
 * the limit. */
static void
work_limit(struct mutator *mutator)
{
    size_t limit = mutator->work_most;
    size_t work;

    while ((work = work_of(mutator->ops, mutator->count)) > limit) {
        size_t at = below(mutator, mutator->count);
        size_t some = 1 + (work - limit) / OP_AGAIN_MAX;
        struct op *op = &mutator->ops[at];

        if (op->code == OP_AGAIN && one_in(mutator, 2)) {
            op->number = op->number % OP_AGAIN_MAX / 2;
        } else {
            some = some < mutator->count - at ? some : mutator->count - at;
            ops_delete(mutator, at, 1 + below(mutator, some));
        }
    }
}

/* Returns the number of ops that are done, with repetitions. */
static size_t
work_of(const struct op *ops, size_t count)
{
    size_t work = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        work += op_times(&ops[i]);
    }
    return work;
}

/* Returns the program's size in bytes. */
static size_t
length_of(const struct mutator *mutator)
{
    uint8_t record[OP_SIZE_MAX];
    struct program_end end;
    size_t length = program_end_init(&end, mutator->version, record);
    size_t i;

    for (i = 0; i < mutator->count; i++) {
        length += encode(mutator, i, &end, record);
    }
    return length;
}

static size_t
encode(const struct mutator *mutator, size_t at, struct program_end *end,
       uint8_t *out)
{
    struct op op = mutator->ops[at];

    if (mutator->version == OP_FIXED) {
        op.pool %= OP_POOLS;
        op.number %= UINT8_MAX + 1;
        op.amount = op_amount(op_amount_mode(op.amount),
                              op_amount_value(op.amount) % OP_VALUES_1);
    }
    return program_end_add(end, &op, out);
}

/* Changes, inserts or deletes one byte. Returns the new size. */
static size_t
bytes_mutate(struct mutator *mutator, uint8_t *bytes, size_t size,
             size_t size_max)
{
    size_t at = below(mutator, size + 1);
    uint8_t byte = (uint8_t) below(mutator, UINT8_MAX + 1);
    uint32_t way = below(mutator, 4);

    if (way == 0 && size < size_max) {
        memmove(bytes + at + 1, bytes + at, size - at);
        bytes[at] = byte;
        return size + 1;
    }
    if (at == size) {
        return size;
    }
    if (way == 1) {
        memmove(bytes + at, bytes + at + 1, size - at - 1);
        return size - 1;
    }
    bytes[at] = way == 2 ? byte : bytes[at] ^ (uint8_t) (1u << byte % CHAR_BIT);
    return size;
}

static void
ops_delete(struct mutator *mutator, size_t at, size_t count)
{
    struct op *gone = mutator->ops + at;

    mutator->count -= count;
    memmove(gone, gone + count, (mutator->count - at) * sizeof(*gone));
}

/* Makes space for count ops at an index; the ops from there on move. Returns
 * NULL when there is no space. */
static struct op *
ops_open(struct mutator *mutator, size_t at, size_t count)
{
    struct op *place = mutator->ops + at;

    if (count > MUTATOR_OPS_MAX - mutator->count) {
        return NULL;
    }
    memmove(place + count, place, (mutator->count - at) * sizeof(*place));
    mutator->count += count;
    return place;
}

/* Returns the number of ops that are on the list. */
static size_t
ops_count(const uint8_t *data, size_t size)
{
    struct program program;
    size_t count = 0;
    struct op op;

    program_init(&program, data, size);
    while (program_next(&program, &op)) {
        count += op.code < OP_COUNT;
    }
    return count;
}

/* Reads count ops that are on the list, from the op at index from on. The
 * program must have that many. */
static void
ops_copy(struct op *to, const uint8_t *data, size_t size, size_t from,
         size_t count)
{
    struct program program;
    size_t number = 0;
    struct op op;

    program_init(&program, data, size);
    while (number < from + count && program_next(&program, &op)) {
        if (op.code < OP_COUNT && number++ >= from) {
            *to++ = op;
        }
    }
}

/* Compares the codes, and the operands that the code has. */
static int
ops_differ(const struct op *a, const struct op *b)
{
    return a->code != b->code || (op_has(a->code, 'p') && a->pool != b->pool) ||
           (op_has(a->code, 'n') && a->number != b->number) ||
           (op_has(a->code, 's') && a->amount != b->amount);
}

/* Makes an op for the place at an index: one with that code, or a create if the
 * code needs a pool and none exists there. */
static struct op
op_sample(struct mutator *mutator, size_t at, uint8_t code)
{
    struct scene scene = scene_before(mutator, at);
    struct op op = {.code = code};

    if (scene.pools == 0 && op_has(op.code, 'p')) {
        op.code = OP_CREATE;
    }
    if (op_has(op.code, 'p')) {
        op.pool = pool_sample(mutator, &scene, op.code);
    }
    if (op_has(op.code, 'n')) {
        op.number = number_sample(mutator, &scene, op.code);
    }
    if (op_has(op.code, 's')) {
        op.amount = amount_sample(mutator, op.code);
    }
    return op;
}

static struct scene
scene_before(const struct mutator *mutator, size_t at)
{
    struct scene scene = {0};
    int makes = 0; /* whether ages count the last op that is not again */
    size_t i;

    for (i = 0; i < at; i++) {
        const struct op *op = &mutator->ops[i];
        unsigned bit = 1u << op->pool % POOLS;

        if (creates(op->code)) {
            scene.pools |= bit;
        } else if (op->code == OP_DESTROY) {
            scene.pools &= ~bit;
        }
        if (op_has(op->code, 'p')) {
            scene.pool = op->pool % POOLS;
        }
        makes = op->code == OP_AGAIN ? makes : op_makes_object(op->code);
        scene.made += makes ? op_times(op) : 0;
    }
    return scene;
}

static int
creates(unsigned code)
{
    return code == OP_CREATE || code == OP_CHILD;
}

/* Many bugs need many ops of one kind, so sometimes the code is that of the op
 * before. */
static uint8_t
code_sample(struct mutator *mutator, size_t at)
{
    uint8_t before = at != 0 ? mutator->ops[at - 1].code : OP_NOP;

    if (before != OP_NOP && one_in(mutator, before == OP_AGAIN ? 2 : 8)) {
        return before;
    }
    return (uint8_t) weighted(mutator, &kinds[0].weights[mutator->use],
                              sizeof(kinds[0]), OP_COUNT);
}

static uint32_t
pool_sample(struct mutator *mutator, const struct scene *scene, unsigned code)
{
    uint32_t pool = below(mutator, POOLS);

    if (one_in(mutator, 16)) {
        return pool;
    }
    if (creates(code)) {
        return scene->pools == 0 ? 0 : pool;
    }
    if (scene->pools >> scene->pool & 1 && !one_in(mutator, 4)) {
        return scene->pool;
    }
    while (scene->pools != 0 && !(scene->pools >> pool & 1)) {
        pool = (pool + 1) % POOLS;
    }
    return pool;
}

static uint32_t
number_sample(struct mutator *mutator, const struct scene *scene, unsigned code)
{
    uint32_t end = kinds[code].number_end;

    if (code == OP_NGINX) {
        return nginx_sample(mutator);
    }
    if (code == OP_THREAD && mutator->use == MUTATOR_THREADS) {
        return thread_sample(mutator);
    }
    if (code == OP_CLEANUP) {
        return handler_sample(mutator, end);
    }
    if (code == OP_AGAIN && one_in(mutator, 2)) {
        return end - 1;
    }
    if (code == OP_FAIL_ALLOC && one_in(mutator, 2)) {
        return below(mutator, OP_FAIL_CLEARED + 1);
    }
    return end == AGE ? age_sample(mutator, scene) : below(mutator, end);
}

/* Makes the number of a handler, of one to three digits in base end. The lowest
 * digit says what the handler does. The digits above are the number of that op,
 * such as the handler of a cleanup that it adds. */
static uint32_t
handler_sample(struct mutator *mutator, uint32_t end)
{
    uint32_t number = below(mutator, end);
    unsigned digit;

    for (digit = 1; digit < HANDLER_DIGITS && one_in(mutator, 2); digit++) {
        number = end * number + below(mutator, end);
    }
    return number;
}

/* Makes an age: half of all ages name one of the newest objects, and a quarter
 * one of the oldest. */
static uint32_t
age_sample(struct mutator *mutator, const struct scene *scene)
{
    uint32_t age;

    if (one_in(mutator, 2)) {
        return below(mutator, NEWEST);
    }
    if (scene->made >= OLDEST && one_in(mutator, 2)) {
        age = below(mutator, OLDEST);
        return scene->made - 1 - age;
    }
    return below(mutator, scene->made + 1);
}

/* Makes the bits of one kind of op, of any kinds, or of none. */
static uint32_t
nginx_sample(struct mutator *mutator)
{
    if (one_in(mutator, 8)) {
        return 0;
    }
    return one_in(mutator, 2) ? 1u << below(mutator, CHAR_BIT)
                              : below(mutator, 1u << CHAR_BIT);
}

/* Makes a thread's number. Sometimes it is a thread that ends first:
 * fuzz/regions.h. */
static uint32_t
thread_sample(struct mutator *mutator)
{
    uint32_t thread = below(mutator, REGIONS_THREADS);

    return one_in(mutator, 8) ? REGIONS_THREADS + thread : thread;
}

/* Sometimes takes another op's size, since memory is used again for the same
 * size. */
static uint64_t
amount_sample(struct mutator *mutator, unsigned code)
{
    const uint8_t *modes = kinds[code].modes;
    enum op_mode mode;
    uint64_t value;

    if (modes == NULL) {
        return 0;
    }
    if (one_in(mutator, 4)) {
        const struct op *op = op_pick(mutator, 's');

        if (op != NULL && creates(op->code) == creates(code)) {
            return op->amount;
        }
    }
    mode = (enum op_mode) weighted(mutator, modes, sizeof(modes[0]), MODES);
    if (mode == OP_BYTES && code == OP_CACHE_LIMIT) {
        return op_amount(mode, limit_sample(mutator));
    }
    value = value_sample(mutator, mode);
    if (mode == OP_BYTES && one_in(mutator, GREAT_ONE_IN)) {
        value |= (uint64_t) 1 << great_bit_sample(mutator);
    }
    return op_amount(mode, value);
}

/* Makes a limit in bytes: as large as an allocation, as the memory that a
 * program may have, or too large for 32 bits. */
static uint64_t
limit_sample(struct mutator *mutator)
{
    unsigned bits = LIMIT_BITS_LEAST + below(mutator, LIMIT_BITS_SPAN);
    uint64_t limit = value_sample(mutator, OP_BYTES);

    switch (below(mutator, 3)) {
    case 0:
        return limit;
    case 1:
        return bits_sample(mutator, bits);
    default:
        return limit | (uint64_t) 1 << great_bit_sample(mutator);
    }
}

/* Returns the number of a bit that makes a size too large for 32 bits. */
static unsigned
great_bit_sample(struct mutator *mutator)
{
    return GREAT_BITS + below(mutator, OP_VALUE_BITS - GREAT_BITS);
}

static uint64_t
value_sample(struct mutator *mutator, enum op_mode mode)
{
    unsigned bits = BYTES_BITS_LEAST;

    switch (mode) {
    case OP_BYTES:
        bits += below(mutator, BYTES_BITS - BYTES_BITS_LEAST + 1);
        return bits_sample(mutator, bits);
    case OP_UNITS:
        bits += below(mutator, UNITS_BITS - BYTES_BITS_LEAST + 1);
        return bits_sample(mutator, bits);
    case OP_MAX:
        return below(mutator, MAX_VALUES);
    case OP_LEFT:
        return one_in(mutator, 2) ? LEFT_VALUES / 2
                                  : below(mutator, LEFT_VALUES);
    case OP_PAGE:
        return below(mutator, PAGE_VALUES);
    case OP_SMALL:
        return below(mutator, SMALL_VALUES);
    case OP_BIG:
        return below(mutator, BIG_VALUES);
    case OP_BEYOND:
        return bits_sample(mutator, below(mutator, BEYOND_BITS + 1));
    }
    return 0;
}

/* Changes the operand to a neighbour, to another op's operand, or to a random
 * one. */
static void
operand_tweak(struct mutator *mutator, size_t at, char operand)
{
    struct op *op = &mutator->ops[at];
    struct scene scene = scene_before(mutator, at);
    const struct op *other = op_pick(mutator, operand);
    uint32_t way = below(mutator, 4);

    switch (operand) {
    case 'p':
        op->pool = way == 0   ? (op->pool + 1) % POOLS
                   : way == 1 ? other->pool
                              : pool_sample(mutator, &scene, op->code);
        break;
    case 'n':
        op->number = way == 0 ? (uint32_t) number_neighbour(mutator, op->number)
                     : way == 1 ? other->number
                                : number_sample(mutator, &scene, op->code);
        break;
    default:
        op->amount = way == 0   ? amount_neighbour(mutator, op->amount)
                     : way == 1 ? other->amount
                                : amount_sample(mutator, op->code);
        break;
    }
}

static uint64_t
amount_neighbour(struct mutator *mutator, uint64_t amount)
{
    uint64_t value = number_neighbour(mutator, op_amount_value(amount));

    return op_amount(op_amount_mode(amount), value);
}

/* Returns a neighbour of number, at least 0. */
static uint64_t
number_neighbour(struct mutator *mutator, uint64_t number)
{
    uint64_t distance = 1 + below(mutator, NEIGHBOURS);

    return one_in(mutator, 2) && number >= distance ? number - distance
                                                    : number + distance;
}

/* Returns an operand of the op, or '\0' when it has none. */
static char
operand_pick(struct mutator *mutator, unsigned code)
{
    static const char operands[] = {'p', 'n', 's'};
    size_t start = below(mutator, sizeof(operands));
    size_t i;

    for (i = 0; i < sizeof(operands); i++) {
        char operand = operands[(start + i) % sizeof(operands)];

        if (op_has(code, operand)) {
            return operand;
        }
    }
    return '\0';
}

/* Returns a random op with the operand, or NULL. */
static const struct op *
op_pick(struct mutator *mutator, char operand)
{
    size_t start;
    size_t i;

    if (mutator->count == 0) {
        return NULL;
    }
    start = below(mutator, mutator->count);
    for (i = 0; i < mutator->count; i++) {
        const struct op *op = &mutator->ops[(start + i) % mutator->count];

        if (op_has(op->code, operand)) {
            return op;
        }
    }
    return NULL;
}

/*
 * The random generator: Steele, Lea and Flood 2014, "Fast splittable
 * pseudorandom number generators". Any seed is as good as any other. C does not
 * define which operand is evaluated first. So no expression uses the generator
 * twice: otherwise compilers would differ.
 */
static uint64_t
next(struct mutator *mutator)
{
    uint64_t number = mutator->random += 0x9e3779b97f4a7c15;

    number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9;
    number = (number ^ number >> 27) * 0x94d049bb133111eb;
    return number ^ number >> 31;
}

/* Returns 0 ... end - 1. */
static uint32_t
below(struct mutator *mutator, size_t end)
{
    assert(end != 0 && end <= UINT32_MAX);
    return (uint32_t) ((next(mutator) >> 32) * end >> 32);
}

static int
one_in(struct mutator *mutator, uint32_t count)
{
    return below(mutator, count) == 0;
}

/* Returns 1 ... most. Each number is half as likely as the one before. */
static size_t
few(struct mutator *mutator, size_t most)
{
    size_t count = 1;

    while (count < most && one_in(mutator, 2)) {
        count++;
    }
    return count;
}

static uint64_t
bits_sample(struct mutator *mutator, unsigned bits)
{
    return bits == 0 ? 0 : next(mutator) >> (64 - bits);
}

/* Returns a random index by weights. The first weight is at weights, each next
 * one step bytes later. */
static size_t
weighted(struct mutator *mutator, const uint8_t *weights, size_t step,
         size_t count)
{
    uint32_t sum = 0;
    uint32_t remaining;
    size_t i;

    for (i = 0; i < count; i++) {
        sum += weights[i * step];
    }
    remaining = below(mutator, sum);
    for (i = 0; remaining >= weights[i * step]; i++) {
        remaining -= weights[i * step];
    }
    return i;
}
