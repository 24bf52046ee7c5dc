#include "mutator.h"

#include <limits.h>
#include <string.h>

#include "program.h"
#include "sample.h"

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

    LOOPED_MAX = 8,    /* ops of a loop */
    LOOPS_MAX = 64,    /* rounds of a loop: kept memory depends on 64 regions */
    SPREAD_ONE_IN = 4, /* one loop of a trace in this number has other pools in
                        * each round: recorded programs have many pools */

    /* Ops again after a reset. Each repeats it 16 times: a thread releases the
     * memory that the last 64 regions did not need. */
    AGED_LEAST = 4,
    AGED_MOST = 8,

    FILLED_LEAST = 2, /* pages of an allocation that is drained */
    FILLED_SPAN = 4,
    DRAINED_MOST = 8, /* ops again of a row of allocations or of frees */

    LOWERED_BY = 8,   /* bytes, at most */
    LOWERED_ROW = 3,  /* ops of a row of ends */
    LOWERED_COPY = 4, /* ops between two rows, at most */

    DUPLICATED_MAX = 16, /* ops of a run */
    SPLICED_MAX = 64,
    SWAP_REACH = 8, /* most that an op moves, in three of four swaps */

    TRIES = 16, /* tries to change the program */

    /* The limit of a program's ops: every second program gets this one, every
     * fourth one gets twice as many, and so on. So long programs get as much
     * time as short ones. */
    WORK = 16,
    WORK_DOUBLINGS = 6,
    WORK_MOST = WORK << WORK_DOUBLINGS,
    STAYS_ONE_IN = 4, /* one long program in this number may stay long */

    DROPPED_BYTES = 4, /* about the size of an op, to shorten a program */
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
    {mutator_age, 1},     {mutator_lower, 2},     {mutator_drain, 1},
    {mutator_nginx, 2},
};

enum {
    MUTATIONS = sizeof(mutations) / sizeof(mutations[0]),
    OTHER_ONE_IN = 2, /* one mutation in this number uses another program, if
                       * there is one */
};

static int row_insert(struct mutator *mutator, size_t at, struct op op,
                      size_t repetitions);
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
        size_t at = sample_below(mutator, mutator->count);

        if (most > mutator->count - at) {
            most = mutator->count - at;
        }
        ops_delete(mutator, at, 1 + sample_below(mutator, most));
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
    size_t steps = sample_few(mutator, STEPS_MAX);

    memcpy(out, data, length);
    while (steps-- != 0) {
        length = bytes_mutate(mutator, out, length, size_max);
    }
    return length;
}

