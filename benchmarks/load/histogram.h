/* Latencies in buckets 1/32 of a power of two wide: a quantile is off by three per cent at most. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS 32
#define HISTOGRAM_STEP_BITS 5
#define HISTOGRAM_BUCKETS (HISTOGRAM_STEPS * (64 - HISTOGRAM_STEP_BITS + 1))

struct histogram {
    uint64_t count;
    uint64_t longest;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

static inline uint32_t histogram_bucket(uint64_t ns)
{
    if (ns < HISTOGRAM_STEPS)
        return (uint32_t)ns;
    uint32_t shift = 63U - (uint32_t)__builtin_clzll(ns) - HISTOGRAM_STEP_BITS;
    return (shift + 1) * HISTOGRAM_STEPS + (uint32_t)((ns >> shift) - HISTOGRAM_STEPS);
}

/* The smallest latency that falls into a bucket. */
static inline uint64_t histogram_floor(uint32_t bucket)
{
    if (bucket < 2 * HISTOGRAM_STEPS)
        return bucket;
    uint32_t shift = bucket / HISTOGRAM_STEPS - 1;
    return (uint64_t)(bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS) << shift;
}

static inline void histogram_add(struct histogram *histogram, uint64_t ns)
{
    histogram->buckets[histogram_bucket(ns)]++;
    histogram->count++;
    if (ns > histogram->longest)
        histogram->longest = ns;
}

/* The latency in microseconds that a share (0 to 1) of all stayed under; 0 when there were none. */
static inline double histogram_us(const struct histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)((double)histogram->count * share);
    uint64_t seen = 0;
    for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        seen += histogram->buckets[bucket];
        if (seen > wanted)
            return (double)histogram_floor(bucket) / 1e3;
    }
    return (double)histogram->longest / 1e3;
}

#endif
