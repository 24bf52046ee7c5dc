#include "source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
    FIRST_CAPACITY = 256,

    /* The calls in one C function. A compiler's time grows faster than a
     * function's length. */
    PART_CALLS = 1000,
};

/* The array sizes and helper functions that the C program needs. */
struct needs {
    uint32_t pools;
    uint32_t objects;
    uint32_t cleanups;
    uint32_t files;
    int has_files;
    int has_failures;
    int has_stale;
};

/* The state of the translation of a trace into calls. */
struct translator {
    struct source *source;
    uint32_t *newest;  /* by region: the cleanup that runs next */
    uint32_t *older;   /* by cleanup: the next older one of its region */
    uint32_t cleanups; /* that were added so far */
    uint32_t older_capacity;
};

/* For variables that not every C program uses. */
#define UNUSED "__attribute__((unused))"

static const char about[] =
    "/*\n"
    " * The calls of %s, made again.\n"
    " *\n"
    " *     cc -o x x.c $(pkg-config --cflags --libs ngxpool) && ./x\n"
    " *\n"
    " * Exits with 0, or with 1 and the first line that is not as expected.\n"
    " */\n";

static const char head[] =
    "#include <stdio.h>\n"
    "#include <stdlib.h>\n"
    "#include <string.h>\n"
    "\n"
    "#include <ngx_config.h>\n"
    "#include <ngx_core.h>\n"
    "\n"
    "#include <ngx_palloc.h>\n"
    "\n"
    "#define EXPECT(what) expect(what, __LINE__, #what)\n"
    "\n"
    "struct object {\n"
    "    unsigned char *p;\n"
    "    size_t size;\n"
    "    int is_live;\n"
    "    unsigned char fill; /* the value of each byte */\n"
    "};\n"
    "\n";

static const char helpers[] =
    "__attribute__((unused)) static void\n"
    "expect(int holds, int line, const char *what)\n"
    "{\n"
    "    if (!holds) {\n"
    "        fprintf(stderr, \"%s:%d: expected %s\\n\", __FILE__, line, "
    "what);\n"
    "        _Exit(EXIT_FAILURE);\n"
    "    }\n"
    "}\n"
    "\n"
    "static int\n"
    "is_filled(const unsigned char *p, size_t size, unsigned char fill)\n"
    "{\n"
    "    return size == 0 || (*p == fill && memcmp(p, p + 1, size - 1) == 0);\n"
    "}\n"
    "\n"
    "static void\n"
    "fill(unsigned n)\n"
    "{\n"
    "    static unsigned fills;\n"
    "\n"
    "    objects[n].fill = (unsigned char) (1 + fills++ % 251);\n"
    "    if (objects[n].size != 0) {\n"
    "        memset(objects[n].p, objects[n].fill, objects[n].size);\n"
    "    }\n"
    "}\n"
    "\n"
    "static int\n"
    "is_intact(unsigned n)\n"
    "{\n"
    "    return is_filled(objects[n].p, objects[n].size, objects[n].fill);\n"
    "}\n"
    "\n"
    "/* Makes p, of size bytes, object n. */\n"
    "static int\n"
    "made(unsigned n, void *p, size_t size, size_t alignment)\n"
    "{\n"
    "    if (p == NULL || (uintptr_t) p % alignment != 0) {\n"
    "        return 0;\n"
    "    }\n"
    "    objects[n] = (struct object){.p = p, .size = size, .is_live = 1};\n"
    "    fill(n);\n"
    "    return 1;\n"
    "}\n"
    "\n"
    "/* The same; all bytes must be zero. */\n"
    "__attribute__((unused)) static int\n"
    "made_zeroed(unsigned n, void *p, size_t size)\n"
    "{\n"
    "    return p != NULL && is_filled(p, size, 0) &&\n"
    "           made(n, p, size, NGX_ALIGNMENT);\n"
    "}\n"
    "\n"
    "/* Object n ends here. */\n"
    "__attribute__((unused)) static int\n"
    "dropped(unsigned n)\n"
    "{\n"
    "    objects[n].is_live = 0;\n"
    "    return is_intact(n);\n"
    "}\n"
    "\n";

