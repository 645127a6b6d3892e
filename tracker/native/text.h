/* Hides how a reply is put together in a buffer of fixed size: what does not fit is left out and remembered. */
#ifndef PEERAGE_TEXT_H
#define PEERAGE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes that belong to somebody else. */
struct slice {
    const uint8_t *data;
    size_t length;
};

struct text {
    uint8_t *at, *end;
    bool overflowed;
};

static inline void put(struct text *text, const void *data, size_t length)
{
    if ((size_t)(text->end - text->at) < length) {
        text->overflowed = true;
        return;
    }
    if (length)
        memcpy(text->at, data, length);
    text->at += length;
}

#define put_literal(text, literal) put((text), (literal), sizeof(literal) - 1)

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

static inline void put_number(struct text *text, uint64_t number)
{
    uint8_t digits[20];
    put(text, digits, decimal(digits, number));
}

/* A bencoded string. */
static inline void put_string(struct text *text, const void *data, size_t length)
{
    put_number(text, length);
    put_literal(text, ":");
    put(text, data, length);
}

#endif
