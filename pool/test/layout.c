/*
 * The place of each small allocation, checked against a model of the rule. The
 * model does not know the pool's code: a block is two numbers. After each step
 * every block's head and current are compared with the model.
 */
#include <ngx_config.h>
#include <ngx_core.h>

#include "fixture.h"
#include "place.h"
#include "random_next.h"

enum {
    BLOCKS_MAX = 4096,
    FAILED_MAX = 4, /* a block that failed more often is not tried */
    LEFT_PART = 32, /* nor is one with less than this part of its size left */
    STEPS = 2000,
};

/* All blocks, the unused ones included. */
struct model {
    size_t size; /* of a block */
    size_t max;
    size_t count;
    size_t current;
    size_t array; /* offset of the user's newest cut in the first block, or 0 */
    struct {
        size_t last;
        size_t failed;
    } block[BLOCKS_MAX];
};

static void check_program(size_t size, uint32_t seed, uint32_t most);
static void move_last(struct model *model, ngx_pool_t *pool, uint32_t random);
static void check_step(struct model *model, ngx_pool_t *pool, uint32_t random,
                       size_t size);
static void check_state(const struct model *model, ngx_pool_t *pool);
static void model_reset(struct model *model);
static struct place model_cut(struct model *model, size_t size,
                              size_t alignment);
static size_t model_miss(struct model *model, size_t n);
static size_t model_align(size_t offset, size_t alignment);

static void
test_layout_of_small_sizes(void **state)
{
    uint32_t seed;

    (void) state;
    for (seed = 0; seed < 8; seed++) {
        check_program(4096, seed, 100);
        check_program(1024, seed, 100);
    }
}

static void
test_layout_of_sizes_that_leave_much_free(void **state)
{
    uint32_t seed;

    (void) state;
    for (seed = 0; seed < 8; seed++) {
        check_program(1024, seed, 700);
        check_program(512, seed, 300);
    }
}

static void
test_layout_of_larges_among_small_ones(void **state)
{
    uint32_t seed;

    (void) state;
    for (seed = 0; seed < 8; seed++) {
        check_program(1024, seed, 2000);
    }
}

static void
test_layout_of_blocks_with_unaligned_ends(void **state)
{
    uint32_t odd;

    (void) state;
    for (odd = 1; odd < 2 * NGX_POOL_ALIGNMENT; odd++) {
        check_program(512 + odd, odd, 300);
    }
}

static void
test_layout_of_tiny_pools(void **state)
{
    size_t size;

    (void) state;
    for (size = sizeof(ngx_pool_t); size < 2 * sizeof(ngx_pool_t); size += 3) {
        check_program(size, (uint32_t) size, 100);
    }
}

/* As ngx_array_destroy() does: the newest bytes of the first block come back,
 * although current may have passed it. */
static void
test_layout_after_last_moves_back(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(1024, NULL);
    u_char *array;
    size_t n;

    (void) state;
    (void) ngx_palloc(pool, pool->max - 200);
    for (n = 0; n < 10; n++) {
        array = ngx_palloc(pool, 150);
        assert_ptr_equal(pool->d.last, array + 150);
        pool->d.last = array;
        assert_ptr_equal(ngx_palloc(pool, 130), array);
        pool->d.last = array;
        assert_int_equal(place_blocks(pool), 1);
    }
    ngx_destroy_pool(pool);
}

/* Runs a program on a pool and on the model, with resets, and with the first
 * block's last moved as ngx_array does. */
static void
check_program(size_t size, uint32_t seed, uint32_t most)
{
    static struct model model;
    ngx_pool_t *pool = ngx_create_pool(size, NULL);
    uint32_t random;
    int step;

    model.size = size;
    model.max = pool->max;
    model.count = 1;
    model_reset(&model);
    for (step = 0; step < STEPS; step++) {
        if (random_next(&seed) % 300 == 0) {
            ngx_reset_pool(pool);
            model_reset(&model);
            check_state(&model, pool);
        }
        if (random_next(&seed) % 20 == 0) {
            move_last(&model, pool, random_next(&seed));
        }
        random = random_next(&seed);
        check_step(&model, pool, random, random_next(&seed) % most);
        check_state(&model, pool);
    }
    ngx_destroy_pool(pool);
}