static const char stale_helper[] =
    "/* The address that object n had, or NULL when a live object has it. */\n"
    "__attribute__((unused)) static void *\n"
    "stale(unsigned n)\n"
    "{\n"
    "    size_t i;\n"
    "\n"
    "    for (i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {\n"
    "        if (objects[i].is_live && objects[i].p == objects[n].p) {\n"
    "            return NULL;\n"
    "        }\n"
    "    }\n"
    "    return objects[n].p;\n"
    "}\n"
    "\n";

static const char files_helper[] =
    "/* Opens file n, and sets the cleanup's data for it. */\n"
    "static void\n"
    "file_open(unsigned n, ngx_pool_cleanup_t *cleanup)\n"
    "{\n"
    "    ngx_pool_cleanup_file_t *data = cleanup->data;\n"
    "\n"
    "    if (files[n].is_open == 0 || fcntl(files[n].fd, F_GETFD) == -1) {\n"
    "        strcpy(files[n].name, \"/tmp/ngxops_XXXXXX\");\n"
    "        files[n].fd = mkstemp(files[n].name);\n"
    "        files[n].is_open = 1;\n"
    "    }\n"
    "    data->fd = files[n].fd;\n"
    "    data->name = (u_char *) files[n].name;\n"
    "    data->log = NULL;\n"
    "}\n"
    "\n"
    "static void\n"
    "files_delete(void)\n"
    "{\n"
    "    size_t n;\n"
    "\n"
    "    for (n = 0; n < sizeof(files) / sizeof(files[0]); n++) {\n"
    "        (void) unlink(files[n].name);\n"
    "    }\n"
    "}\n"
    "\n";

static const char failures_helper[] =
    "#if defined(__SANITIZE_ADDRESS__) || !defined(__GLIBC__)\n"
    "#error \"this replaces malloc(): use glibc, without AddressSanitizer\"\n"
    "#endif\n"
    "\n"
    "void *__libc_malloc(size_t size);\n"
    "void *__libc_calloc(size_t count, size_t size);\n"
    "void *__libc_memalign(size_t alignment, size_t size);\n"
    "\n"
    "static unsigned fail_in; /* 1: the next allocation fails; 0: none */\n"
    "static size_t malloc_most = (size_t) -1; /* larger ones fail */\n"
    "static size_t calloc_most = (size_t) -1;\n"
    "\n"
    "static int\n"
    "fails(size_t size, size_t most)\n"
    "{\n"
    "    return (fail_in != 0 && --fail_in == 0) || size > most;\n"
    "}\n"
    "\n"
    "void *\n"
    "malloc(size_t size)\n"
    "{\n"
    "    return fails(size, malloc_most) ? NULL : __libc_malloc(size);\n"
    "}\n"
    "\n"
    "void *\n"
    "calloc(size_t count, size_t size)\n"
    "{\n"
    "    return fails(count * size, calloc_most)\n"
    "               ? NULL\n"
    "               : __libc_calloc(count, size);\n"
    "}\n"
    "\n"
    "int\n"
    "posix_memalign(void **p, size_t alignment, size_t size)\n"
    "{\n"
    "    *p = fails(size, malloc_most)\n"
    "             ? NULL\n"
    "             : __libc_memalign(alignment, size);\n"
    "    return *p != NULL ? 0 : ENOMEM;\n"
    "}\n"
    "\n"
    "/* The pool keeps large memory only if this comes with malloc(). */\n"
    "size_t\n"
    "malloc_usable_size(void *p)\n"
    "{\n"
    "    static size_t (*usable_size)(void *);\n"
    "\n"
    "    if (usable_size == NULL) {\n"
    "        *(void **) &usable_size = dlsym(RTLD_NEXT, "
    "\"malloc_usable_size\");\n"
    "    }\n"
    "    return usable_size(p);\n"
    "}\n"
    "\n";

static const char idle_handler[] =
    "    (void) data;\n"
    "    EXPECT(!\"this cleanup was cancelled, but runs\");\n";

static struct needs needs_find(const struct source *source);
static void count_raise(uint32_t *count, uint32_t number);
static void print_variables(const struct needs *needs, FILE *out);
static void print_handlers(const struct source *source, FILE *out);
static void print_data_check(const struct source_call *call, FILE *out);
static int has_handler(const struct source_call *call);
static size_t print_handler(const struct source *source, size_t first,
                            FILE *out);
static void print_idle_handlers(const struct source *source, uint32_t cleanups,
                                FILE *out);
