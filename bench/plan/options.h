/*
 * The command line of bench.
 */
#ifndef BENCH_PLAN_OPTIONS_H
#define BENCH_PLAN_OPTIONS_H

#include <stdio.h>

struct options {
    const char *label;      /* NULL: to be made up */
    const char *filter;     /* a regex, or NULL: all rows */
    const char *allocators; /* names with commas between, or NULL: all */
    const char *sizes;
    const char *workloads;
    const char *results;   /* the folder for results/<label> */
    const char *sizes_dir; /* the folder of the CSV files */
    const char *traces; /* files with commas between, or NULL: those built in */
    const char *ns; /* numbers with commas between, or NULL: quick's or all */
    int quick;
    int memory; /* no timed rows */
    int rounds; /* 0: as many as fit */
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
