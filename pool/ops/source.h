/*
 * The calls that a program made, as a C program that makes them again. It needs
 * the public API alone, so it can go with a bug report, or be reduced by hand.
 * Code that executes a program notes each call here before it makes it.
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
    SOURCE_OP,     /* op, the number'th: the calls that follow are its own */
    SOURCE_CREATE, /* pool, of blocks of size bytes */
    SOURCE_PALLOC, /* object, of size bytes, in pool */
    SOURCE_PNALLOC,
    SOURCE_PCALLOC,
    SOURCE_PMEMALIGN,  /* and alignment */
    SOURCE_WRITE,      /* object, all of it */
    SOURCE_TAIL,       /* object, the pool's last, becomes size bytes long */
    SOURCE_FREE,       /* the address object + size bytes; SOURCE_NONE: NULL */
    SOURCE_FREE_STALE, /* where object was */
    SOURCE_FREE_FOREIGN, /* an address that no pool has */
    SOURCE_DROP,         /* object: it must be intact, and is gone then */
    SOURCE_CLEANUP,      /* number, with data of size bytes: object or none */
    SOURCE_CLEANUP_NONE, /* the same, but its handler stays NULL */
    SOURCE_CLEANUP_FILE, /* number, that closes file */
    SOURCE_DELETE_FILE,  /* number, that deletes file */
    SOURCE_CANCEL,       /* number */
    SOURCE_RUN,          /* number, and cancel it */
    SOURCE_RUN_FILE,     /* pool, file */
    SOURCE_RESET,        /* pool */
    SOURCE_DESTROY,      /* pool */
    SOURCE_HANDLER,      /* number's begins, given object or none: the calls
                          * that follow are its own */
    SOURCE_HANDLER_END,
    SOURCE_CACHE_LIMIT, /* size */
    SOURCE_CACHE_TRIM,
    SOURCE_FAIL_ALLOC, /* the system's number'th allocation from here, from 0 */
    SOURCE_FAIL_ABOVE, /* all of the system's of more than size bytes */
    SOURCE_FAIL_CLEARED, /* all of calloc()'s */
    SOURCE_FAIL_FILES,   /* closing or deleting: real files do as they like */
    SOURCE_ANSWER,       /* no call: replaces the answer of the one before */
    SOURCE_CODES,
};

#define SOURCE_NONE UINT32_MAX

/* The result of a call. */
enum source_answer {
    SOURCE_REFUSED, /* NULL, NGX_DECLINED */
    SOURCE_DONE,
    SOURCE_EITHER,
};

struct source_call {
    uint8_t code;   /* enum source_code */
    uint8_t answer; /* enum source_answer, where code has one */
    uint32_t pool;
    uint32_t object; /* those that are live at a time differ */
    uint32_t number; /* of a cleanup: each has its own */
    uint32_t file;   /* a small number */
    uint64_t size;
    uint64_t alignment;
    struct op op;
};

struct source {
    struct source_call *calls;
    size_t count;
    size_t room;
};

/* Start without calls; release with source_done(). */
void source_init(struct source *source);

void source_done(struct source *source);

/* Add a call after the others. Returns 0, or -ENOMEM. */
int source_add(struct source *source, const struct source_call *call);

/* Replace the answer of the call that was added last. */
void source_answer(struct source *source, enum source_answer answer);

/* Add the calls that perform trace. Actions that no pool can do are done by
 * copying. Returns 0, or -ENOMEM. */
int source_add_trace(struct source *source, const struct trace *trace);

/*
 * Print the calls as a C program, whose comment has name. The program ends with
 * 0, or with 1 and the line of the first different answer. Built by
 *     cc -o x x.c $(pkg-config --cflags --libs ngxpool)
 * Failures of the system's memory need glibc, and no AddressSanitizer.
 */
void source_print(const struct source *source, const char *name, FILE *out);

#endif
