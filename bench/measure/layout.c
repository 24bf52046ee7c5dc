#include "measure/layout.h"

#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plan/generator.h"
#include "shim/shim.h"

enum {
    LAYOUT_STEP = 16, /* malloc()'s alignment, and the stack's */
    LAYOUT_PAGE = 4096,
};

static int module_open(const char *place, int number,
                       const struct measured **ret_measured, char *error);
static int commit_open(const char *name, int number,
                       const struct measured **ret_measured, char *error);
static int module_path(const char *place, int number, char *path);
static size_t random_offset(struct generator *generator);

int
layout_open(struct layout *layout, int number, char *error)
{
    struct layout opened;
    int err = module_open("shared", number, &opened.shared, error);

    if (err == 0) {
        err = module_open("again", number, &opened.again, error);
    }
    if (err == 0) {
        err = module_open("archive", number, &opened.archive, error);
    }
    if (err == 0) {
        err = commit_open("old", number, &opened.old_commit, error);
    }
    if (err == 0) {
        err = commit_open("new", number, &opened.new_commit, error);
    }
    if (err == 0) {
        *layout = opened;
    }
    return err;
}

/* A module that need not be there: *ret_measured is then NULL. */
static int
commit_open(const char *name, int number, const struct measured **ret_measured,
            char *error)
{
    char path[PATH_MAX];

    *ret_measured = NULL;
    if (module_path(name, number, path) != 0 || access(path, F_OK) != 0) {
        return 0;
    }
    return module_open(name, number, ret_measured, error);
}

/* Local: the modules of a layout define the same names. */
static int
module_open(const char *place, int number, const struct measured **ret_measured,
            char *error)
{
    char path[PATH_MAX];
    int err = module_path(place, number, path);
    const struct measured *found;
    void *module;

    if (err != 0) {
        snprintf(error, LAYOUT_ERROR_MAX, "the path of this program's file: %s",
                 strerror(-err));
        return err;
    }
    module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    found = module != NULL ? dlsym(module, "measured") : NULL;
    if (found == NULL) {
        snprintf(error, LAYOUT_ERROR_MAX, "%s", dlerror());
        return -ENOENT;
    }
    *ret_measured = found;
    return 0;
}

/* path has PATH_MAX bytes. Returns 0, or a negative errno. */
static int
module_path(const char *place, int number, char *path)
{
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    size_t folder;
    int written;

    if (length < 0) {
        return -errno;
    }
    path[length] = '\0';
    folder = (size_t) (strrchr(path, '/') - path);
    written = snprintf(path + folder, PATH_MAX - folder, "/layouts/%s_%d.so",
                       place, number);
    return (size_t) written < PATH_MAX - folder ? 0 : -ENAMETOOLONG;
}

int
layout_run(uint64_t seed, int (*run)(void *data), void *data)
{
    struct generator generator;
    void *heap;
    int result;

    generator_init(&generator, seed);
    heap = malloc(random_offset(&generator));
    shim_keep(heap);
    shim_keep(alloca(random_offset(&generator)));
    result = run(data);
    free(heap);
    return result;
}

/* At least one step. */
static size_t
random_offset(struct generator *generator)
{
    return LAYOUT_STEP *
           (1 + generator_below(generator, LAYOUT_PAGE / LAYOUT_STEP - 1));
}