/* Gives the first block's newest allocation back, or makes it larger. */
static void
move_last(struct model *model, ngx_pool_t *pool, uint32_t random)
{
    size_t left = model->size - model->block[0].last;

    if (model->array == 0) {
        return;
    }
    if (random % 2 == 0) {
        model->block[0].last = model->array;
        model->array = 0;
    } else {
        model->block[0].last += random / 2 % (left + 1);
    }
    pool->d.last = (u_char *) pool + model->block[0].last;
}

static void
check_step(struct model *model, ngx_pool_t *pool, uint32_t random, size_t size)
{
    struct place expected;
    void *p;

    if (random % 10 == 0) {
        ngx_pool_cleanup_t *cleanup;
        size_t header = model_align(sizeof(*cleanup), NGX_ALIGNMENT);

        size = size <= model->max ? size : 0;
        cleanup = ngx_pool_cleanup_add(pool, size);
        expected = model_cut(model, header + size, NGX_ALIGNMENT);
        place_check(pool, cleanup, expected.block, expected.offset);
        assert_ptr_equal(cleanup->data,
                         size == 0 ? NULL : (u_char *) cleanup + header);
        return;
    }

    p = random % 2 ? ngx_palloc(pool, size) : ngx_pnalloc(pool, size);
    if (size > model->max) {
        p = pool->large;
        expected = model_cut(model, sizeof(ngx_pool_large_t), NGX_ALIGNMENT);
    } else {
        expected = model_cut(model, size, random % 2 ? NGX_ALIGNMENT : 1);
        if (expected.block == 0) {
            model->array = expected.offset;
        }
    }
    place_check(pool, p, expected.block, expected.offset);
}

static void
check_state(const struct model *model, ngx_pool_t *pool)
{
    const ngx_pool_t *block = pool;
    size_t i;

    assert_int_equal(pool->max, model->max);
    assert_int_equal(place_current(pool), model->current);
    for (i = 0; i < model->count; i++) {
        const u_char *start = (const u_char *) block;

        assert_int_equal(block->d.last - start, model->block[i].last);
        assert_int_equal(block->d.end - start, model->size);
        assert_int_equal(block->d.failed, model->block[i].failed);
        block = block->d.next;
    }
    assert_null(block);
}

static void
model_reset(struct model *model)
{
    size_t i;

    for (i = 0; i < model->count; i++) {
        model->block[i].last =
            i == 0 ? sizeof(ngx_pool_t) : sizeof(ngx_pool_data_t);
        model->block[i].failed = 0;
    }
    model->current = 0;
    model->array = 0;
}

static struct place
model_cut(struct model *model, size_t size, size_t alignment)
{
    size_t n = model->current;
    size_t offset = model_align(model->block[n].last, alignment);

    while (offset + size > model->size) {
        n = model_miss(model, n);
        offset = model_align(model->block[n].last, alignment);
    }
    model->block[n].last = offset + size;
    if (n == 0) {
        model->array = 0;
    }
    while (model->current != n &&
           (model->block[model->current].failed > FAILED_MAX ||
            model->size - model->block[model->current].last <
                model->size / LEFT_PART)) {
        model->current++;
    }
    return (struct place){n, offset};
}

/* Block n could not serve: returns the number of the next one. */
static size_t
model_miss(struct model *model, size_t n)
{
    model->block[n].failed++;
    if (++n == model->count) {
        assert_true(model->count < BLOCKS_MAX);
        model->block[n].last = sizeof(ngx_pool_data_t);
        model->block[n].failed = 0;
        model->count++;
    }
    return n;
}

static size_t
model_align(size_t offset, size_t alignment)
{
    return (offset + alignment - 1) / alignment * alignment;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_layout_of_small_sizes),
        FIXTURE_TEST(test_layout_of_sizes_that_leave_much_free),
        FIXTURE_TEST(test_layout_of_larges_among_small_ones),
        FIXTURE_TEST(test_layout_of_blocks_with_unaligned_ends),
        FIXTURE_TEST(test_layout_of_tiny_pools),
        FIXTURE_TEST(test_layout_after_last_moves_back),
    };

    return GROUP_RUN(tests);
}
