/*
 * A replacement of the system, for a reader of files that is compiled with
 * seam_names.h. Each path names the same file, whose bytes are the caller's.
 * Memory is counted, and refused on demand. One thread.
 */
#ifndef FUZZ_SEAM_H
#define FUZZ_SEAM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Give the file the bytes at data, which the caller keeps. The nth allocation
 * from now is refused, 0 being the next one. */
void seam_begin(const uint8_t *data, size_t size, size_t nth);

/* The number of refused allocations since seam_begin(). */
size_t seam_refusals(void);

/* The number of live blocks and open files. */
size_t seam_live(void);

FILE *seam_fopen(const char *path, const char *mode);
int seam_fclose(FILE *file);
ssize_t seam_getline(char **line, size_t *size, FILE *file);
void *seam_calloc(size_t count, size_t size);
void *seam_realloc(void *p, size_t size);
void seam_free(void *p);

#endif
