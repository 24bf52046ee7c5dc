#include "sample.h"

#include <assert.h>
#include <limits.h>

#include "regions.h"

/* These numbers decide how soon a campaign finds a bug: see mutator.c. */
enum {
    HANDLER_DIGITS = 3, /* of a handler's number, at most */

    POOLS = OP_POOLS, /* pools of a program */

    /* The newest and the oldest objects, which are more likely than others. */
    NEWEST = 4,
    OLDEST = 4,

    AGE = 0, /* as number_end: the number is an age */

    BYTES_BITS = 13, /* bits of a size: version 1 holds no more */
    UNITS_BITS = 14, /* of one in units: up to 256 KiB */
    BYTES_BITS_LEAST = 6,
    BEYOND_BITS = 12,
    HALVES_ONE_IN = 4, /* one size beyond in this number is small in 32 bits */
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

/* The pools and allocations that exist before a new op. Loops of traces make
 * pools of higher numbers, which count as that of the same remainder. */
struct scene {
    unsigned pools; /* a bit for each pool that exists */
    uint32_t pool;  /* of the op before */
    uint32_t made;  /* ops before that ages count */
};

static struct scene scene_before(const struct mutator *mutator, size_t at);
static int creates(unsigned code);
static uint32_t sample_pool(struct mutator *mutator, const struct scene *scene,
                            unsigned code);
static uint32_t sample_number(struct mutator *mutator,
                              const struct scene *scene, unsigned code);
static uint32_t sample_handler(struct mutator *mutator, uint32_t end);
static uint32_t sample_age(struct mutator *mutator, const struct scene *scene);
static uint32_t sample_nginx(struct mutator *mutator);
static uint32_t sample_thread(struct mutator *mutator);
static uint64_t sample_limit(struct mutator *mutator);
static unsigned sample_great_bit(struct mutator *mutator);
static uint64_t sample_value(struct mutator *mutator, enum op_mode mode);
static uint64_t sample_beyond(struct mutator *mutator);
static uint64_t amount_neighbour(struct mutator *mutator, uint64_t amount);
static uint64_t number_neighbour(struct mutator *mutator, uint64_t number);
static const struct op *op_pick(struct mutator *mutator, char operand);
static uint64_t next(struct mutator *mutator);
static uint64_t sample_bits(struct mutator *mutator, unsigned bits);

struct op
sample_op(struct mutator *mutator, size_t at, uint8_t code)
{
    struct scene scene = scene_before(mutator, at);
    struct op op = {.code = code};

    if (scene.pools == 0 && op_has(op.code, 'p')) {
        op.code = OP_CREATE;
    }
    if (op_has(op.code, 'p')) {
        op.pool = sample_pool(mutator, &scene, op.code);
    }
    if (op_has(op.code, 'n')) {
        op.number = sample_number(mutator, &scene, op.code);
    }
    if (op_has(op.code, 's')) {
        op.amount = sample_amount(mutator, op.code);
    }
    return op;
}

uint8_t
sample_code(struct mutator *mutator, size_t at)
{
    uint8_t before = at != 0 ? mutator->ops[at - 1].code : OP_NOP;

    if (before != OP_NOP &&
        sample_one_in(mutator, before == OP_AGAIN ? 2 : 8)) {
        return before;
    }
    return (uint8_t) sample_weighted(mutator, &kinds[0].weights[mutator->use],
                                     sizeof(kinds[0]), OP_COUNT);
}

uint64_t
sample_amount(struct mutator *mutator, unsigned code)
{
    const uint8_t *modes = kinds[code].modes;
    enum op_mode mode;
    uint64_t value;

    if (modes == NULL) {
        return 0;
    }
    if (sample_one_in(mutator, 4)) {
        const struct op *op = op_pick(mutator, 's');

        if (op != NULL && creates(op->code) == creates(code)) {
            return op->amount;
        }
    }
    mode =
        (enum op_mode) sample_weighted(mutator, modes, sizeof(modes[0]), MODES);
    if (mode == OP_BYTES && code == OP_CACHE_LIMIT) {
        return op_amount(mode, sample_limit(mutator));
    }
    value = sample_value(mutator, mode);
    if (mode == OP_BYTES && sample_one_in(mutator, GREAT_ONE_IN)) {
        value |= (uint64_t) 1 << sample_great_bit(mutator);
    }
    return op_amount(mode, value);
}

void
sample_tweak(struct mutator *mutator, size_t at, char operand)
{
    struct op *op = &mutator->ops[at];
    struct scene scene = scene_before(mutator, at);
    const struct op *other = op_pick(mutator, operand);
    uint32_t way = sample_below(mutator, 4);

    switch (operand) {
    case 'p':
        op->pool = way == 0   ? (op->pool + 1) % POOLS
                   : way == 1 ? other->pool
                              : sample_pool(mutator, &scene, op->code);
        break;
    case 'n':
        op->number = way == 0 ? (uint32_t) number_neighbour(mutator, op->number)
                     : way == 1 ? other->number
                                : sample_number(mutator, &scene, op->code);
        break;
    default:
        op->amount = way == 0   ? amount_neighbour(mutator, op->amount)
                     : way == 1 ? other->amount
                                : sample_amount(mutator, op->code);
        break;
    }
}

char
sample_operand(struct mutator *mutator, unsigned code)
{
    static const char operands[] = {'p', 'n', 's'};
    size_t start = sample_below(mutator, sizeof(operands));
    size_t i;

    for (i = 0; i < sizeof(operands); i++) {
        char operand = operands[(start + i) % sizeof(operands)];

        if (op_has(code, operand)) {
            return operand;
        }
    }
    return '\0';
}

uint32_t
sample_below(struct mutator *mutator, size_t end)
{
    assert(end != 0 && end <= UINT32_MAX);
    return (uint32_t) ((next(mutator) >> 32) * end >> 32);
}

int
sample_one_in(struct mutator *mutator, uint32_t count)
{
    return sample_below(mutator, count) == 0;
}

size_t
sample_few(struct mutator *mutator, size_t most)
{
    size_t count = 1;

    while (count < most && sample_one_in(mutator, 2)) {
        count++;
    }
    return count;
}

size_t
sample_weighted(struct mutator *mutator, const uint8_t *weights, size_t step,
                size_t count)
{
    uint32_t sum = 0;
    uint32_t remaining;
    size_t i;

    for (i = 0; i < count; i++) {
        sum += weights[i * step];
    }
    remaining = sample_below(mutator, sum);
    for (i = 0; remaining >= weights[i * step]; i++) {
        remaining -= weights[i * step];
    }
    return i;
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

static uint32_t
sample_pool(struct mutator *mutator, const struct scene *scene, unsigned code)
{
    uint32_t pool = sample_below(mutator, POOLS);

    if (sample_one_in(mutator, 16)) {
        return pool;
    }
    if (creates(code)) {
        return scene->pools == 0 ? 0 : pool;
    }
    if (scene->pools >> scene->pool & 1 && !sample_one_in(mutator, 4)) {
        return scene->pool;
    }
    while (scene->pools != 0 && !(scene->pools >> pool & 1)) {
        pool = (pool + 1) % POOLS;
    }
    return pool;
}

static uint32_t
sample_number(struct mutator *mutator, const struct scene *scene, unsigned code)
{
    uint32_t end = kinds[code].number_end;

    if (code == OP_NGINX) {
        return sample_nginx(mutator);
    }
    if (code == OP_THREAD && mutator->use == MUTATOR_THREADS) {
        return sample_thread(mutator);
    }
    if (code == OP_CLEANUP) {
        return sample_handler(mutator, end);
    }
    if (code == OP_AGAIN && sample_one_in(mutator, 2)) {
        return end - 1;
    }
    if (code == OP_FAIL_ALLOC && sample_one_in(mutator, 2)) {
        return sample_below(mutator, OP_FAIL_CLEARED + 1);
    }
    return end == AGE ? sample_age(mutator, scene) : sample_below(mutator, end);
}

/* Makes the number of a handler, of one to three digits in base end. The lowest
 * digit says what the handler does. The digits above are the number of that op,
 * such as the handler of a cleanup that it adds. */
static uint32_t
sample_handler(struct mutator *mutator, uint32_t end)
{
    uint32_t number = sample_below(mutator, end);
    unsigned digit;

    for (digit = 1; digit < HANDLER_DIGITS && sample_one_in(mutator, 2);
         digit++) {
        number = end * number + sample_below(mutator, end);
    }
    return number;
}

/* Makes an age: half of all ages name one of the newest objects, and a quarter
 * one of the oldest. */
static uint32_t
sample_age(struct mutator *mutator, const struct scene *scene)
{
    uint32_t age;

    if (sample_one_in(mutator, 2)) {
        return sample_below(mutator, NEWEST);
    }
    if (scene->made >= OLDEST && sample_one_in(mutator, 2)) {
        age = sample_below(mutator, OLDEST);
        return scene->made - 1 - age;
    }
    return sample_below(mutator, scene->made + 1);
}

/* Makes the bits of one kind of op, of any kinds, or of none. */
static uint32_t
sample_nginx(struct mutator *mutator)
{
    if (sample_one_in(mutator, 8)) {
        return 0;
    }
    return sample_one_in(mutator, 2) ? 1u << sample_below(mutator, CHAR_BIT)
                                     : sample_below(mutator, 1u << CHAR_BIT);
}

/* Makes a thread's number. Sometimes it is a thread that ends first:
 * fuzz/regions.h. */
static uint32_t
sample_thread(struct mutator *mutator)
{
    uint32_t thread = sample_below(mutator, REGIONS_THREADS);

    return sample_one_in(mutator, 8) ? REGIONS_THREADS + thread : thread;
}

/* Makes a limit in bytes: as large as an allocation, as the memory that a
 * program may have, or too large for 32 bits. */
static uint64_t
sample_limit(struct mutator *mutator)
{
    unsigned bits = LIMIT_BITS_LEAST + sample_below(mutator, LIMIT_BITS_SPAN);
    uint64_t limit = sample_value(mutator, OP_BYTES);

    switch (sample_below(mutator, 3)) {
    case 0:
        return limit;
    case 1:
        return sample_bits(mutator, bits);
    default:
        return limit | (uint64_t) 1 << sample_great_bit(mutator);
    }
}

/* Returns the number of a bit that makes a size too large for 32 bits. */
static unsigned
sample_great_bit(struct mutator *mutator)
{
    return GREAT_BITS + sample_below(mutator, OP_VALUE_BITS - GREAT_BITS);
}

static uint64_t
sample_value(struct mutator *mutator, enum op_mode mode)
{
    unsigned bits = BYTES_BITS_LEAST;

    switch (mode) {
    case OP_BYTES:
        bits += sample_below(mutator, BYTES_BITS - BYTES_BITS_LEAST + 1);
        return sample_bits(mutator, bits);
    case OP_UNITS:
        bits += sample_below(mutator, UNITS_BITS - BYTES_BITS_LEAST + 1);
        return sample_bits(mutator, bits);
    case OP_MAX:
        return sample_below(mutator, MAX_VALUES);
    case OP_LEFT:
        return sample_one_in(mutator, 2) ? LEFT_VALUES / 2
                                         : sample_below(mutator, LEFT_VALUES);
    case OP_PAGE:
        return sample_below(mutator, PAGE_VALUES);
    case OP_SMALL:
        return sample_below(mutator, SMALL_VALUES);
    case OP_BIG:
        return sample_below(mutator, BIG_VALUES);
    case OP_BEYOND:
        return sample_beyond(mutator);
    }
    return 0;
}

/* Returns what a size is below SIZE_MAX. */
static uint64_t
sample_beyond(struct mutator *mutator)
{
    uint64_t value =
        sample_bits(mutator, sample_below(mutator, BEYOND_BITS + 1));

    return sample_one_in(mutator, HALVES_ONE_IN) ? UINT32_MAX - value : value;
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
    uint64_t distance = 1 + sample_below(mutator, NEIGHBOURS);

    return sample_one_in(mutator, 2) && number >= distance ? number - distance
                                                           : number + distance;
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
    start = sample_below(mutator, mutator->count);
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

static uint64_t
sample_bits(struct mutator *mutator, unsigned bits)
{
    return bits == 0 ? 0 : next(mutator) >> (64 - bits);
}
