/* SHA-256 (FIPS 180-4), for the digests of the table of tests. */

#ifndef SHA256_H
#define SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct sha256 {
    uint32_t state[8];
    uint8_t block[64];
    size_t filled;
    uint64_t bytes;
} sha256;

void sha256_begin(sha256 *hash);
void sha256_add(sha256 *hash, const uint8_t *bytes, size_t len);
/* Writes 64 characters and a NUL. */
void sha256_end(sha256 *hash, char hex[65]);

#endif
