/*
 * The system as a reader of files sees it that is compiled with seam_names.h:
 * one file, whose bytes are the caller's, whatever its path, and memory that is
 * counted and refused on demand. One thread.
 */
#ifndef FUZZ_SEAM_H
#define FUZZ_SEAM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* From now on the file has these bytes, the caller's, and the system refuses
 * the nth allocation, 0 being the next one, and no other. */
void seam_begin(const uint8_t *data, size_t size, size_t nth);

/* How many were refused since then, and how many blocks and files there are. */
size_t seam_refusals(void);
size_t seam_live(void);

FILE *seam_fopen(const char *path, const char *mode);
int seam_fclose(FILE *file);
ssize_t seam_getline(char **line, size_t *size, FILE *file);
void *seam_calloc(size_t count, size_t size);
void *seam_realloc(void *p, size_t size);
void seam_free(void *p);

#endif
