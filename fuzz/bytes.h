/*
 * Work on bytes without memset() and memcmp(). AddressSanitizer replaces those,
 * and its checks take longer than the work. No function here is checked.
 */
#ifndef FUZZ_BYTES_H
#define FUZZ_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "asan.h"

enum {
    BYTES_ROWS = 4, /* that are written at a time */
};

/* At any address, of memory of any type. */
typedef uint64_t bytes_row
    __attribute__((vector_size(16), aligned(1), may_alias));

/* Prevents the compiler from making a loop a call. */
#define BYTES_KEEP_LOOP() __asm__ volatile("" ::: "memory")

/* A row of that value. A macro, since not every system's functions can return
 * one. */
#define BYTES_ROW(value)                                                       \
    ((bytes_row){0} + (value) *UINT64_C(0x0101010101010101))

/* Set each of the size bytes at p to value. */
ASAN_UNCHECKED static inline void
bytes_fill(void *p, unsigned char value, size_t size)
{
    const bytes_row row = BYTES_ROW(value);
    unsigned char *bytes = p;
    size_t i;

    for (i = 0; i + BYTES_ROWS * sizeof(row) <= size;
         i += BYTES_ROWS * sizeof(row)) {
        bytes_row *rows = (bytes_row *) (bytes + i);

        rows[0] = rows[1] = rows[2] = rows[3] = row;
        BYTES_KEEP_LOOP();
    }
    for (; i + sizeof(row) <= size; i += sizeof(row)) {
        *(bytes_row *) (bytes + i) = row;
        BYTES_KEEP_LOOP();
    }
    if (size >= sizeof(row)) {
        *(bytes_row *) (bytes + size - sizeof(row)) = row;
        return;
    }
    for (; i < size; i++) {
        bytes[i] = value;
        BYTES_KEEP_LOOP();
    }
}

/* Whether each of the size bytes at p is value. */
ASAN_UNCHECKED static inline int
bytes_are(const void *p, size_t size, unsigned char value)
{
    const bytes_row row = BYTES_ROW(value);
    const unsigned char *bytes = p;
    bytes_row differ = {0};
    size_t i;

    for (i = 0; i + sizeof(row) <= size; i += sizeof(row)) {
        differ |= *(const bytes_row *) (bytes + i) ^ row;
    }
    if (size >= sizeof(row)) {
        differ |= *(const bytes_row *) (bytes + size - sizeof(row)) ^ row;
        return (differ[0] | differ[1]) == 0;
    }
    for (; i < size && bytes[i] == value; i++) {
    }
    return i == size;
}

#endif