static size_t print_parts(const struct source *source, FILE *out);
static void print_main(const struct needs *needs, size_t parts, FILE *out);
static void print_call(const struct source_call *call, FILE *out);
static void print_failures(uint32_t in, uint64_t malloc_most,
                           uint64_t calloc_most, FILE *out);
static void print_alloc(const struct source_call *call, FILE *out);
static void print_free(const struct source_call *call, FILE *out);
static void print_cleanup(const struct source_call *call, FILE *out);
static void print_size(uint64_t size, FILE *out);

static int translate(struct translator *self,
                     const struct trace_action *action);
static int translate_alloc(struct translator *self,
                           const struct trace_action *action);
static int translate_free(struct translator *self, uint32_t pool,
                          uint32_t object);
static int translate_cleanup(struct translator *self,
                             const struct trace_action *action);
static int translate_run(struct translator *self,
                         const struct trace_action *action);

void
source_init(struct source *source)
{
    *source = (struct source){0};
}

void
source_done(struct source *source)
{
    free(source->calls);
    source_init(source);
}

int
source_add(struct source *source, const struct source_call *call)
{
    if (source->count == source->capacity) {
        size_t capacity =
            source->capacity == 0 ? FIRST_CAPACITY : 2 * source->capacity;
        struct source_call *calls =
            realloc(source->calls, capacity * sizeof(*calls));

        if (calls == NULL) {
            return -ENOMEM;
        }
        source->calls = calls;
        source->capacity = capacity;
    }
    source->calls[source->count++] = *call;
    return 0;
}

void
source_answer(struct source *source, enum source_answer answer)
{
    source->calls[source->count - 1].answer = (uint8_t) answer;
}

int
source_add_trace(struct source *source, const struct trace *trace)
{
    struct translator self = {.source = source};
    size_t i;
    int rc = 0;

    self.newest = calloc(trace->regions + 1, sizeof(*self.newest));
    if (self.newest == NULL) {
        return -ENOMEM;
    }
    for (i = 0; i < trace->count && rc == 0; i++) {
        rc = translate(&self, &trace->actions[i]);
    }
    free(self.newest);
    free(self.older);
    return rc;
}

void
source_print(const struct source *source, const char *name, FILE *out)
{
    struct needs needs = needs_find(source);
    size_t parts;

    fprintf(out, about, name);
    if (needs.has_failures) {
        fputs("#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <errno.h>\n",
              out);
    }
    if (needs.has_files) {
        fputs("#include <fcntl.h>\n", out);
    }
    fputs(head, out);
    print_variables(&needs, out);
    fputs(helpers, out);
    if (needs.has_stale) {
        fputs(stale_helper, out);
    }
    if (needs.has_files) {
        fputs(files_helper, out);
    }
    if (needs.has_failures) {
        fputs(failures_helper, out);
    }
    print_handlers(source, out);
    print_idle_handlers(source, needs.cleanups, out);
    parts = print_parts(source, out);
    print_main(&needs, parts, out);
}

static struct needs
needs_find(const struct source *source)
{
    /* No array may be empty in C. */
    struct needs needs = {.pools = 1, .objects = 1, .cleanups = 1};
    size_t i;

    for (i = 0; i < source->count; i++) {
        const struct source_call *call = &source->calls[i];

        count_raise(&needs.pools, call->pool);
        count_raise(&needs.objects, call->object);
        switch ((enum source_code) call->code) {
        case SOURCE_CLEANUP_FILE:
        case SOURCE_DELETE_FILE:
        case SOURCE_RUN_FILE:
            needs.has_files = 1;
            count_raise(&needs.files, call->file);
            /* fall through */
        case SOURCE_CLEANUP:
        case SOURCE_CLEANUP_NONE:
            count_raise(&needs.cleanups, call->number);
            break;
        case SOURCE_FREE_STALE:
            needs.has_stale = 1;
            break;
        case SOURCE_FAIL_ALLOC:
        case SOURCE_FAIL_ABOVE:
        case SOURCE_FAIL_CLEARED:
            needs.has_failures = 1;
            break;
        default:
            break;
        }
    }
    return needs;
}

static void
count_raise(uint32_t *count, uint32_t number)
{
    if (number != SOURCE_NONE && number >= *count) {
        *count = number + 1;
    }
}

