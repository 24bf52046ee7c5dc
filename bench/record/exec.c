/*
 * The exec family, watched; preloaded. A program that will not be recorded is
 * noted with the reason, and then started as ever. Where the dynamic linker
 * would complain about the recorder, the recorder's name is left out of
 * LD_PRELOAD.
 *
 * A program's kind is read from its file where the caller is a child that is
 * about to become it. posix_spawn() runs in the parent, whose descriptors other
 * threads use: there no file is opened.
 */
#include <alloca.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "raw.h"

enum {
    EXEC_PATH_SIZE = 1024, /* small, as a caller's stack may be */
    EXEC_START_SIZE = 256, /* of a file: as much as Linux reads of a script */
    EXEC_SCRIPTS = 4, /* that are each other's interpreters, as Linux has */
};

#define PRELOAD "LD_PRELOAD="

/* The environment that the program gets, made of the caller's envp. */
struct exec_environment {
    char *const *envp;
    void *mapped; /* of size bytes: envp's, if it is another one; or NULL */
    size_t size;
};

static const char *exec_library(void);
static struct exec_environment exec_prepare(const char *path, int may_open,
                                            char *const *envp);
static int exec_done(const struct exec_environment *environment, int rc);
static enum raw_why exec_why(const char *path, int may_open,
                             const char *library, const char *preload,
                             char *const *envp);
static enum raw_why exec_kind(const char *path, int scripts);
static enum raw_why exec_elf(int fd, const ElfW(Ehdr) * header);

static const char *exec_variable(char *const *envp, const char *name);
static struct exec_environment exec_without(char *const *envp,
                                            const char *preload);
static const char *exec_find(const char *file, char *space);

