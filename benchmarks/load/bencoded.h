/* The check of an announce reply: one bencoded dict with peers and without a failure reason. */
#ifndef BENCODED_H
#define BENCODED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BENCODED_DEPTH 16

struct reply_facts {
    bool has_peers;
    bool failed;
    size_t peers; /* IPv4 and IPv6 together */
};

/* The bytes that the string at the front takes in all, with its content in *start and *size; 0 if it is none. */
static inline size_t bencoded_string(const uint8_t *bytes, size_t length, const uint8_t **start, size_t *size)
{
    size_t at = 0;
    size_t announced = 0;
    while (at < length && at < 8 && bytes[at] >= '0' && bytes[at] <= '9')
        announced = announced * 10 + (size_t)(bytes[at++] - '0');
    if (at == 0 || at >= length || bytes[at] != ':' || announced > length - at - 1)
        return 0;
    *start = bytes + at + 1;
    *size = announced;
    return at + 1 + announced;
}

static inline size_t bencoded_integer(const uint8_t *bytes, size_t length)
{
    size_t at = 1;
    if (at < length && bytes[at] == '-')
        at++;
    size_t digits = at;
    while (at < length && at < 24 && bytes[at] >= '0' && bytes[at] <= '9')
        at++;
    return at > digits && at < length && bytes[at] == 'e' ? at + 1 : 0;
}

/* The bytes that the value at the front takes; 0 if it is not a whole one. */
static inline size_t bencoded_value(const uint8_t *bytes, size_t length)
{
    size_t at = 0;
    unsigned depth = 0;
    do {
        size_t step = 0;
        size_t size;
        const uint8_t *start;
        if (at >= length)
            return 0;
        if (bytes[at] == 'l' || bytes[at] == 'd') {
            step = depth++ < BENCODED_DEPTH ? 1 : 0;
        } else if (bytes[at] == 'e') {
            step = depth > 0 ? 1 : 0;
            depth -= step ? 1 : 0;
        } else if (bytes[at] == 'i') {
            step = bencoded_integer(bytes + at, length - at);
        } else {
            step = bencoded_string(bytes + at, length - at, &start, &size);
        }
        if (!step)
            return 0;
        at += step;
    } while (depth > 0);
    return at;
}

static inline bool bencoded_named(const uint8_t *key, size_t size, const char *name)
{
    return size == strlen(name) && memcmp(key, name, size) == 0;
}

/* Counts the peers of a compact value; false if it is not compact or torn. */
static inline bool compact_peers(const uint8_t *value, size_t length, size_t stride, struct reply_facts *facts)
{
    const uint8_t *start;
    size_t size;
    if (!bencoded_string(value, length, &start, &size) || size % stride)
        return false;
    facts->peers += size / stride;
    return true;
}

/* Reads one reply into *facts; false when it is not a bencoded dict from its first to its last byte. A line end after
 * it is let pass: aquatic_http sends one. */
static inline bool read_announce_reply(const uint8_t *body, size_t length, struct reply_facts *facts)
{
    size_t at = 1;
    memset(facts, 0, sizeof *facts);
    if (length < 2 || body[0] != 'd')
        return false;
    while (at < length && body[at] != 'e') {
        const uint8_t *key;
        size_t size;
        size_t step = bencoded_string(body + at, length - at, &key, &size);
        size_t value = step ? bencoded_value(body + at + step, length - at - step) : 0;
        if (!value)
            return false;
        if (bencoded_named(key, size, "failure reason"))
            facts->failed = true;
        if (bencoded_named(key, size, "peers"))
            facts->has_peers = compact_peers(body + at + step, value, 6, facts);
        if (bencoded_named(key, size, "peers6") && !compact_peers(body + at + step, value, 18, facts))
            return false;
        at += step + value;
    }
    return at + 1 == length || (at + 3 == length && !memcmp(body + at, "e\r\n", 3));
}

#endif
