#include "group.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int is_listed(const char *name, const char *names);
static int is_set(const char *name, const char *value);
static int passes(const struct CMUnitTest *test);

int
group_run(const struct CMUnitTest *tests, size_t count)
{
    const char *only = getenv("TEST_ONLY");
    int is_reversed = is_set("TEST_ORDER", "reverse");
    int fails_fast = is_set("TEST_FAIL_FAST", "1");
    size_t run = 0;
    size_t failed = 0;
    size_t i;

    for (i = 0; i < count && !(fails_fast && failed != 0); i++) {
        const struct CMUnitTest *test = &tests[is_reversed ? count - 1 - i : i];

        if (is_set("TEST_LIST", "1")) {
            (void) puts(test->name);
        } else if (only == NULL || is_listed(test->name, only)) {
            run++;
            failed += !passes(test);
        }
    }
    if (is_set("TEST_LIST", "1")) {
        return EXIT_SUCCESS;
    }
    printf("%zu tests, %zu failed\n", run, failed);
    return run != 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* names: separated by commas. */
static int
is_listed(const char *name, const char *names)
{
    size_t size = strlen(name);
    size_t length = strcspn(names, ",");

    while (length != size || memcmp(names, name, size) != 0) {
        if (names[length] == '\0') {
            return 0;
        }
        names += length + 1;
        length = strcspn(names, ",");
    }
    return 1;
}

static int
is_set(const char *name, const char *value)
{
    const char *found = getenv(name);

    return found != NULL && strcmp(found, value) == 0;
}

static int
passes(const struct CMUnitTest *test)
{
    pid_t child;
    int status;

    (void) fflush(stdout);
    (void) fflush(stderr);
    child = fork();
    if (child < 0) {
        perror("fork");
        return 0;
    }
    if (child == 0) {
        exit(_cmocka_run_group_tests(test->name, test, 1, NULL, NULL));
    }
    while (waitpid(child, &status, 0) != child) {
        if (errno != EINTR) {
            return 0;
        }
    }
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "%s: ended by signal %d\n", test->name,
                WTERMSIG(status));
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}
