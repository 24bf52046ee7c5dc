/* For -include: the names of seam.h in place of the C library's. */
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
