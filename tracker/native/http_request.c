/* The reader of HTTP requests: recognises a plain announce or scrape in the bytes of a connection.
 *
 * Only the requests that clients and proxies usually send are read here: GET of the two paths, HTTP/1.0 or 1.1,
 * without a body. Anything else goes to the server in Python, so that its parser alone decides what is valid; this
 * reader never refuses a request.
 */
#include "http_request.h"

enum { TOKEN = 1, VALUE = 2, TARGET = 4 };

static const char ANNOUNCE_START[] = "GET /announce", SCRAPE_START[] = "GET /scrape";

/* What a byte may be part of: a header's name (RFC 9110, token), its value, a request's target. A target ends at '#'
 * for the parser in Python, and it takes no raw byte beyond ASCII there. */
static const uint8_t CLASSES[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    2, 7, 6, 3, 7, 7, 7, 7, 6, 6, 7, 7, 6, 7, 7, 6,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 6, 6, 6, 6, 6,
    6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 6, 6, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 7, 6, 7, 0,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
};

static bool all(struct slice slice, unsigned class)
{
    unsigned common = class;
    for (size_t at = 0; at < slice.length; at++)
        common &= CLASSES[slice.data[at]];
    return common == class;
}

/* Compare with a lower-case word, whatever the case. */
static bool same(struct slice slice, const void *word, size_t length)
{
    const uint8_t *lower = word;
    if (slice.length != length)
        return false;
    for (size_t at = 0; at < length; at++) {
        uint8_t byte = slice.data[at];
        if (byte >= 'A' && byte <= 'Z')
            byte |= 0x20;
        if (byte != lower[at])
            return false;
    }
    return true;
}

#define SAME(slice, literal) same((slice), (literal), sizeof(literal) - 1)

static struct slice trimmed(struct slice value)
{
    while (value.length && (value.data[0] == ' ' || value.data[0] == '\t')) {
        value.data++;
        value.length--;
    }
    while (value.length && (value.data[value.length - 1] == ' ' || value.data[value.length - 1] == '\t'))
        value.length--;
    return value;
}

/* The kind of request that the bytes so far are, or may become. */
static enum http_kind kind_of(const uint8_t *data, size_t length)
{
    size_t announce = sizeof ANNOUNCE_START - 1, scrape = sizeof SCRAPE_START - 1;
    if (memcmp(data, ANNOUNCE_START, length < announce ? length : announce) == 0)
        return length < announce ? HTTP_PARTIAL : HTTP_ANNOUNCE;
    if (memcmp(data, SCRAPE_START, length < scrape ? length : scrape) == 0)
        return length < scrape ? HTTP_PARTIAL : HTTP_SCRAPE;
    return HTTP_ELSEWHERE;
}

/* Look for the empty line from `seen` on. Returns the length of the head, 0 where it has not ended, and -1 where a
 * line ends in a bare line feed, which the other parser decides about. */
static ptrdiff_t head_end(const uint8_t *data, size_t length, size_t seen)
{
    for (;;) {
        const uint8_t *feed = memchr(data + seen, '\n', length - seen);
        if (!feed)
            return 0;
        size_t at = (size_t)(feed - data);
        if (at == 0 || data[at - 1] != '\r')
            return -1;
        if (at >= 3 && data[at - 2] == '\n')
            return (ptrdiff_t)at + 1;
        seen = at + 1;
    }
}

/* Read the request line up to its line feed; false where it is not as usual. */
static bool read_line(struct slice line, size_t start, struct http_request *out)
{
    static const char version[] = " HTTP/1.";
    const size_t tail = sizeof version; /* the digit stands in the place of the terminating zero */
    if (line.length < start + tail)
        return false;
    struct slice target = {line.data + start, line.length - tail - start};
    uint8_t digit = line.data[line.length - 1];
    if (memcmp(line.data + line.length - tail, version, tail - 1) != 0 || (digit != '0' && digit != '1'))
        return false;
    out->close = digit == '0'; /* uvicorn keeps no connection of HTTP/1.0 */
    out->query = (struct slice){target.data, 0};
    if (target.length == 0)
        return true;
    if (target.data[0] != '?')
        return false;
    out->query = (struct slice){target.data + 1, target.length - 1};
    return all(out->query, TARGET);
}

/* Look at one header; false where it changes how the request is read. */
static bool read_header(struct slice name, struct slice value, struct slice forwarded, struct http_request *out)
{
    switch (name.length) {
    case 6:
        if (SAME(name, "expect"))
            return false;
        break;
    case 7:
        if (SAME(name, "upgrade"))
            return false;
        break;
    case 10:
        if (SAME(name, "connection")) {
            value = trimmed(value);
            out->close |= SAME(value, "close");
            if (!SAME(value, "close") && !SAME(value, "keep-alive"))
                return false;
        }
        break;
    case 14:
        if (SAME(name, "content-length"))
            return false;
        break;
    case 16:
        if (SAME(name, "proxy-connection"))
            return false;
        break;
    case 17:
        if (SAME(name, "transfer-encoding"))
            return false;
        break;
    default:
        break;
    }
    if (forwarded.length && same(name, forwarded.data, forwarded.length)) {
        if (out->forwarded_count == HTTP_FORWARDED_MOST)
            return false;
        out->forwarded[out->forwarded_count++] = trimmed(value);
    }
    return true;
}

static bool read_headers(const uint8_t *data, const uint8_t *end, struct slice forwarded, struct http_request *out)
{
    while (end - data > 2) {
        const uint8_t *feed = memchr(data, '\n', (size_t)(end - data));
        const uint8_t *colon = memchr(data, ':', (size_t)(feed - data));
        if (!colon || colon == data)
            return false;
        struct slice name = {data, (size_t)(colon - data)};
        struct slice value = {colon + 1, (size_t)(feed - 1 - (colon + 1))};
        if (!all(name, TOKEN) || !all(value, VALUE) || !read_header(name, value, forwarded, out))
            return false;
        data = feed + 1;
    }
    return true;
}

void http_read(const uint8_t *data, size_t length, size_t seen, struct slice forwarded, struct http_request *out)
{
    out->kind = length ? kind_of(data, length) : HTTP_PARTIAL;
    out->length = length;
    out->close = false;
    out->forwarded_count = 0;
    if (out->kind == HTTP_PARTIAL || out->kind == HTTP_ELSEWHERE)
        return;
    ptrdiff_t head = head_end(data, length < HTTP_HEAD_MOST ? length : HTTP_HEAD_MOST, seen);
    if (head == 0) {
        out->kind = length < HTTP_HEAD_MOST ? HTTP_PARTIAL : HTTP_ELSEWHERE;
        return;
    }
    size_t start = out->kind == HTTP_ANNOUNCE ? sizeof ANNOUNCE_START - 1 : sizeof SCRAPE_START - 1;
    if (head > 0) {
        const uint8_t *feed = memchr(data, '\n', (size_t)head);
        struct slice line = {data, (size_t)(feed - 1 - data)};
        out->length = (size_t)head;
        if (read_line(line, start, out) && read_headers(feed + 1, data + head, forwarded, out))
            return;
    }
    out->kind = HTTP_ELSEWHERE;
}
