/*
 * The things other than the code that figures depend on: the machine, the
 * compilers, the libraries. They are read when asked for, from /proc, /sys and
 * the build.
 */
#ifndef BENCH_WRITE_MACHINE_H
#define BENCH_WRITE_MACHINE_H

#include "plan/plan.h"
#include "write/json.h"

/* The commit that the program was built from, or "unknown". */
const char *machine_commit(void);

/* The cores that this process may use: a machine may have more. */
int machine_cores(void);

/* The bytes of memory that can be had without swapping: the kernel's guess,
 * which counts its cache of files; else the free memory. */
double machine_memory(void);

/* Write all of it as an object. context is shim_context_json()'s. */
void machine_write(struct json *json, const struct plan *plan,
                   const char *context);

#endif
