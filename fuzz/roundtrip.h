/*
 * The promises of a program's encodings: bytes, ops and text mean the same
 * program. For tests and the ops_decoder target.
 *
 * One thread at a time.
 */
#ifndef FUZZ_ROUNDTRIP_H
#define FUZZ_ROUNDTRIP_H

#include <stddef.h>
#include <stdint.h>

/*
 * Check all functions that read and write programs with data, of size bytes:
 *
 * - decode data, encode the ops, and decode them again;
 * - compare the ops and their sizes with those of a second, simple decoder;
 * - print the ops as text, and parse the text;
 * - parse data as if it were text, also into an output that is too short.
 *
 * Of a long program, only the first ops are checked.
 * Returns NULL, or the promise that does not hold.
 */
const char *roundtrip_check(const uint8_t *data, size_t size);

#endif
