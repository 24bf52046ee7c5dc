/*
 * The memory that allocators take from the system, as rows of their own named
 * memory/allocator/sizes/n. For each row a new process makes regions of n
 * allocations that all live at once, about 32 MiB of them, and then destroys
 * them. Nothing is timed and nothing is repeated.
 *
 * main() of a program that measures calls memory_child() first. One thread.
 */
#ifndef BENCH_MEASURE_MEMORY_H
#define BENCH_MEASURE_MEMORY_H

#include <stdint.h>

#include "measure/row.h"
#include "workload.h"

/* The process at a moment, in bytes. */
struct memory_usage {
    uint64_t data;     /* address space that is its own and can be written */
    uint64_t resident; /* anonymous pages */
};

/* By how much the usage grew over that of the process before. */
struct memory_figures {
    uint64_t data;     /* with all regions alive */
    uint64_t resident; /* at the same time */
    uint64_t kept;     /* resident after all have been given back */
};

struct memory_row {
    char name[ROW_NAME_MAX];
    char reason[ROW_REASON_MAX]; /* why there are no figures; "": there are */
    uint32_t contender;          /* as in struct row_key, like the next */
    uint32_t input;
    const char *allocator; /* its name */
    const char *sizes;     /* the distribution's name */
    uint64_t n;            /* allocations of a region */
    uint64_t size;         /* of the largest region */
    uint64_t regions;      /* that live at once */
    uint64_t asked;        /* the bytes of all their allocations */
    struct memory_figures figures;
};

/* How many regions of size bytes on average live at once: as many as ask for
 * 32 MiB, but at least 1, and at most 4096, since a region that holds next to
 * nothing may well take a block. */
uint64_t memory_regions(double size);

/* How many rows have no reason why they cannot be measured. */
size_t memory_runnable(const struct memory_row *rows, size_t count);

/*
 * Measure the plan's rows of memory that have no reason yet. A row that fails
 * gets one, and after Ctrl-C all that are left do. Returns how many failed.
 */
struct plan;
size_t memory_run(struct plan *plan);

/*
 * Read the calling process's usage from /proc, without allocating. Returns 0,
 * or a negative errno.
 */
int memory_read(struct memory_usage *ret_usage);

/* In a process that memory_run() started: measures, and does not return. In any
 * other: returns. */
void memory_child(int argc, char **argv);

#endif