static void
print_variables(const struct needs *needs, FILE *out)
{
    fprintf(out,
            "static ngx_pool_t *pools[%" PRIu32 "] " UNUSED ";\n"
            "static struct object objects[%" PRIu32 "];\n"
            "static ngx_pool_cleanup_t *cleanups[%" PRIu32 "] " UNUSED ";\n"
            "static unsigned runs " UNUSED "; /* of handlers */\n",
            needs->pools, needs->objects, needs->cleanups);
    if (needs->has_files) {
        fprintf(out,
                "static struct {\n"
                "    ngx_fd_t fd;\n"
                "    int is_open;\n"
                "    char name[32];\n"
                "} files[%" PRIu32 "];\n",
                needs->files);
    }
    fputc('\n', out);
}

/* Declares all handlers before the first one, since a handler may add a cleanup
 * with any of them. */
static void
print_handlers(const struct source *source, FILE *out)
{
    unsigned runs = 0;
    size_t i;

    for (i = 0; i < source->count; i++) {
        if (has_handler(&source->calls[i])) {
            fprintf(out, "static void cleanup_%" PRIu32 "(void *data);\n",
                    source->calls[i].number);
        }
    }
    for (i = 0; i < source->count; i++) {
        const struct source_call *call = &source->calls[i];

        if (call->code == SOURCE_HANDLER) {
            fprintf(out,
                    "\nstatic void\ncleanup_%" PRIu32
                    "(void *data)\n{\n    EXPECT(runs++ == %u);\n",
                    call->number, runs++);
            print_data_check(call, out);
            i = print_handler(source, i + 1, out);
            fputs("}\n", out);
        }
    }
}

/* Prints the check that a handler gets its data, unchanged. */
static void
print_data_check(const struct source_call *call, FILE *out)
{
    if (call->object == SOURCE_NONE) {
        fprintf(out, "    EXPECT(data == cleanups[%" PRIu32 "]->data);\n",
                call->number);
    } else {
        fprintf(out,
                "    EXPECT(data == objects[%" PRIu32
                "].p && is_intact(%" PRIu32 "));\n",
                call->object, call->object);
    }
}

static int
has_handler(const struct source_call *call)
{
    return call->code == SOURCE_CLEANUP && call->answer == SOURCE_DONE;
}

/* Prints a handler's calls, from first on. Returns the index of its end. */
static size_t
print_handler(const struct source *source, size_t first, FILE *out)
{
    size_t i;

    for (i = first; i < source->count; i++) {
        if (source->calls[i].code == SOURCE_HANDLER_END) {
            break;
        }
        print_call(&source->calls[i], out);
    }
    return i;
}

/* Prints the handlers that never run. They must be there, and fail. */
static void
print_idle_handlers(const struct source *source, uint32_t cleanups, FILE *out)
{
    unsigned char *ran = calloc(cleanups, 1);
    size_t i;

    for (i = 0; ran != NULL && i < source->count; i++) {
        if (source->calls[i].code == SOURCE_HANDLER) {
            ran[source->calls[i].number] = 1;
        }
    }
    for (i = 0; ran != NULL && i < source->count; i++) {
        if (has_handler(&source->calls[i]) && !ran[source->calls[i].number]) {
            fprintf(out,
                    "\nstatic void\ncleanup_%" PRIu32 "(void *data)\n{\n%s}\n",
                    source->calls[i].number, idle_handler);
        }
    }
    free(ran);
}

/* Prints the calls outside of handlers, in functions part_0(), part_1(), ...
 * Returns the number of functions. */
static size_t
print_parts(const struct source *source, FILE *out)
{
    size_t parts = 0;
    size_t calls = 0;
    int is_inside = 0; /* of a handler */
    size_t i;

    for (i = 0; i < source->count; i++) {
        const struct source_call *call = &source->calls[i];

        if (call->code == SOURCE_HANDLER || call->code == SOURCE_HANDLER_END) {
            is_inside = call->code == SOURCE_HANDLER;
            continue;
        }
        if (is_inside) {
            continue;
        }
        if (calls++ % PART_CALLS == 0) {
            fprintf(out, "%s\nstatic void\npart_%zu(void)\n{\n",
                    parts == 0 ? "" : "}\n", parts);
            parts++;
        }
        print_call(call, out);
    }
    if (parts != 0) {
        fputs("}\n", out);
    }
    return parts;
}