int
mutator_insert(struct mutator *mutator)
{
    size_t count = sample_few(mutator, INSERTED_MAX);
    size_t at = mutator->count;
    size_t i;

    /* The last op sees the most state. */
    if (!sample_one_in(mutator, 3)) {
        at = sample_below(mutator, mutator->count + 1);
    }
    for (i = 0; i < count; i++) {
        struct op op = sample_op(mutator, at + i, sample_code(mutator, at + i));
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
    at = sample_below(mutator, mutator->count);
    if (sample_one_in(mutator, 4)) {
        count += sample_below(mutator, mutator->count - at);
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
        size_t one = sample_below(mutator, count);
        size_t reach = sample_one_in(mutator, 4) ? count : SWAP_REACH;
        size_t two = one + 1 + sample_below(mutator, reach);
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
        size_t at = sample_below(mutator, mutator->count);
        struct op before = mutator->ops[at];
        char operand = sample_operand(mutator, before.code);

        if (operand != '\0') {
            sample_tweak(mutator, at, operand);
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
        size_t at = sample_below(mutator, mutator->count);
        struct op before = mutator->ops[at];
        struct op op = sample_op(mutator, at, sample_code(mutator, at));

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
    size_t copies = sample_few(mutator, COPIES_MAX);
    struct op run[DUPLICATED_MAX];
    size_t count;
    size_t from;
    size_t to;
    size_t i;

    if (mutator->count == 0) {
        return 0;
    }
    from = sample_below(mutator, mutator->count);
    count = 1 + sample_below(mutator, DUPLICATED_MAX);
    if (count > mutator->count - from) {
        count = mutator->count - from;
    }
    to = from + count;
    if (sample_one_in(mutator, 4)) {
        to = sample_below(mutator, mutator->count + 1);
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
    size_t count = 1 + sample_below(mutator, REPEATS_MAX);
    int fills = all <= WORK_MOST - OP_AGAIN_MAX &&
                sample_one_in(mutator, FILLED_ONE_IN);
    struct op *place;
    size_t at;
    size_t i;

    if (mutator->count == 0) {
        return 0;
    }
    if (fills) {
        count = (WORK_MOST - all) / OP_AGAIN_MAX;
    }
    at = 1 + sample_below(mutator, mutator->count);
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
    size_t count = 1 + sample_below(mutator, LOOPED_MAX);
    uint32_t spread = 0;
    size_t rounds;
    size_t from;
    struct op *place;
    size_t i;

    if (mutator->count == 0 || all >= mutator->work_most) {
        return 0;
    }
    from = sample_below(mutator, mutator->count);
    if (count > mutator->count - from) {
        count = mutator->count - from;
    }
    rounds = (mutator->work_most - all) / work_of(mutator->ops + from, count);
    rounds = rounds < LOOPS_MAX ? rounds : LOOPS_MAX;
    if (rounds > (MUTATOR_OPS_MAX - mutator->count) / count) {
        rounds = (MUTATOR_OPS_MAX - mutator->count) / count;
    }
    if (mutator->use == MUTATOR_TRACE &&
        sample_one_in(mutator, SPREAD_ONE_IN)) {
        spread = OP_POOLS;
    }
    place = ops_open(mutator, from + count, rounds * count);
    for (i = 0; i < rounds * count; i++) {
        place[i] = mutator->ops[from + i];
        place[i].pool += spread;
    }
    return rounds != 0;
}

int
mutator_age(struct mutator *mutator)
{
    size_t at = sample_below(mutator, mutator->count + 1);
    struct op op = sample_op(mutator, at, OP_RESET);
    size_t count =
        AGED_LEAST + sample_below(mutator, AGED_MOST - AGED_LEAST + 1);

    return row_insert(mutator, at, op, count);
}

int
mutator_drain(struct mutator *mutator)
{
    size_t at = sample_below(mutator, mutator->count + 1);
    struct op op = sample_op(mutator, at, OP_PFREE_LARGE);

    /* From the last row to the first. */
    if (!row_insert(mutator, at, op, 1 + sample_below(mutator, DRAINED_MOST))) {
        return 0;
    }
    if (op.code == OP_CREATE || sample_one_in(mutator, 2)) {
        return 1;
    }
    op.code = OP_PALLOC;
    op.amount =
        op_amount(OP_BIG, FILLED_LEAST + sample_below(mutator, FILLED_SPAN));
    if (row_insert(mutator, at, op, 1 + sample_below(mutator, DRAINED_MOST)) &&
        sample_one_in(mutator, 2)) {
        struct op *place = ops_open(mutator, at, 1);

        if (place != NULL) {
            *place =
                (struct op){.code = OP_FAIL_ALLOC, .number = OP_FAIL_CLEARED};
        }
    }
    return 1;
}

int
mutator_nginx(struct mutator *mutator)
{
    size_t from = sample_below(mutator, mutator->count + 1);
    size_t run = sample_below(mutator, mutator->count - from + 1);
    struct op first = sample_op(mutator, from, OP_NGINX);
    struct op last = sample_op(mutator, from + run, OP_NGINX);
    struct op *place;

    if (mutator->use != MUTATOR_MIXED) {
        return 0;
    }
    place = ops_open(mutator, from, 2);
    if (place == NULL) {
        return 0;
    }
    if (sample_one_in(mutator, 2)) {
        last.number = 0;
    }
    memmove(place + 1, place + 2, run * sizeof(*place));
    place[0] = first;
    place[1 + run] = last;
    return 1;
}

int
mutator_lower(struct mutator *mutator)
{
    size_t at = sample_below(mutator, mutator->count + 1);
    struct op end = sample_op(mutator, at, OP_RESET);
    size_t row = sample_one_in(mutator, 2) ? 0 : LOWERED_ROW;
    size_t copied = row == 0 ? 0 : sample_below(mutator, LOWERED_COPY + 1);
    size_t limits = row == 0 || sample_one_in(mutator, 2);
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
            copy->number =
                sample_below(mutator, copy->number % OP_AGAIN_MAX + 1);
        }
    }
    place[row + copied] = end;
    if (limits != 0) {
        place[row + copied + 1] = (struct op){
            .code = OP_CACHE_LIMIT,
            .amount = op_amount(OP_LEFT, sample_below(mutator, LOWERED_BY)),
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
    op.amount = sample_amount(mutator, op.code);
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
    from = sample_below(mutator, all);
    count = 1 + sample_below(mutator, SPLICED_MAX);
    if (count > all - from) {
        count = all - from;
    }
    to = sample_below(mutator, mutator->count + 1);
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
    size_t head = sample_below(mutator, mutator->count + 1);
    size_t from = 0;
    size_t count;

    if (all == 0 || head == MUTATOR_OPS_MAX) {
        return 0;
    }
    if (sample_one_in(mutator, 2)) {
        from = sample_below(mutator, all);
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
    size_t steps = sample_few(mutator, STEPS_MAX);
    size_t tries = TRIES;

    mutator->work_most = work_sample(mutator);
    while (steps != 0 && tries-- != 0) {
        int changed;

        if (other != NULL && sample_one_in(mutator, OTHER_ONE_IN)) {
            changed = sample_one_in(mutator, 2)
                          ? mutator_cross(mutator, other, size)
                          : mutator_splice(mutator, other, size);
        } else {
            size_t kind = sample_weighted(mutator, &mutations[0].weight,
                                          sizeof(mutations[0]), MUTATIONS);

            changed = mutations[kind].mutate(mutator);
        }
        steps -= changed != 0;
    }
    work_limit(mutator);
}

/* Inserts op at an index, and ops again. Each of these repeats it OP_AGAIN_MAX
 * times. */
static int
row_insert(struct mutator *mutator, size_t at, struct op op, size_t repetitions)
{
    struct op *place = ops_open(mutator, at, 1 + repetitions);
    size_t i;

    if (place == NULL) {
        return 0;
    }
    place[0] = op;
    for (i = 1; i <= repetitions; i++) {
        place[i] = (struct op){.code = OP_AGAIN, .number = OP_AGAIN_MAX - 1};
    }
    work_allow(mutator, work_of(place, 1 + repetitions));
    return 1;
}

/* Returns the limit of the program's ops. Some long programs may do as many as
 * before: otherwise the states that only long programs reach would be lost. */
static size_t
work_sample(struct mutator *mutator)
{
    size_t limit = (size_t) WORK
                   << (sample_few(mutator, 1 + WORK_DOUBLINGS) - 1);
    size_t before = work_of(mutator->ops, mutator->count);

    if (limit < before && sample_one_in(mutator, STAYS_ONE_IN)) {
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
        size_t at = sample_below(mutator, mutator->count);
        size_t some = 1 + (work - limit) / OP_AGAIN_MAX;
        struct op *op = &mutator->ops[at];

        if (op->code == OP_AGAIN && sample_one_in(mutator, 2)) {
            op->number = op->number % OP_AGAIN_MAX / 2;
        } else {
            some = some < mutator->count - at ? some : mutator->count - at;
            ops_delete(mutator, at, 1 + sample_below(mutator, some));
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
    size_t at = sample_below(mutator, size + 1);
    uint8_t byte = (uint8_t) sample_below(mutator, UINT8_MAX + 1);
    uint32_t way = sample_below(mutator, 4);

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
