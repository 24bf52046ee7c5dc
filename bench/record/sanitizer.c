/*
 * Programs that are built with a sanitizer. They have a malloc() of their own,
 * and report who called it: a preloaded recorder steps aside.
 */
#include <dlfcn.h>
#include <stddef.h>

#include "raw.h"

/* Without these options, gcc's AddressSanitizer ends a program that has another
 * library before its own. The program's own options and its environment's go
 * first. */
const char *__asan_default_options(void);

__attribute__((visibility("default"))) const char *
__asan_default_options(void)
{
    return "verify_asan_link_order=0";
}

int
raw_has_sanitizer(void)
{
    static const char *const names[] = {
        "__asan_init", "__hwasan_init", "__lsan_init",
        "__msan_init", "__tsan_init",
    };
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (dlsym(RTLD_DEFAULT, names[i]) != NULL) {
            return 1;
        }
    }
    return 0;
}