static void
print_main(const struct needs *needs, size_t parts, FILE *out)
{
    size_t i;

    fputs("\nint\nmain(void)\n{\n", out);
    for (i = 0; i < parts; i++) {
        fprintf(out, "    part_%zu();\n", i);
    }
    if (needs->has_files) {
        fputs("    files_delete();\n", out);
    }
    fputs("    return EXIT_SUCCESS;\n}\n", out);
}

static void
print_call(const struct source_call *call, FILE *out)
{
    char text[OP_TEXT_SIZE];

    switch ((enum source_code) call->code) {
    case SOURCE_OP:
        (void) op_print(&call->op, text);
        fprintf(out, "\n    /* %" PRIu32 ": %s */\n", call->number, text);
        break;
    case SOURCE_CREATE:
        fprintf(out, "    EXPECT((pools[%" PRIu32 "] = ngx_create_pool(",
                call->pool);
        print_size(call->size, out);
        fprintf(out, ", NULL)) %s NULL);\n",
                call->answer == SOURCE_DONE ? "!=" : "==");
        break;
    case SOURCE_PALLOC:
    case SOURCE_PNALLOC:
    case SOURCE_PCALLOC:
    case SOURCE_PMEMALIGN:
        print_alloc(call, out);
        break;
    case SOURCE_WRITE:
        fprintf(out,
                "    EXPECT(is_intact(%" PRIu32 "));\n    fill(%" PRIu32 ");\n",
                call->object, call->object);
        break;
    case SOURCE_TAIL:
        fprintf(out,
                "    pools[%" PRIu32 "]->d.last = objects[%" PRIu32
                "].p + %" PRIu64 ";\n    objects[%" PRIu32 "].size = %" PRIu64
                ";\n    fill(%" PRIu32 ");\n",
                call->pool, call->object, call->size, call->object, call->size,
                call->object);
        break;
    case SOURCE_FREE:
    case SOURCE_FREE_STALE:
    case SOURCE_FREE_FOREIGN:
        print_free(call, out);
        break;
    case SOURCE_DROP:
        fprintf(out, "    EXPECT(dropped(%" PRIu32 "));\n", call->object);
        break;
    case SOURCE_CLEANUP:
    case SOURCE_CLEANUP_NONE:
    case SOURCE_CLEANUP_FILE:
    case SOURCE_DELETE_FILE:
        print_cleanup(call, out);
        break;
    case SOURCE_CANCEL:
        fprintf(out, "    cleanups[%" PRIu32 "]->handler = NULL;\n",
                call->number);
        break;
    case SOURCE_RUN:
        fprintf(out,
                "    cleanup_%" PRIu32 "(cleanups[%" PRIu32
                "]->data);\n    cleanups[%" PRIu32 "]->handler = NULL;\n",
                call->number, call->number, call->number);
        break;
    case SOURCE_RUN_FILE:
        fprintf(out,
                "    ngx_pool_run_cleanup_file(pools[%" PRIu32
                "], files[%" PRIu32 "].fd);\n",
                call->pool, call->file);
        break;
    case SOURCE_RESET:
        fprintf(out, "    ngx_reset_pool(pools[%" PRIu32 "]);\n", call->pool);
        break;
    case SOURCE_DESTROY:
        fprintf(out, "    ngx_destroy_pool(pools[%" PRIu32 "]);\n", call->pool);
        break;
    case SOURCE_CACHE_LIMIT:
        fputs("    ngx_pool_cache_limit(", out);
        print_size(call->size, out);
        fputs(");\n", out);
        break;
    case SOURCE_CACHE_TRIM:
        fputs("    ngx_pool_cache_trim();\n", out);
        break;
    case SOURCE_FAIL_ALLOC:
        print_failures(call->number + 1, SIZE_MAX, SIZE_MAX, out);
        break;
    case SOURCE_FAIL_ABOVE:
        print_failures(0, call->size, call->size, out);
        break;
    case SOURCE_FAIL_CLEARED:
        print_failures(0, SIZE_MAX, 0, out);
        break;
    case SOURCE_HANDLER:
    case SOURCE_HANDLER_END:
    case SOURCE_FAIL_FILES:
    case SOURCE_ANSWER:
    case SOURCE_CODES:
        break;
    }
}

