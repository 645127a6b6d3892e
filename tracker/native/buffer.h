/* A write buffer of fixed size for replies: what does not fit is left out and remembered. */
#ifndef PEERAGE_BUFFER_H
#define PEERAGE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes that belong to somebody else. */
struct slice {
    const uint8_t *data;
    size_t length;
};

struct buffer {
    uint8_t *at, *end;
    bool overflowed;
};

static inline void put(struct buffer *buffer, const void *data, size_t length)
{
    if ((size_t)(buffer->end - buffer->at) < length) {
        buffer->overflowed = true;
        return;
    }
    if (length)
        memcpy(buffer->at, data, length);
    buffer->at += length;
}

#define put_literal(buffer, literal) put((buffer), (literal), sizeof(literal) - 1)

static inline size_t decimal(uint8_t out[20], uint64_t number)
{
    uint8_t reversed[20];
    size_t length = 0;
    do
        reversed[length++] = (uint8_t)('0' + number % 10);
    while (number /= 10);
    for (size_t at = 0; at < length; at++)
        out[at] = reversed[length - 1 - at];
    return length;
}

static inline void put_number(struct buffer *buffer, uint64_t number)
{
    uint8_t digits[20];
    put(buffer, digits, decimal(digits, number));
}

/* A bencoded string. */
static inline void put_string(struct buffer *buffer, const void *data, size_t length)
{
    put_number(buffer, length);
    put_literal(buffer, ":");
    put(buffer, data, length);
}

#endif