#define NEXT(name)                                                             \
    static __typeof__(&name) next;                                             \
    if (next == NULL && raw_next(#name, NULL, &next) != 0) {                   \
        errno = ENOSYS;                                                        \
        return -1;                                                             \
    }

/* The arguments of a function that takes them one by one, as an array; where a
 * pointer to an environment follows them, it is read. */
#define ARGUMENTS(argv, first, ret_envp)                                       \
    do {                                                                       \
        char *const **wants = (ret_envp);                                      \
        size_t count = 1;                                                      \
        va_list list;                                                          \
        va_start(list, first);                                                 \
        while (va_arg(list, char *) != NULL) {                                 \
            count++;                                                           \
        }                                                                      \
        va_end(list);                                                          \
        argv = alloca((count + 1) * sizeof(*argv));                            \
        argv[0] = (char *) (uintptr_t) first;                                  \
        va_start(list, first);                                                 \
        for (size_t i = 1; i <= count; i++) {                                  \
            argv[i] = va_arg(list, char *);                                    \
        }                                                                      \
        if (wants != NULL) {                                                   \
            *wants = va_arg(list, char *const *);                              \
        }                                                                      \
        va_end(list);                                                          \
    } while (0)

#pragma GCC visibility push(default)

int
execve(const char *path, char *const argv[], char *const envp[])
{
    struct exec_environment environment;

    NEXT(execve)
    environment = exec_prepare(path, 1, envp);
    return exec_done(&environment, next(path, argv, environment.envp));
}

int
execvpe(const char *file, char *const argv[], char *const envp[])
{
    struct exec_environment environment;
    char path[EXEC_PATH_SIZE];

    NEXT(execvpe)
    environment = exec_prepare(exec_find(file, path), 1, envp);
    return exec_done(&environment, next(file, argv, environment.envp));
}

int
execv(const char *path, char *const argv[])
{
    return execve(path, argv, environ);
}

int
execvp(const char *file, char *const argv[])
{
    return execvpe(file, argv, environ);
}

int
execl(const char *path, const char *first, ...)
{
    char **argv;

    ARGUMENTS(argv, first, NULL);
    return execve(path, argv, environ);
}

int
execlp(const char *file, const char *first, ...)
{
    char **argv;

    ARGUMENTS(argv, first, NULL);
    return execvpe(file, argv, environ);
}

int
execle(const char *path, const char *first, ...)
{
    char **argv;
    char *const *envp;

    ARGUMENTS(argv, first, &envp);
    return execve(path, argv, envp);
}

int
fexecve(int fd, char *const argv[], char *const envp[])
{
    struct exec_environment environment;

    NEXT(fexecve)
    environment = exec_prepare(NULL, 0, envp);
    return exec_done(&environment, next(fd, argv, environment.envp));
}

int
posix_spawn(pid_t *ret_pid, const char *path,
            const posix_spawn_file_actions_t *actions,
            const posix_spawnattr_t *attributes, char *const argv[],
            char *const envp[])
{
    struct exec_environment environment;

    NEXT(posix_spawn)
    environment = exec_prepare(path, 0, envp);
    return exec_done(&environment, next(ret_pid, path, actions, attributes,
                                        argv, environment.envp));
}

int
posix_spawnp(pid_t *ret_pid, const char *file,
             const posix_spawn_file_actions_t *actions,
             const posix_spawnattr_t *attributes, char *const argv[],
             char *const envp[])
{
    struct exec_environment environment;
    char path[EXEC_PATH_SIZE];

    NEXT(posix_spawnp)
    environment = exec_prepare(exec_find(file, path), 0, envp);
    return exec_done(&environment, next(ret_pid, file, actions, attributes,
                                        argv, environment.envp));
}

#pragma GCC visibility pop

/* The recorder's path, as LD_PRELOAD had it. */
static const char *
exec_library(void)
{
    static const char *name; /* and its address is one in this library */
    Dl_info info;

    if (name == NULL && dladdr((const void *) &name, &info) != 0) {
        name = info.dli_fname;
    }
    return name;
}

/* The environment for the program at path, NULL if that is not known. */
static struct exec_environment
exec_prepare(const char *path, int may_open, char *const *envp)
{
    struct exec_environment environment = {.envp = envp};
    const char *library = exec_library();
    const char *preload = exec_variable(envp, PRELOAD);
    int saved = errno;
    enum raw_why why;

    if (!raw_is_asked() || library == NULL) {
        return environment;
    }
    why = exec_why(path, may_open, library, preload, envp);
    if (why != RAW_WHY_NONE) {
        raw_note(why, 0, path != NULL ? path : "a program by descriptor");
    }
    if ((why == RAW_WHY_MACHINE || why == RAW_WHY_UNREACHABLE) &&
        strncmp(preload, library, strlen(library)) == 0) {
        environment = exec_without(envp, preload + strlen(library));
    }
    errno = saved;
    return environment;
}

/* The program was not started, or beside this one. */
static int
exec_done(const struct exec_environment *environment, int rc)
{
    int saved = errno;

    if (environment->mapped != NULL) {
        (void) munmap(environment->mapped, environment->size);
    }
    errno = saved;
    return rc;
}

static enum raw_why
exec_why(const char *path, int may_open, const char *library,
         const char *preload, char *const *envp)
{
    int is_preloaded = preload != NULL && strstr(preload, library) != NULL;
    enum raw_why why = RAW_WHY_NONE;
    struct stat status = {.st_mode = 0};

    if (path != NULL && stat(path, &status) != 0) {
        return RAW_WHY_NONE; /* there is nothing to start */
    }
    if (path != NULL && may_open) {
        why = exec_kind(path, EXEC_SCRIPTS);
    }
    if (why == RAW_WHY_STATIC || (why == RAW_WHY_MACHINE && is_preloaded)) {
        return why;
    }
    if (((status.st_mode & S_ISUID) != 0 && status.st_uid != getuid()) ||
        ((status.st_mode & S_ISGID) != 0 && status.st_gid != getgid())) {
        return RAW_WHY_SETUID;
    }
    if (!is_preloaded || exec_variable(envp, RAW_FOLDER "=") == NULL) {
        return RAW_WHY_ENVIRONMENT;
    }
    return faccessat(AT_FDCWD, library, R_OK, AT_EACCESS) == 0
               ? RAW_WHY_NONE
               : RAW_WHY_UNREACHABLE;
}

/* The kind of the program at path, or of the interpreter that it names. */
static enum raw_why
exec_kind(const char *path, int scripts)
{
    union {
        ElfW(Ehdr) elf;
        char text[EXEC_START_SIZE];
    } start;
    enum raw_why why = RAW_WHY_NONE;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t size;

    if (fd == -1) {
        return RAW_WHY_NONE;
    }
    size = pread(fd, &start, sizeof(start) - 1, 0);
    if (size > (ssize_t) sizeof(start.elf) &&
        memcmp(start.elf.e_ident, ELFMAG, SELFMAG) == 0) {
        why = exec_elf(fd, &start.elf);
    }
    (void) close(fd);
    if (size > 2 && memcmp(start.text, "#!", 2) == 0 && scripts > 0) {
        char *name = start.text + 2;

        start.text[size] = '\0';
        name += strspn(name, " \t");
        name[strcspn(name, " \t\n")] = '\0';
        why = exec_kind(name, scripts - 1);
    }
    return why;
}

static enum raw_why
exec_elf(int fd, const ElfW(Ehdr) * elf)
{
    /* This library is what the dynamic linker accepts. */
    extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));
    ElfW(Phdr) header;
    size_t i;

    if (elf->e_ident[EI_CLASS] != __ehdr_start.e_ident[EI_CLASS] ||
        elf->e_ident[EI_DATA] != __ehdr_start.e_ident[EI_DATA] ||
        elf->e_machine != __ehdr_start.e_machine) {
        return RAW_WHY_MACHINE;
    }
    for (i = 0; i < elf->e_phnum; i++) {
        off_t at = (off_t) (elf->e_phoff + i * sizeof(header));

        if (pread(fd, &header, sizeof(header), at) != sizeof(header) ||
            header.p_type == PT_INTERP) {
            return RAW_WHY_NONE;
        }
    }
    return RAW_WHY_STATIC;
}

