/*
 * The command line of bench.
 */
#ifndef BENCH_PLAN_OPTIONS_H
#define BENCH_PLAN_OPTIONS_H

#include <stdint.h>
#include <stdio.h>

enum {
    OPTIONS_FILES_MAX = 4096, /* bytes of a list of files, the NUL included */
};

struct options {
    const char *label;      /* NULL: made of date and commit */
    const char *filter;     /* a regex, or NULL: all rows */
    const char *allocators; /* names with commas between, or NULL: all */
    const char *sizes;
    const char *workloads;
    const char *results;   /* the folder for results/<label> */
    const char *sizes_dir; /* the folder of the CSV files */
    const char *traces; /* files with commas between, or NULL: those built in */
    const char *ns; /* numbers with commas between, or NULL: quick's or all */
    char mallocs[OPTIONS_FILES_MAX]; /* files with commas between, or "" */
    char plugins[OPTIONS_FILES_MAX];
    int quick;
    int resume;   /* go on with the run called label */
    int force;    /* a run called label may be replaced */
    int rounds;   /* 0: as quick, or the full run, has */
    int has_seed; /* else it is random */
    uint64_t seed;
    int list;
    int help;
};

/*
 * Read argv. The strings stay argv's.
 * Returns 0, or -EINVAL: a message is then on stderr.
 */
int options_parse(struct options *options, int argc, char **argv);

void options_print_help(FILE *out);

#endif
