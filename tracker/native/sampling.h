/* Samples of what is answered: how long one announce or scrape in so many took, and which client sent it.
 *
 * Written by the thread that answers, without a lock, and read by any; a client may be overwritten while it is read,
 * which mixes two samples. */
#ifndef PEERAGE_SAMPLING_H
#define PEERAGE_SAMPLING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "constants.h"

struct sampling {
    uint32_t turn;
    bool due; /* the request under way is a sample */
    _Atomic uint64_t times[TRANSPORT_COUNT][LATENCY_BUCKETS], nanoseconds[TRANSPORT_COUNT];
    _Atomic uint64_t written;
    _Atomic uint64_t clients[CLIENT_SAMPLES]; /* a ring: SAMPLED_ID bytes of the peer id, and 4 or 6 */
};

static inline uint64_t sampling_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* When a request began, in ns; 0: it is no sample. */
static inline uint64_t sampling_begin(struct sampling *sampling)
{
    if (++sampling->turn % SAMPLE_EVERY)
        return 0;
    sampling->due = true;
    return sampling_clock();
}

static inline void sampling_add(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more, memory_order_relaxed);
}

static inline void sampling_end(struct sampling *sampling, enum transport transport, uint64_t began)
{
    if (!began)
        return;
    uint64_t took = sampling_clock() - began, scaled = took >> LATENCY_SHIFT;
    unsigned bucket = scaled ? 64 - (unsigned)__builtin_clzll(scaled) : 0;
    sampling_add(&sampling->times[transport][bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1], 1);
    sampling_add(&sampling->nanoseconds[transport], took);
    sampling->due = false;
}

/* Note who announces, where that is a sample. */
static inline void sampling_client(struct sampling *sampling, const uint8_t peer_id[PEER_ID], uint8_t address_length)
{
    if (!sampling->due)
        return;
    uint8_t sample[8];
    uint64_t packed, at = atomic_load_explicit(&sampling->written, memory_order_relaxed);
    memcpy(sample, peer_id, SAMPLED_ID);
    sample[SAMPLED_ID] = address_length == 4 ? 4 : 6;
    memcpy(&packed, sample, sizeof packed);
    atomic_store_explicit(&sampling->clients[at % CLIENT_SAMPLES], packed, memory_order_relaxed);
    atomic_store_explicit(&sampling->written, at + 1, memory_order_release);
}

#endif