/* The value of name, which ends in '='; NULL: there is none. */
static const char *
exec_variable(char *const *envp, const char *name)
{
    size_t length = strlen(name);

    for (; envp != NULL && *envp != NULL; envp++) {
        if (strncmp(*envp, name, length) == 0) {
            return *envp + length;
        }
    }
    return NULL;
}

/* The environment with others, and what parts them from the name before, for
 * LD_PRELOAD. It is not malloc()'s memory: the caller may be a child of vfork()
 * that stopped another thread within malloc(). */
static struct exec_environment
exec_without(char *const *envp, const char *others)
{
    struct exec_environment environment = {.envp = envp};
    size_t count = 0;
    char **variables;
    char *preload;

    others += strspn(others, ": ");
    while (envp[count] != NULL) {
        count++;
    }
    environment.size =
        (count + 1) * sizeof(*variables) + sizeof(PRELOAD) + strlen(others);
    variables = mmap(NULL, environment.size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (variables == MAP_FAILED) {
        return environment;
    }
    environment.mapped = variables;
    environment.envp = variables;
    preload = (char *) (variables + count + 1);
    memcpy(preload, PRELOAD, sizeof(PRELOAD));
    memcpy(preload + sizeof(PRELOAD) - 1, others, strlen(others) + 1);
    for (; *envp != NULL; envp++) {
        int is_preload = strncmp(*envp, PRELOAD, sizeof(PRELOAD) - 1) == 0;

        if (!is_preload) {
            *variables++ = *envp;
        } else if (*others != '\0') {
            *variables++ = preload;
        }
    }
    return environment;
}

/* Where file is, as execvp() looks for it; NULL: nowhere. */
static const char *
exec_find(const char *file, char *space)
{
    const char *folder = getenv("PATH");

    if (strchr(file, '/') != NULL) {
        return file;
    }
    while (folder != NULL && *folder != '\0') {
        size_t length = strcspn(folder, ":");

        if (length + 1 + strlen(file) < EXEC_PATH_SIZE) {
            memcpy(space, folder, length);
            space[length] = '/';
            memcpy(space + length + 1, file, strlen(file) + 1);
            if (access(space, X_OK) == 0) {
                return space;
            }
        }
        folder += length + (folder[length] == ':');
    }
    return NULL;
}