/* Prints which allocations of the system fail from here on. */
static void
print_failures(uint32_t in, uint64_t malloc_most, uint64_t calloc_most,
               FILE *out)
{
    fprintf(out, "    fail_in = %" PRIu32 ";\n    malloc_most = ", in);
    print_size(malloc_most, out);
    fputs(";\n    calloc_most = ", out);
    print_size(calloc_most, out);
    fputs(";\n", out);
}

static void
print_alloc(const struct source_call *call, FILE *out)
{
    static const char *const names[SOURCE_CODES] = {
        [SOURCE_PALLOC] = "palloc",
        [SOURCE_PNALLOC] = "pnalloc",
        [SOURCE_PCALLOC] = "pcalloc",
        [SOURCE_PMEMALIGN] = "pmemalign",
    };
    int is_made = call->answer == SOURCE_DONE;

    fputs("    EXPECT(", out);
    if (is_made) {
        fprintf(out, "%s(%" PRIu32 ", ",
                call->code == SOURCE_PCALLOC ? "made_zeroed" : "made",
                call->object);
    }
    fprintf(out, "ngx_%s(pools[%" PRIu32 "], ", names[call->code], call->pool);
    print_size(call->size, out);
    if (call->code == SOURCE_PMEMALIGN) {
        fputs(", ", out);
        print_size(call->alignment, out);
    }
    if (!is_made) {
        fputs(") == NULL);\n", out);
        return;
    }
    fputs("), ", out);
    print_size(call->size, out);
    if (call->code == SOURCE_PMEMALIGN) {
        fputs(", ", out);
        print_size(call->alignment, out);
    } else if (call->code != SOURCE_PCALLOC) {
        fputs(call->code == SOURCE_PNALLOC ? ", 1" : ", NGX_ALIGNMENT", out);
    }
    fputs("));\n", out);
}

static void
print_free(const struct source_call *call, FILE *out)
{
    static const char *const answers[] = {
        [SOURCE_REFUSED] = " == NGX_DECLINED);\n",
        [SOURCE_DONE] = " == NGX_OK);\n",
        [SOURCE_EITHER] = ";\n",
    };

    fprintf(out, "    %sngx_pfree(pools[%" PRIu32 "], ",
            call->answer == SOURCE_EITHER ? "(void) " : "EXPECT(", call->pool);
    if (call->code == SOURCE_FREE_FOREIGN) {
        fputs("pools", out);
    } else if (call->object == SOURCE_NONE) {
        fputs("NULL", out);
    } else if (call->code == SOURCE_FREE_STALE) {
        fprintf(out, "stale(%" PRIu32 ")", call->object);
    } else {
        fprintf(out, "objects[%" PRIu32 "].p", call->object);
    }
    if (call->size != 0) {
        fprintf(out, " + %" PRIu64, call->size);
    }
    fprintf(out, ")%s", answers[call->answer]);
}

static void
print_cleanup(const struct source_call *call, FILE *out)
{
    int is_file =
        call->code == SOURCE_CLEANUP_FILE || call->code == SOURCE_DELETE_FILE;

    fprintf(out,
            "    EXPECT((cleanups[%" PRIu32
            "] = ngx_pool_cleanup_add(pools[%" PRIu32 "], ",
            call->number, call->pool);
    if (is_file) {
        fputs("sizeof(ngx_pool_cleanup_file_t)", out);
    } else {
        print_size(call->size, out);
    }
    if (call->answer != SOURCE_DONE) {
        fputs(")) == NULL);\n", out);
        return;
    }
    fprintf(out,
            ")) != NULL);\n    EXPECT(cleanups[%" PRIu32
            "]->handler == NULL);\n",
            call->number);
    if (is_file) {
        fprintf(out,
                "    file_open(%" PRIu32 ", cleanups[%" PRIu32
                "]);\n    cleanups[%" PRIu32 "]->handler = ngx_pool_%s_file;\n",
                call->file, call->number, call->number,
                call->code == SOURCE_DELETE_FILE ? "delete" : "cleanup");
        return;
    }
    if (call->object != SOURCE_NONE) {
        fprintf(out,
                "    EXPECT(made(%" PRIu32 ", cleanups[%" PRIu32
                "]->data, %" PRIu64 ", NGX_ALIGNMENT));\n",
                call->object, call->number, call->size);
    }
    if (call->code == SOURCE_CLEANUP) {
        fprintf(out,
                "    cleanups[%" PRIu32 "]->handler = cleanup_%" PRIu32 ";\n",
                call->number, call->number);
    }
}

