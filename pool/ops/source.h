/*
 * The calls that a program made, as a C program that makes them again. The C
 * program needs the public API alone, so it can go with a bug report, or be
 * reduced by hand. Code that executes a program adds each call here before it
 * makes the call.
 *
 * One thread per struct source.
 */
#ifndef POOL_OPS_SOURCE_H
#define POOL_OPS_SOURCE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "op.h"
#include "trace.h"

enum source_code {
    SOURCE_OP,     /* no call: op number starts; the next calls are its own */
    SOURCE_CREATE, /* create pool, with blocks of size bytes */
    SOURCE_PALLOC, /* allocate object, of size bytes, in pool */
    SOURCE_PNALLOC,
    SOURCE_PCALLOC,
    SOURCE_PMEMALIGN,    /* the same, at alignment */
    SOURCE_WRITE,        /* write all bytes of object */
    SOURCE_TAIL,         /* resize object, the pool's last, to size bytes */
    SOURCE_FREE,         /* free object's address + size; SOURCE_NONE: NULL */
    SOURCE_FREE_STALE,   /* free the address that object had */
    SOURCE_FREE_FOREIGN, /* free an address that no pool has */
    SOURCE_DROP,         /* no call: object ends here, and must be intact */
    SOURCE_CLEANUP,      /* add cleanup number; object is its size bytes */
    SOURCE_CLEANUP_NONE, /* the same, but its handler stays NULL */
    SOURCE_CLEANUP_FILE, /* add cleanup number, which closes file */
    SOURCE_DELETE_FILE,  /* add cleanup number, which deletes file */
    SOURCE_CANCEL,       /* clear the handler of cleanup number */
    SOURCE_RUN,          /* run cleanup number, then clear its handler */
    SOURCE_RUN_FILE,     /* run pool's cleanup that closes file */
    SOURCE_RESET,        /* reset pool */
    SOURCE_DESTROY,      /* destroy pool */
    SOURCE_HANDLER,      /* no call: cleanup number's handler starts, with
                          * object; the next calls are its own */
    SOURCE_HANDLER_END,
    SOURCE_CACHE_LIMIT, /* limit the kept blocks to size */
    SOURCE_CACHE_TRIM,
    SOURCE_FAIL_ALLOC,   /* no call: let the system's allocation number fail,
                        * which is 0 for the next one */
    SOURCE_FAIL_ABOVE,   /* let all of more than size bytes fail */
    SOURCE_FAIL_CLEARED, /* let calloc() fail */
    SOURCE_FAIL_FILES,   /* let closing or deleting fail; not printed, since
                          * the C program uses real files */
    SOURCE_ANSWER,       /* no call: replaces the answer of the call before */
    SOURCE_CODES,
};

#define SOURCE_NONE UINT32_MAX

enum source_answer {
    SOURCE_REFUSED, /* NULL or NGX_DECLINED */
    SOURCE_DONE,    /* memory or NGX_OK */
    SOURCE_EITHER,  /* not checked */
};

struct source_call {
    uint8_t code;   /* enum source_code */
    uint8_t answer; /* enum source_answer, for the codes that have a result */
    uint32_t pool;
    uint32_t object; /* no two live objects have the same number */
    uint32_t number; /* no two cleanups have the same number */
    uint32_t file;   /* a small number */
    uint64_t size;
    uint64_t alignment;
    struct op op;
};

struct source {
    struct source_call *calls;
    size_t count;
    size_t capacity;
};

/* Start without calls; release with source_done(). */
void source_init(struct source *source);

void source_done(struct source *source);

/* Add a call after the others. Returns 0, or -ENOMEM. */
int source_add(struct source *source, const struct source_call *call);

/* Set the answer of the last call. */
void source_answer(struct source *source, enum source_answer answer);

/* Add the calls that perform trace. A pool can neither resize nor move an
 * object, so such actions allocate a new one. Returns 0, or -ENOMEM. */
int source_add_trace(struct source *source, const struct trace *trace);

/*
 * Print the calls as a C program. Its first comment has name. The program exits
 * with 0, or with 1 and the line of the first call with another answer. To
 * build it:
 *     cc -o x x.c $(pkg-config --cflags --libs ngxpool)
 * A program that lets allocations fail needs glibc, and no AddressSanitizer.
 */
void source_print(const struct source *source, const char *name, FILE *out);

#endif
