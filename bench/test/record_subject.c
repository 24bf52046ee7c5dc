/*
 * A program to record: record_subject KIND COUNT.
 *
 *     malloc   COUNT times malloc, calloc, realloc, memalign, and their frees
 *     threads  the same on two threads at once, one freeing what the other made
 *     fork     the same in a child, too
 *     kill     COUNT times malloc, then SIGKILL
 *     talloc   COUNT contexts of talloc's with others below, all kinds of calls
 *     apr      COUNT regions of APR's, one below the other, all kinds of calls
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(RECORD_APR)
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>
#endif

#if defined(RECORD_TALLOC)
#include <talloc.h>
#endif

enum {
    HANDED_MAX = 100000,
};

static int count;
static void *handed[HANDED_MAX];

/* 5 allocations of 100 + 200 + 300 + 400 + 500 bytes, one by resizing; 5
 * frees. */
static void
allocate(void)
{
    for (int i = 0; i < count; i++) {
        char *volatile a = malloc(100);
        char *volatile b = calloc(10, 20);
        void *aligned = NULL;

        memset(a, 1, 100);
        a = realloc(a, 300);
        if (posix_memalign(&aligned, 64, 400) != 0) {
            abort();
        }
        free(b);
        b = realloc(NULL, 500);
        free(aligned);
        free(a);
        free(b);
    }
}

static void *
allocate_and_hand(void *data)
{
    (void) data;
    allocate();
    for (int i = 0; i < count; i++) {
        handed[i] = malloc(600);
    }
    return NULL;
}

#if defined(RECORD_APR)
static apr_status_t
cleanup(void *data)
{
    (void) data;
    return APR_SUCCESS;
}

static apr_status_t
cleanup_allocates(void *pool)
{
    return apr_palloc(pool, 40) != NULL ? APR_SUCCESS : APR_ENOMEM;
}
#endif

/* 7 allocations in each pair of pools, of which 2 are made by cleanups. */
static void
use_apr(void)
{
#if defined(RECORD_APR)
    apr_pool_t *root;
    apr_pool_t *parent;

    apr_initialize();
    apr_pool_create(&root, NULL);
    for (int i = 0; i < count; i++) {
        apr_pool_t *pool;

        apr_pool_create(&parent, root);
        apr_pool_create(&pool, parent);
        (void) apr_palloc(pool, 100);
        (void) apr_pcalloc(parent, 200);
        (void) apr_pstrdup(pool, "twelve bytes");
        (void) apr_psprintf(pool, "%s %d", "nine", 9999);
        apr_pool_cleanup_register(pool, &count, cleanup, apr_pool_cleanup_null);
        apr_pool_cleanup_register(pool, handed, cleanup, apr_pool_cleanup_null);
        apr_pool_cleanup_kill(pool, &count, cleanup);
        apr_pool_cleanup_register(pool, pool, cleanup_allocates,
                                  apr_pool_cleanup_null);
        apr_pool_cleanup_register(parent, parent, cleanup_allocates,
                                  apr_pool_cleanup_null);
        apr_pool_clear(pool);
        (void) apr_palloc(pool, 300);
        apr_pool_destroy(parent);
    }
    apr_terminate();
#endif
}

/* 7 chunks a context, of which one is resized twice: 9 allocations. */
static void
use_talloc(void)
{
#if defined(RECORD_TALLOC)
    for (int i = 0; i < count; i++) {
        char *root = talloc_new(NULL);
        char *below = talloc_size(root, 100);
        char *text = talloc_strdup(below, "twelve bytes");
        int *numbers = talloc_array(below, int, 50);
        char *printed = talloc_asprintf(numbers, "%d", 12345);

        numbers = talloc_realloc(below, numbers, int, 5000);
        printed = talloc_asprintf_append(printed, "%s", "6789");
        (void) talloc_named(text, 30, "name %d", i);
        (void) talloc_zero_size(root, 40);
        (void) _talloc_steal_loc(root, text, __location__);
        talloc_free(below);
        talloc_free(root);
    }
#endif
}

int
main(int argc, char **argv)
{
    const char *what = argc == 3 ? argv[1] : "";
    pthread_t thread;

    count = argc == 3 ? atoi(argv[2]) : 0;
    if (count <= 0 || count > HANDED_MAX) {
        fprintf(stderr, "record_subject: see its source\n");
        return 2;
    }
    if (strcmp(what, "malloc") == 0) {
        allocate();
    } else if (strcmp(what, "threads") == 0) {
        if (pthread_create(&thread, NULL, allocate_and_hand, NULL) != 0) {
            return 1;
        }
        allocate();
        (void) pthread_join(thread, NULL);
        for (int i = 0; i < count; i++) {
            free(handed[i]);
        }
    } else if (strcmp(what, "fork") == 0) {
        pid_t child;

        allocate();
        child = fork();
        if (child == 0) {
            allocate();
            _exit(0);
        }
        (void) waitpid(child, NULL, 0);
    } else if (strcmp(what, "kill") == 0) {
        for (int i = 0; i < count; i++) {
            handed[i] = malloc(100);
        }
        (void) raise(SIGKILL);
    } else if (strcmp(what, "talloc") == 0) {
        use_talloc();
    } else if (strcmp(what, "apr") == 0) {
        use_apr();
    }
    return 0;
}
