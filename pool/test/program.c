/*
 * Long programs of all operations on several pools. Live allocations keep their
 * bytes, and the behaviour of a pool depends on its own program alone.
 */
#include <string.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "fixture.h"
#include "place.h"
#include "random_next.h"

enum {
    LIVE_MAX = 512, /* allocations that a program checks */
    STEPS = 3000,
};

struct live {
    u_char *p;
    size_t size;
    u_char pattern;
};

/* A pool, the program that runs on it, and a hash of all results. */
struct program {
    ngx_pool_t *pool;
    uint32_t seed;
    uint64_t hash;
    size_t cleanups; /* run so far */
    size_t count;
    struct live live[LIVE_MAX];
};

static void program_init(struct program *program, size_t size, uint32_t seed);
static void program_done(struct program *program);
static void program_step(struct program *program);
static void program_allocate(struct program *program);
static void program_pfree(struct program *program);
static void program_cleanup(struct program *program);
static void program_reset(struct program *program);
static void program_check(const struct program *program);
static void program_note(struct program *program, uint64_t value);

static uint64_t
run_alone(size_t size, uint32_t seed)
{
    static struct program program;
    int step;

    program_init(&program, size, seed);
    for (step = 0; step < STEPS; step++) {
        program_step(&program);
    }
    program_done(&program);
    return program.hash;
}

static void
test_program_gives_the_same_hash_twice(void **state)
{
    uint32_t seed;

    (void) state;
    for (seed = 1; seed <= 4; seed++) {
        assert_true(run_alone(1024, seed) == run_alone(1024, seed));
    }
    assert_true(run_alone(1024, 1) != run_alone(1024, 2));
}

static void
test_program_is_independent_of_other_pools(void **state)
{
    enum {
        POOLS = 3,
    };
    static const size_t sizes[POOLS] = {1024, 1021, 4096};
    static struct program programs[POOLS];
    uint64_t alone[POOLS];
    uint32_t i;
    int step;

    (void) state;
    ngx_pool_cache_limit(NGX_POOL_CACHE_SIZE);
    for (i = 0; i < POOLS; i++) {
        alone[i] = run_alone(sizes[i], i);
        program_init(&programs[i], sizes[i], i);
    }
    for (step = 0; step < POOLS * STEPS; step++) {
        program_step(&programs[step % POOLS]);
    }
    for (i = 0; i < POOLS; i++) {
        program_done(&programs[i]);
        assert_true(programs[i].hash == alone[i]);
    }
}

static void
test_program_gives_the_same_hash_in_kept_blocks(void **state)
{
    uint64_t hash = run_alone(1024, 9);

    (void) state;
    ngx_pool_cache_limit(NGX_POOL_CACHE_SIZE);
    (void) run_alone(1024, 8);
    assert_true(run_alone(1024, 9) == hash);
}

static void
program_init(struct program *program, size_t size, uint32_t seed)
{
    program->pool = ngx_create_pool(size, NULL);
    assert_non_null(program->pool);
    program->seed = seed;
    program->hash = 0;
    program->cleanups = 0;
    program->count = 0;
}

static void
program_done(struct program *program)
{
    program_check(program);
    ngx_destroy_pool(program->pool);
    program_note(program, program->cleanups);
}

static void
program_step(struct program *program)
{
    uint32_t random = random_next(&program->seed) % 200;

    if (random == 0) {
        program_reset(program);
    } else if (random < 20) {
        program_cleanup(program);
    } else if (random < 60) {
        program_pfree(program);
    } else {
        program_allocate(program);
    }
    program_note(program, program->pool->d.failed);
    program_note(program,
                 place_of(program->pool, program->pool->current).block);
}

static void
program_allocate(struct program *program)
{
    ngx_pool_t *pool = program->pool;
    uint32_t random = random_next(&program->seed);
    size_t size = random_next(&program->seed) % (random % 8 == 0 ? 3000 : 120);
    struct live live = {NULL, size, (u_char) random};
    struct place place;

    switch (random % 4) {
    case 0:
        live.p = ngx_palloc(pool, size);
        break;
    case 1:
        live.p = ngx_pnalloc(pool, size);
        break;
    case 2:
        live.p = ngx_pcalloc(pool, size);
        break;
    default:
        live.p = ngx_pmemalign(pool, size, (size_t) 1 << random % 9);
    }
    assert_non_null(live.p);
    memset(live.p, live.pattern, size);
    place = place_of(pool, live.p);
    program_note(program, place.block);
    program_note(program, place.offset);
    if (program->count < LIVE_MAX) {
        program->live[program->count++] = live;
    }
}

static void
program_pfree(struct program *program)
{
    struct live *live;
    ngx_int_t freed;

    if (program->count == 0) {
        return;
    }
    live = &program->live[random_next(&program->seed) % program->count];
    assert_int_equal(place_of(program->pool, live->p).block == PLACE_LARGE,
                     (freed = ngx_pfree(program->pool, live->p)) == NGX_OK);
    program_note(program, freed == NGX_OK);
    if (freed == NGX_OK) {
        *live = program->live[--program->count];
    }
}

static void
count_run(void *data)
{
    struct program **program = data;

    (*program)->cleanups++;
}

static void
program_cleanup(struct program *program)
{
    ngx_pool_cleanup_t *cleanup =
        ngx_pool_cleanup_add(program->pool, sizeof(struct program *));

    assert_non_null(cleanup);
    cleanup->handler = count_run;
    *(struct program **) cleanup->data = program;
    program_note(program, place_of(program->pool, cleanup).offset);
    program_note(program, place_of(program->pool, cleanup->data).offset);
}

static void
program_reset(struct program *program)
{
    program_check(program);
    ngx_reset_pool(program->pool);
    program_note(program, program->cleanups);
    program->count = 0;
}

/* Checks that every byte that was written is unchanged. */
static void
program_check(const struct program *program)
{
    size_t i;
    size_t j;

    for (i = 0; i < program->count; i++) {
        const struct live *live = &program->live[i];

        for (j = 0; j < live->size; j++) {
            assert_int_equal(live->p[j], live->pattern);
        }
    }
}

/* FNV-1a's step on a word. */
static void
program_note(struct program *program, uint64_t value)
{
    program->hash = (program->hash ^ value) * 0x100000001b3u;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_program_gives_the_same_hash_twice),
        FIXTURE_TEST(test_program_is_independent_of_other_pools),
        FIXTURE_TEST(test_program_gives_the_same_hash_in_kept_blocks),
    };

    return GROUP_RUN(tests);
}
