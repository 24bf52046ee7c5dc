/*
 * The promises of a program's encodings: bytes, ops and text are one program.
 * For tests and the ops_decoder target.
 *
 * One thread at a time.
 */
#ifndef FUZZ_ROUNDTRIP_H
#define FUZZ_ROUNDTRIP_H

#include <stddef.h>
#include <stdint.h>

/*
 * Take data, of size bytes, through all that reads and writes programs: decoded
 * and encoded again; printed as text, and that parsed; parsed as if they were
 * text. Of a long program, its first ops.
 * Returns NULL, or the promise that does not hold.
 */
const char *roundtrip_check(const uint8_t *data, size_t size);

#endif
