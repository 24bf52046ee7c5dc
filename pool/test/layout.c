/*
 * Where each small allocation lies, against a model of nginx's rule that knows
 * nothing of the pool's code: blocks as two numbers, tried one by one.
 */
#include <ngx_config.h>
#include <ngx_core.h>

#include "draw.h"
#include "fixture.h"
#include "place.h"

enum {
    BLOCKS_MAX = 4096,
    FAILED_MAX = 4, /* after one more failure a block is passed */
    STEPS = 4000,
};

/* The blocks in use. */
struct model {
    size_t size; /* of a block */
    size_t max;
    size_t count;
    size_t current;
    struct {
        size_t last;
        size_t failed;
        size_t array; /* the newest allocation's offset; 0: it went back */
    } block[BLOCKS_MAX];
};

static void check_program(size_t size, uint32_t seed, uint32_t most);
static void give_back(struct model *model, ngx_pool_t *pool);
static void check_step(struct model *model, ngx_pool_t *pool, uint32_t drawn,
                       size_t size);
static void check_state(const struct model *model, ngx_pool_t *pool);
static void check_hole(const struct model *model, const ngx_pool_t *pool);
static void model_reset(struct model *model);
static struct place model_cut(struct model *model, size_t size,
                              size_t alignment);
static struct place model_extend(struct model *model, size_t size);
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
test_layout_of_sizes_that_leave_holes(void **state)
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

static void
test_layout_learns_that_a_hole_is_filled(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(1024, NULL);

    (void) state;
    place_leave(pool, 0, 0);
    (void) ngx_palloc(pool, 104);
    place_leave(pool, 1, 104);
    (void) ngx_palloc(pool, 200);
    assert_int_equal(pool->d.hole, 104);
    (void) ngx_pnalloc(pool, 64);
    place_check(pool, ngx_palloc(pool, 50), 2, sizeof(ngx_pool_data_t) + 200);
    assert_int_equal(pool->d.hole, 40);
    (void) ngx_pnalloc(pool, 40);
    (void) ngx_pnalloc(pool, 1);
    assert_int_equal(pool->d.hole, 0);
    ngx_destroy_pool(pool);
}

/* A hole of 50 bytes has 48 behind alignment, but all 50 for ngx_pnalloc(). */
static void
test_layout_finds_an_unaligned_hole(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(1024, NULL);

    (void) state;
    place_leave(pool, 0, 50);
    (void) ngx_palloc(pool, 100);
    assert_int_equal(pool->d.hole, 48);
    place_check(pool, ngx_palloc(pool, 49), 1, sizeof(ngx_pool_data_t) + 104);
    place_check(pool, ngx_pnalloc(pool, 50), 0, 1024 - 50);
    ngx_destroy_pool(pool);
}

/* The window is where most sizes go, and a block's last and end are its own
 * wherever they stand. */
static void
test_layout_moves_the_window_to_much_room(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(1024, NULL);

    (void) state;
    place_leave(pool, 0, 400);
    (void) ngx_palloc(pool, 500);
    assert_int_equal(place_window(pool), 0);
    place_check(pool, ngx_palloc(pool, 104), 0, 1024 - 400);

    place_check(pool, ngx_palloc(pool, 304), 1, sizeof(ngx_pool_data_t) + 504);
    assert_int_equal(place_window(pool), 1);
    assert_int_equal(pool->d.hole, 296);
    assert_int_equal(place_last(pool, 0), 1024 - 296);
    assert_int_equal(place_last(pool, 1), sizeof(ngx_pool_data_t) + 808);

    place_check(pool, ngx_palloc(pool, 200), 0, 1024 - 296);
    assert_int_equal(place_window(pool), 1);
    place_check(pool, ngx_palloc(pool, 16), 0, 1024 - 96);
    assert_int_equal(place_window(pool), 0);
    assert_int_equal(pool->d.hole, 0);
    ngx_destroy_pool(pool);
}

/* A block that is full but for less than what all ask for is left at once. */
static void
test_layout_does_not_keep_a_window_that_nothing_fits(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(4096, NULL);
    size_t walked = 0;
    size_t n;

    (void) state;
    for (n = 0; n < 100; n++) {
        u_char *last = pool->d.last;

        walked += ngx_palloc(pool, 500) != ngx_align_ptr(last, NGX_ALIGNMENT);
    }
    assert_true(walked <= 2 * place_used(pool));
    ngx_destroy_pool(pool);
}

/* As ngx_array_destroy() does: the window's newest bytes come back. */
static void
test_layout_after_last_moves_back(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(1024, NULL);
    u_char *array;
    size_t n;

    (void) state;
    for (n = 0; n < 10; n++) {
        (void) ngx_palloc(pool, pool->max - 200);
        array = ngx_palloc(pool, 150);
        assert_ptr_equal(pool->d.last, array + 150);
        pool->d.last = array;
        assert_ptr_equal(ngx_palloc(pool, 130), array);
        assert_int_equal(place_used(pool), n + 1);
    }
    ngx_destroy_pool(pool);
}

