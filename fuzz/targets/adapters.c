/*
 * adapters: every allocator that is compared with the pool works as
 * bench/allocator.h says, so no wrong allocator is measured. The promises are
 * those of fuzz/regions.h, for regions in any order and of several threads,
 * with resets, single frees, cleanups and trims. A region of a limited
 * allocator gets no more memory than it has. After a trim a thread keeps as
 * much for its pools as it did at first.
 *
 * The first byte chooses the adapter. The rest is a program of version 2
 * without its version, see pool/ops/program.h; so a program of version 2 is an
 * input too. A replay runs an input with each adapter. An adapter whose library
 * is missing, or does not work with this sanitizer, is left out, and named on
 * stderr.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "allocator.h"
#include "op.h"
#include "regions.h"
#include "replay.h"

enum {
    ADAPTERS_MAX = 32,
    INPUT_SIZE_MAX = 64 * 1024,
    FILL_MOST = 64 * 1024, /* bytes of an object */

    /* Of the regions of one number. AddressSanitizer gives each size class
     * addresses of its own, and keeps their shadow. So a campaign's memory
     * grows until each size class has had its greatest number of objects. */
    BYTES_MOST = 2 * 1024 * 1024,
};

/* The adapters whose library is there. */
static struct {
    const struct allocator *allocator;
    void *library;
    struct regions_allocator regions;
} adapters[ADAPTERS_MAX];
static size_t adapters_count;

static size_t chosen; /* index of the adapter of this run */

static size_t first_limit; /* of a thread, before any adapter */

static void adapter_run(size_t nth, const uint8_t *data, size_t size);
static void adapter_add(const struct allocator *allocator, void *library);
static void *adapter_create(size_t size, size_t count);
static void adapter_destroy(void *state);
static void region_fill(void *state);
static void adapter_reset(void *state);
static void *adapter_alloc(void *state, size_t size);
static int adapter_free(void *state, const struct regions_object *object);
static int adapter_cleanup(void *state, size_t *ran);
static void adapter_leave(unsigned thread);
static void adapter_trim(void);
static void trim(void);
static size_t kept_limit(void);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size != 0) {
        adapter_run(data[0] % adapters_count, data, size);
    }
    return 0;
}

void
replay_one(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < adapters_count; i++) {
        adapter_run(i, data, size);
    }
}

/* Runs before all programs, so that the first program finds the same state as
 * the others. One region of each adapter does the work that an adapter does
 * only once. */
__attribute__((constructor)) static void
load(void)
{
    first_limit = kept_limit();
    for (size_t i = 0; i < allocators_count; i++) {
        char reason[ALLOCATOR_REASON_MAX] = "its objects overlap";
        void *library =
            allocators[i]->is_null ? NULL : allocators[i]->open(reason);

        if (library == NULL) {
            fprintf(stderr, "# no %s: %s\n", allocators[i]->name, reason);
        } else if (adapters_count < ADAPTERS_MAX) {
            adapter_add(allocators[i], library);
        }
    }
    if (adapters_count == 0) {
        abort();
    }
}

static void
adapter_add(const struct allocator *allocator, void *library)
{
    adapters[adapters_count].allocator = allocator;
    adapters[adapters_count].library = library;
    adapters[adapters_count].regions = (struct regions_allocator){
        .name = allocator->name,
        .alignment = allocator->alignment,
        .bytes_most = BYTES_MOST,
        /* An empty object of glibc's obstack may lie at a chunk's end, which
         * need not be aligned. */
        .is_empty_anywhere = 1,
        .is_general = allocator->kind == ALLOCATOR_GENERAL,
        .is_bound_to_thread = allocator->is_bound_to_thread,
        .is_limited = allocator->class == ALLOCATOR_LIMIT,
        .frees_newest_only =
            allocator->free == NULL && allocator->free_early == NULL,
        .create = adapter_create,
        .destroy = adapter_destroy,
        .reset = allocator->reset != NULL ? adapter_reset : NULL,
        .alloc = adapter_alloc,
        .free = allocator->free != NULL || allocator->free_early != NULL ||
                        allocator->free_newest != NULL
                    ? adapter_free
                    : NULL,
        .cleanup = allocator->cleanup != NULL ? adapter_cleanup : NULL,
        .leave = adapter_leave,
        .trim = adapter_trim,
    };
    chosen = adapters_count++;
    allocator->destroy(adapter_create(0, 0));
    trim();
}

/* data is a program, except for its first byte. */
static void
adapter_run(size_t nth, const uint8_t *data, size_t size)
{
    static uint8_t program[INPUT_SIZE_MAX];

    if (size == 0 || size > sizeof(program)) {
        return;
    }
    memcpy(program, data, size);
    program[0] = OP_VARIABLE;
    chosen = nth;
    /* This call also runs instrumented code with an engine's first input, which
     * shows that the adapters are instrumented. */
    if (adapters[nth].allocator->entry(adapters[nth].library) == NULL) {
        abort();
    }
    regions_run(&adapters[nth].regions, REGIONS_SCHEDULED, program, size);
}

static void *
adapter_create(size_t size, size_t count)
{
    return adapters[chosen].allocator->create(adapters[chosen].library, size,
                                              count);
}

static void
adapter_destroy(void *state)
{
    if (adapters[chosen].regions.is_limited) {
        region_fill(state);
    }
    adapters[chosen].allocator->destroy(state);
}

/* Takes all that the region has left, and writes to it. */
static void
region_fill(void *state)
{
    if (adapter_alloc(state, SIZE_MAX) != NULL ||
        adapter_alloc(state, SIZE_MAX - FILL_MOST) != NULL) {
        regions_fail("a region has no object that is larger than memory");
    }
    for (size_t size = FILL_MOST; size != 0; size /= 2) {
        unsigned char *p;

        while ((p = adapter_alloc(state, size)) != NULL) {
            p[0] = 1;
            p[size - 1] = 1;
        }
    }
}

static void
adapter_reset(void *state)
{
    adapters[chosen].allocator->reset(state);
}

static void *
adapter_alloc(void *state, size_t size)
{
    return adapters[chosen].allocator->alloc(state, size);
}

/* An object that an early free declines counts as ended, too: it is not used
 * any more. */
static int
adapter_free(void *state, const struct regions_object *object)
{
    const struct allocator *allocator = adapters[chosen].allocator;

    if (allocator->free != NULL) {
        allocator->free(state, object->p);
    } else if (allocator->free_early != NULL) {
        allocator->free_early(state, object->p);
    } else {
        allocator->free_newest(state, object->p);
    }
    return 1;
}

static int
adapter_cleanup(void *state, size_t *ran)
{
    return adapters[chosen].allocator->cleanup(state, ran);
}

static void
adapter_leave(unsigned thread)
{
    (void) thread;
    adapter_trim();
}

static void
adapter_trim(void)
{
    trim();
    if (kept_limit() != first_limit) {
        regions_fail("a trim leaves the thread's limit as it was at first");
    }
}

static void
trim(void)
{
    if (adapters[chosen].allocator->trim != NULL) {
        adapters[chosen].allocator->trim(adapters[chosen].library);
    }
}

static size_t
kept_limit(void)
{
    ngx_pool_cache_stats_t stats;

    ngx_pool_cache_stats(&stats);
    return stats.limit;
}
