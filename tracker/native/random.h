/* Random numbers by SplitMix64, in the order of tracker/random_source.py, and hashing by SipHash-1-3. */
#ifndef PEERAGE_RANDOM_H
#define PEERAGE_RANDOM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* One per thread, or one of the store for the calls that come from Python. Not for secrets. */
struct rng {
    uint64_t state;
};

/* The next number of 0 .. bound-1: the upper half of the next output, scaled by multiply and shift. */
static inline uint32_t rng_below(struct rng *rng, uint32_t bound)
{
    uint64_t state = rng->state += 0x9E3779B97F4A7C15u;
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9u;
    state = (state ^ (state >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)(((state ^ (state >> 31)) >> 32) * bound >> 32);
}

/* The key of the hash tables. Infohashes and addresses are the clients' choice, this is not. */
struct secret {
    uint64_t low, high;
};

static inline uint64_t sip_rotate(uint64_t value, int by)
{
    return value << by | value >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = sip_rotate(v[1], 13) ^ v[0];
    v[0] = sip_rotate(v[0], 32);
    v[2] += v[3];
    v[3] = sip_rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = sip_rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = sip_rotate(v[1], 17) ^ v[2];
    v[2] = sip_rotate(v[2], 32);
}

static inline uint64_t sip_hash(const struct secret *secret, const uint8_t *data, size_t length)
{
    uint64_t v[4] = {secret->low ^ 0x736f6d6570736575u, secret->high ^ 0x646f72616e646f6du,
                     secret->low ^ 0x6c7967656e657261u, secret->high ^ 0x7465646279746573u};
    uint64_t word, last = (uint64_t)length << 56;
    size_t at = 0;
    for (; at + 8 <= length; at += 8) {
        memcpy(&word, data + at, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    for (size_t rest = at; rest < length; rest++)
        last |= (uint64_t)data[rest] << (8 * (rest - at));
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
