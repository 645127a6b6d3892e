/* The head of an HTTP reply: its status, the length of its body, and whether its connection ends. */
#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* The parsed head of a reply; body_length is -1 where the end of the connection ends the body. */
struct head {
    size_t length;
    int status;
    long body_length;
    bool ends;
};

/* The number in a header line after some spaces; -1 if it has none or too long a one. */
static inline long decimal(const char *text, size_t length)
{
    long value = -1;
    size_t at = 0;
    while (at < length && text[at] == ' ')
        at++;
    for (size_t first = at; at < length && text[at] >= '0' && text[at] <= '9'; at++) {
        if (at - first == 9)
            return -1;
        value = (value < 0 ? 0 : value * 10) + (text[at] - '0');
    }
    return value;
}

static inline void read_header(const char *line, size_t length, struct head *head)
{
    static const char size_name[] = "content-length:";
    static const char ends_name[] = "connection:";
    if (length >= sizeof size_name && !strncasecmp(line, size_name, sizeof size_name - 1))
        head->body_length = decimal(line + sizeof size_name - 1, length - (sizeof size_name - 1));
    if (length >= sizeof ends_name && !strncasecmp(line, ends_name, sizeof ends_name - 1))
        head->ends = memmem(line, length, "lose", 4) != NULL;
}

/* Reads the head of a reply; false while it has not come whole. */
static inline bool read_head(const char *reply, size_t received, struct head *head)
{
    const char *end = memmem(reply, received, "\r\n\r\n", 4);
    if (!end)
        return false;
    *head = (struct head){.length = (size_t)(end - reply) + 4, .body_length = -1};
    if (head->length >= 16 && !memcmp(reply, "HTTP/1.", 7) && reply[8] == ' ') {
        head->status = (int)decimal(reply + 9, 3);
        head->ends = reply[7] == '0';
    }
    for (const char *line = memchr(reply, '\n', head->length); line && ++line < end;
         line = memchr(line, '\n', (size_t)(end + 4 - line))) {
        const char *next = memchr(line, '\r', (size_t)(end + 4 - line));
        read_header(line, next ? (size_t)(next - line) : 0, head);
    }
    return true;
}

#endif