/* Runs a program on a pool and on the model, with resets in between, and with
 * the window's newest allocation given back as ngx_array does. */
static void
check_program(size_t size, uint32_t seed, uint32_t most)
{
    static struct model model;
    ngx_pool_t *pool = ngx_create_pool(size, NULL);
    uint32_t drawn;
    int step;

    model.size = size;
    model.max = pool->max;
    model_reset(&model);
    for (step = 0; step < STEPS; step++) {
        if (draw(&seed) % 300 == 0) {
            ngx_reset_pool(pool);
            model_reset(&model);
        }
        if (draw(&seed) % 20 == 0) {
            give_back(&model, pool);
        }
        drawn = draw(&seed);
        check_step(&model, pool, drawn, draw(&seed) % most);
        check_state(&model, pool);
    }
    ngx_destroy_pool(pool);
}

static void
give_back(struct model *model, ngx_pool_t *pool)
{
    size_t n = place_window(pool);
    size_t array = model->block[n].array;

    if (array != 0) {
        model->block[n].last = array;
        model->block[n].array = 0;
        pool->d.last = (u_char *) place_block(pool, n) + array;
    }
}

static void
check_step(struct model *model, ngx_pool_t *pool, uint32_t drawn, size_t size)
{
    struct place expected;
    ngx_pool_cleanup_t *cleanup;
    void *p;

    if (drawn % 10 == 0) {
        cleanup = ngx_pool_cleanup_add(pool, size <= model->max ? size : 0);
        expected = model_cut(model, sizeof(*cleanup), NGX_ALIGNMENT);
        place_check(pool, cleanup, expected.block, expected.offset);
        if (cleanup->data != NULL) {
            expected = model_cut(model, size, NGX_ALIGNMENT);
            place_check(pool, cleanup->data, expected.block, expected.offset);
        }
        return;
    }

    p = drawn % 2 ? ngx_palloc(pool, size) : ngx_pnalloc(pool, size);
    if (size > model->max) {
        p = pool->large;
        expected = model_cut(model, sizeof(ngx_pool_large_t), NGX_ALIGNMENT);
    } else {
        expected = model_cut(model, size, drawn % 2 ? NGX_ALIGNMENT : 1);
        model->block[expected.block].array = expected.offset;
    }
    place_check(pool, p, expected.block, expected.offset);
}

static void
check_state(const struct model *model, ngx_pool_t *pool)
{
    size_t i;

    assert_int_equal(place_used(pool), model->count);
    assert_int_equal(place_current(pool), model->current);
    assert_int_equal(pool->d.tried, model->count - 1 - model->current);
    for (i = 0; i < model->count; i++) {
        assert_int_equal(place_last(pool, i), model->block[i].last);
        assert_int_equal(place_block(pool, i)->d.failed,
                         model->block[i].failed);
    }
    check_hole(model, pool);
}

/* No block before the window has more room than hole says. */
static void
check_hole(const struct model *model, const ngx_pool_t *pool)
{
    size_t i;

    for (i = model->current; i < place_window(pool); i++) {
        assert_true(model_align(model->block[i].last, NGX_ALIGNMENT) +
                        pool->d.hole >=
                    model->size);
    }
}

static void
model_reset(struct model *model)
{
    model->count = 1;
    model->current = 0;
    model->block[0].last = sizeof(ngx_pool_t);
    model->block[0].failed = 0;
    model->block[0].array = 0;
}

static struct place
model_cut(struct model *model, size_t size, size_t alignment)
{
    size_t i;

    for (i = model->current; i < model->count; i++) {
        size_t offset = model_align(model->block[i].last, alignment);

        if (offset + size <= model->size) {
            model->block[i].last = offset + size;
            model->block[i].array = 0;
            return (struct place){i, offset};
        }
    }
    return model_extend(model, size);
}

static struct place
model_extend(struct model *model, size_t size)
{
    size_t i;

    for (i = model->current; i + 1 < model->count; i++) {
        if (model->block[i].failed++ > FAILED_MAX) {
            model->current = i + 1;
        }
    }
    assert_true(model->count < BLOCKS_MAX);
    i = model->count++;
    model->block[i].last = sizeof(ngx_pool_data_t) + size;
    model->block[i].failed = 0;
    model->block[i].array = 0;
    return (struct place){i, sizeof(ngx_pool_data_t)};
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
        FIXTURE_TEST(test_layout_of_sizes_that_leave_holes),
        FIXTURE_TEST(test_layout_of_larges_among_small_ones),
        FIXTURE_TEST(test_layout_of_blocks_with_unaligned_ends),
        FIXTURE_TEST(test_layout_of_tiny_pools),
        FIXTURE_TEST(test_layout_learns_that_a_hole_is_filled),
        FIXTURE_TEST(test_layout_finds_an_unaligned_hole),
        FIXTURE_TEST(test_layout_moves_the_window_to_much_room),
        FIXTURE_TEST(test_layout_does_not_keep_a_window_that_nothing_fits),
        FIXTURE_TEST(test_layout_after_last_moves_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
