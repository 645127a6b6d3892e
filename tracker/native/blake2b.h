/* BLAKE2b (RFC 7693) as far as a keyed hash of a short message needs it: the block of the key is worked in
 * once, so that a hash costs one compression.
 */
#ifndef PEERAGE_BLAKE2B_H
#define PEERAGE_BLAKE2B_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { BLAKE2B_BLOCK = 128, BLAKE2B_KEY_MOST = 64, BLAKE2B_MESSAGE_MOST = 24 };

struct blake2b {
    uint64_t state[8];
};

static const uint64_t blake2b_iv[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

static const uint8_t blake2b_sigma[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static inline uint64_t blake2b_turn(uint64_t word, int by)
{
    return word >> by | word << (64 - by);
}

static inline void blake2b_mix(uint64_t v[16], int a, int b, int c, int d, uint64_t x, uint64_t y)
{
    v[a] += v[b] + x;
    v[d] = blake2b_turn(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = blake2b_turn(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = blake2b_turn(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = blake2b_turn(v[b] ^ v[c], 63);
}

/* Always inlined and its rounds unrolled, so that words of the message that are known to be zero cost nothing. */
__attribute__((always_inline)) static inline void blake2b_compress(uint64_t state[8], const uint64_t m[16],
                                                                   uint64_t counted, bool last)
{
    uint64_t v[16];
    for (int at = 0; at < 8; at++) {
        v[at] = state[at];
        v[at + 8] = blake2b_iv[at];
    }
    v[12] ^= counted;
    if (last)
        v[14] = ~v[14];
#pragma GCC unroll 12
    for (int round = 0; round < 12; round++) {
        const uint8_t *s = blake2b_sigma[round % 10];
        blake2b_mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
        blake2b_mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
        blake2b_mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
        blake2b_mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
        blake2b_mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
        blake2b_mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
        blake2b_mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
        blake2b_mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
    }
    for (int at = 0; at < 8; at++)
        state[at] ^= v[at] ^ v[at + 8];
}

/* The first `words` words of a block, little-endian whatever the machine. */
static inline void blake2b_load(uint64_t *m, const uint8_t *block, int words)
{
    for (int at = 0; at < words; at++) {
        m[at] = 0;
        for (int byte = 7; byte >= 0; byte--)
            m[at] = m[at] << 8 | block[at * 8 + byte];
    }
}

/* Work in a key of 1 to 64 bytes, for digests of `digest` bytes. */
static inline void blake2b_key(struct blake2b *keyed, const uint8_t *key, size_t length, unsigned digest)
{
    uint8_t block[BLAKE2B_KEY_MOST] = {0};
    uint64_t m[16] = {0};
    memcpy(keyed->state, blake2b_iv, sizeof keyed->state);
    keyed->state[0] ^= 0x01010000 ^ (uint64_t)length << 8 ^ digest;
    memcpy(block, key, length);
    blake2b_load(m, block, BLAKE2B_KEY_MOST / 8);
    blake2b_compress(keyed->state, m, BLAKE2B_BLOCK, false);
}

/* The first four bytes of the hash of a message of at most BLAKE2B_MESSAGE_MOST bytes. */
static inline void blake2b_seal(const struct blake2b *keyed, const uint8_t *message, size_t length, uint8_t out[4])
{
    uint8_t block[BLAKE2B_MESSAGE_MOST] = {0};
    uint64_t state[8], m[16] = {0};
    memcpy(state, keyed->state, sizeof state);
    memcpy(block, message, length);
    blake2b_load(m, block, BLAKE2B_MESSAGE_MOST / 8);
    blake2b_compress(state, m, BLAKE2B_BLOCK + length, true);
    for (int at = 0; at < 4; at++)
        out[at] = (uint8_t)(state[0] >> (8 * at));
}

#endif
