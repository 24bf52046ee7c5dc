#include "workloads/order.h"

#include <stdlib.h>

#include "plan/generator.h"

enum {
    ORDER_SEED = 7, /* any number would do, as long as it stays */
};

static void order_shuffle(uint32_t *numbers, size_t n);

uint32_t *
order_create(size_t n, enum order order)
{
    uint32_t *numbers = calloc(n + 1, sizeof(*numbers));

    if (numbers == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        numbers[i] = (uint32_t) (order == ORDER_LIFO ? n - 1 - i : i);
    }
    if (order == ORDER_RANDOM) {
        order_shuffle(numbers, n);
    }
    return numbers;
}

/* All orders are equally likely (Fisher and Yates). */
static void
order_shuffle(uint32_t *numbers, size_t n)
{
    struct generator generator;

    generator_init(&generator, ORDER_SEED);
    for (size_t i = n; i > 1; i--) {
        size_t j = generator_below(&generator, i);
        uint32_t number = numbers[j];

        numbers[j] = numbers[i - 1];
        numbers[i - 1] = number;
    }
}