static void
print_size(uint64_t size, FILE *out)
{
    fprintf(out, size > INT32_MAX ? "%" PRIu64 "u" : "%" PRIu64, size);
}

static int
translate(struct translator *self, const struct trace_action *action)
{
    struct source_call call = {
        .answer = SOURCE_DONE,
        .pool = action->region,
        .object = action->object,
        .size = action->size,
    };
    int rc;

    switch ((enum trace_code) action->code) {
    case TRACE_CREATE:
        self->newest[action->region] = SOURCE_NONE;
        call.code = SOURCE_CREATE;
        break;
    case TRACE_ALLOC:
        return translate_alloc(self, action);
    case TRACE_RESIZE:
        rc = translate_alloc(self, action);
        return rc != 0 ? rc
                       : translate_free(self, action->region, action->other);
    case TRACE_FREE:
        return translate_free(self, action->region, action->object);
    case TRACE_STEAL:
        call.code = SOURCE_DROP;
        rc = source_add(self->source, &call);
        return rc != 0 ? rc : translate_alloc(self, action);
    case TRACE_DROP:
        call.code = SOURCE_DROP;
        break;
    case TRACE_CLEANUP:
        return translate_cleanup(self, action);
    case TRACE_CLEANUP_RUN:
        return translate_run(self, action);
    case TRACE_RESET:
    case TRACE_DESTROY:
        call.code = action->code == TRACE_RESET ? SOURCE_RESET : SOURCE_DESTROY;
        break;
    case TRACE_CODES:
        return 0;
    }
    return source_add(self->source, &call);
}

static int
translate_alloc(struct translator *self, const struct trace_action *action)
{
    struct source_call call = {
        .code = action->alignment != 0         ? SOURCE_PMEMALIGN
                : action->kind == TRACE_PACKED ? SOURCE_PNALLOC
                : action->kind == TRACE_ZEROED ? SOURCE_PCALLOC
                                               : SOURCE_PALLOC,
        .answer = SOURCE_DONE,
        .pool = action->region,
        .object = action->object,
        .size = action->size,
        .alignment = (uint64_t) 1 << action->alignment,
    };

    return source_add(self->source, &call);
}

/* Either answer is right, since a trace does not know whether the pool treats
 * the object as large. */
static int
translate_free(struct translator *self, uint32_t pool, uint32_t object)
{
    struct source_call call = {
        .code = SOURCE_DROP, .pool = pool, .object = object};
    int rc = source_add(self->source, &call);

    call.code = SOURCE_FREE;
    call.answer = SOURCE_EITHER;
    return rc != 0 ? rc : source_add(self->source, &call);
}

static int
translate_cleanup(struct translator *self, const struct trace_action *action)
{
    struct source_call call = {
        .code = SOURCE_CLEANUP,
        .answer = SOURCE_DONE,
        .pool = action->region,
        .object = SOURCE_NONE,
        .number = self->cleanups,
        .size = action->size,
    };

    if (self->cleanups == self->older_capacity) {
        uint32_t capacity = self->older_capacity == 0
                                ? FIRST_CAPACITY
                                : 2 * self->older_capacity;
        uint32_t *older = realloc(self->older, capacity * sizeof(*older));

        if (older == NULL) {
            return -ENOMEM;
        }
        self->older = older;
        self->older_capacity = capacity;
    }
    self->older[self->cleanups] = self->newest[action->region];
    self->newest[action->region] = self->cleanups++;
    return source_add(self->source, &call);
}

/* Adds the run of the newest cleanup. At the pool's end the pool itself makes
 * the call. */
static int
translate_run(struct translator *self, const struct trace_action *action)
{
    struct source_call call = {
        .code = SOURCE_RUN,
        .pool = action->region,
        .number = self->newest[action->region],
    };
    int rc = 0;

    self->newest[action->region] = self->older[call.number];
    if (action->kind != TRACE_AT_END) {
        rc = source_add(self->source, &call);
    }
    call.code = SOURCE_HANDLER;
    call.object = SOURCE_NONE;
    if (rc == 0) {
        rc = source_add(self->source, &call);
    }
    call.code = SOURCE_HANDLER_END;
    return rc != 0 ? rc : source_add(self->source, &call);
}
