/* For -include: replaces the C library's functions by those of seam.h. */
#ifndef FUZZ_SEAM_NAMES_H
#define FUZZ_SEAM_NAMES_H

#include <stdlib.h>

#include "seam.h"

#define fopen   seam_fopen
#define fclose  seam_fclose
#define getline seam_getline
#define calloc  seam_calloc
#define realloc seam_realloc
#define free    seam_free

#endif
