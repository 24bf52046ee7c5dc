/*
 * A shared library that is opened at run time beside those that the program is
 * linked with. One thread.
 */
#ifndef BENCH_ALLOCATORS_LIBRARY_H
#define BENCH_ALLOCATORS_LIBRARY_H

/*
 * Open the library file. RTLD_LOCAL: no other library gets its functions.
 * RTLD_DEEPBIND: it gets its own ones, even where the program has others of the
 * same name. Returns dlopen()'s handle, or NULL: reason then says why, in at
 * most ALLOCATOR_REASON_MAX bytes. It stays open until library_close().
 */
void *library_open(const char *file, char *reason);
void library_close(void *handle);

/* Find a function of the library or of those that it needs. *ret_function is a
 * pointer to a function. Returns 0, or -1 with a reason as library_open(). */
int library_find(void *handle, const char *name, void *ret_function,
                 char *reason);

/* The same, but the function must be the library's own. */
int library_find_own(void *handle, const char *name, void *ret_function,
                     char *reason);

#endif
