/* The client's address, from the socket or from trusted proxies' headers; equal to doors/client_address.py. */
#include "client.h"

#include <arpa/inet.h>
#include <string.h>

enum { LONGEST_ADDRESS = 128 };

void address_of(const uint8_t *bytes, size_t length, struct address *out)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (length == 16 && memcmp(bytes, mapped, sizeof mapped) == 0) {
        bytes += 12;
        length = 4;
    }
    memset(out, 0, sizeof *out);
    out->length = (uint8_t)length;
    memcpy(out->bytes, bytes, length);
}

static bool inside(const struct network *network, const struct address *address)
{
    size_t whole = network->bits / 8, rest = network->bits % 8;
    if (network->base.length != address->length || memcmp(network->base.bytes, address->bytes, whole) != 0)
        return false;
    return rest == 0 || (network->base.bytes[whole] ^ address->bytes[whole]) >> (8 - rest) == 0;
}

bool networks_hold(struct networks networks, const struct address *address)
{
    int narrowest = -1;
    bool verdict = false;
    for (size_t at = 0; at < networks.count; at++) {
        const struct network *network = &networks.rows[at];
        if (network->bits > narrowest && inside(network, address)) {
            narrowest = network->bits;
            verdict = network->verdict;
        }
    }
    return verdict;
}

/* inet_pton takes what Python's ipaddress takes, once the text is closed by a zero. */
static bool parse(int family, const uint8_t *text, size_t length, struct address *out)
{
    char closed[INET6_ADDRSTRLEN];
    uint8_t raw[16];
    if (length == 0 || length >= sizeof closed || memchr(text, 0, length))
        return false;
    memcpy(closed, text, length);
    closed[length] = 0;
    if (inet_pton(family, closed, raw) != 1)
        return false;
    address_of(raw, family == AF_INET ? 4 : 16, out);
    return true;
}

/* Whether text is a colon and one to five digits. */
static bool is_port(const uint8_t *text, size_t length)
{
    if (length < 2 || length > 6 || text[0] != ':')
        return false;
    for (size_t at = 1; at < length; at++)
        if (text[at] < '0' || text[at] > '9')
            return false;
    return true;
}

static bool parse_v6(const uint8_t *text, size_t length, struct address *out)
{
    if (text[0] == '[') {
        const uint8_t *end = memchr(text, ']', length);
        size_t inner = end ? (size_t)(end - text) : 0;
        if (inner < 2 || memchr(text + 1, '[', inner - 1))
            return false;
        if (inner + 1 != length && !is_port(end + 1, length - inner - 1))
            return false;
        text++;
        length = inner - 1;
    }
    const uint8_t *zone = memchr(text, '%', length);
    return parse(AF_INET6, text, zone ? (size_t)(zone - text) : length, out);
}

bool address_read(bool v6, struct slice text, struct address *out)
{
    return parse(v6 ? AF_INET6 : AF_INET, text.data, text.length, out);
}

bool address_parse(struct slice text, struct address *out)
{
    const uint8_t *data = text.data;
    size_t length = text.length;
    if (length > LONGEST_ADDRESS)
        return false;
    while (length && (data[0] == ' ' || (data[0] >= '\t' && data[0] <= '\r'))) {
        data++;
        length--;
    }
    while (length && (data[length - 1] == ' ' || (data[length - 1] >= '\t' && data[length - 1] <= '\r')))
        length--;
    if (length == 0)
        return false;
    const uint8_t *colon = memchr(data, ':', length);
    if (!colon)
        return parse(AF_INET, data, length, out);
    size_t host = (size_t)(colon - data);
    if (is_port(colon, length - host) && parse(AF_INET, data, host, out))
        return true;
    return parse_v6(data, length, out);
}

static size_t write_v4(const uint8_t bytes[4], uint8_t out[40])
{
    size_t length = 0;
    for (int at = 0; at < 4; at++) {
        uint8_t digits[20];
        size_t count = decimal(digits, bytes[at]);
        if (at)
            out[length++] = '.';
        memcpy(out + length, digits, count);
        length += count;
    }
    return length;
}

static size_t write_hex(unsigned word, uint8_t *out)
{
    size_t length = 0;
    for (int shift = 12; shift >= 0; shift -= 4)
        if (word >> shift || shift == 0)
            out[length++] = (uint8_t)"0123456789abcdef"[word >> shift & 15];
    return length;
}

/* The longest run of two or more zero words, the first of equals, is written as "::" (RFC 5952). */
static size_t write_v6(const uint8_t bytes[16], uint8_t out[40])
{
    int best = -1, longest = 1;
    for (int at = 0; at < 8; at++) {
        int run = 0;
        while (at + run < 8 && bytes[2 * (at + run)] == 0 && bytes[2 * (at + run) + 1] == 0)
            run++;
        if (run > longest) {
            best = at;
            longest = run;
        }
        at += run;
    }
    size_t length = 0;
    for (int at = 0; at < 8; at++) {
        if (at == best) {
            out[length++] = ':';
            out[length++] = ':';
            at += longest - 1;
            continue;
        }
        if (at && at != best + longest)
            out[length++] = ':';
        length += write_hex((unsigned)bytes[2 * at] << 8 | bytes[2 * at + 1], out + length);
    }
    return length;
}

size_t address_write(const uint8_t *bytes, size_t length, uint8_t out[40])
{
    return length == 4 ? write_v4(bytes, out) : write_v6(bytes, out);
}

/* A list of entries with commas between them, read from its end. */
static enum client rightmost(struct networks trusted, struct slice line, struct address *out)
{
    size_t end = line.length;
    for (;;) {
        size_t start = end;
        while (start && line.data[start - 1] != ',')
            start--;
        if (!address_parse((struct slice){line.data + start, end - start}, out))
            return CLIENT_UNKNOWN;
        if (!networks_hold(trusted, out))
            return CLIENT_KNOWN;
        if (start == 0)
            return CLIENT_ELSEWHERE; /* all of them are proxies: the line before goes on */
        end = start - 1;
    }
}

static bool plain(struct slice line)
{
    for (size_t at = 0; at < line.length; at++)
        if (line.data[at] >= 0x80)
            return false;
    return true;
}

/* The lines of a header as one text with commas between them, a byte at a time. */
struct cursor {
    const struct slice *lines;
    unsigned count, line;
    size_t at;
};

enum { TEXT_END = -1 };

static int peek(const struct cursor *cursor)
{
    const struct slice *line = &cursor->lines[cursor->line];
    if (cursor->at < line->length)
        return line->data[cursor->at];
    return cursor->line + 1 < cursor->count ? ',' : TEXT_END;
}

static int next(struct cursor *cursor)
{
    int byte = peek(cursor);
    if (cursor->at < cursor->lines[cursor->line].length) {
        cursor->at++;
    } else if (byte != TEXT_END) {
        cursor->line++;
        cursor->at = 0;
    }
    return byte;
}

static bool is_one_of(int byte, const char *these)
{
    return byte > 0 && strchr(these, byte);
}

static bool is_name(int byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           is_one_of(byte, "_!#$%&'*+.^`|~-");
}

static void skip_blanks(struct cursor *cursor)
{
    while (is_one_of(peek(cursor), " \t"))
        next(cursor);
}

/* The node of an element, as far as an address can be long. */
struct node {
    uint8_t text[LONGEST_ADDRESS + 1];
    size_t length;
};

static void append(struct node *node, int byte)
{
    if (node->length < sizeof node->text)
        node->text[node->length++] = (uint8_t)byte;
}

static bool read_quoted(struct cursor *cursor, struct node *value)
{
    next(cursor);
    for (;;) {
        int byte = next(cursor);
        if (byte == '"')
            return true;
        if (byte == '\\')
            byte = next(cursor);
        if (byte == TEXT_END)
            return false;
        append(value, byte);
    }
}

/* One `name=value` (RFC 7239, section 4); `is_for` whether its name is that. */
static bool read_pair(struct cursor *cursor, struct node *value, bool *is_for)
{
    char name[4] = {0};
    size_t length = 0;
    value->length = 0;
    while (is_name(peek(cursor))) {
        int byte = next(cursor);
        if (length < 3)
            name[length] = (char)(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
        length++;
    }
    *is_for = length == 3 && memcmp(name, "for", 3) == 0;
    if (length == 0 || next(cursor) != '=')
        return false;
    if (peek(cursor) == '"')
        return read_quoted(cursor, value);
    size_t bytes = 0;
    for (; peek(cursor) != TEXT_END && !is_one_of(peek(cursor), "\",;= \t\n\v\f\r"); bytes++)
        append(value, next(cursor));
    return bytes > 0;
}

/* The elements of a header of RFC 7239. What decides is the last that is no address or no proxy's; where all are proxies,
 * the first. Text that breaks the grammar is refused as a whole. */
static enum client read_elements(struct networks trusted, struct cursor *cursor, struct address *out)
{
    struct node node = {.length = 0}, value;
    struct address address;
    enum client found = CLIENT_KNOWN;
    bool first = true;
    for (;;) {
        skip_blanks(cursor);
        bool is_for = false;
        if (!is_one_of(peek(cursor), ";,") && peek(cursor) != TEXT_END) {
            if (!read_pair(cursor, &value, &is_for))
                return CLIENT_UNKNOWN;
            skip_blanks(cursor);
        }
        if (is_for)
            node = value;
        int separator = next(cursor);
        if (separator == ';')
            continue;
        if (separator != ',' && separator != TEXT_END)
            return CLIENT_UNKNOWN;
        bool known = address_parse((struct slice){node.text, node.length}, &address);
        if (!known || first || !networks_hold(trusted, &address)) {
            found = known ? CLIENT_KNOWN : CLIENT_UNKNOWN;
            *out = address;
        }
        first = false;
        node.length = 0;
        if (separator == TEXT_END)
            return found;
    }
}

enum client client_forwarded(struct networks trusted, const struct http_request *request, bool rfc7239,
                             struct address *out)
{
    for (unsigned at = 0; at < request->forwarded_count; at++)
        if (!plain(request->forwarded[at]))
            return CLIENT_ELSEWHERE;
    if (rfc7239 && request->forwarded_count) {
        struct cursor cursor = {request->forwarded, request->forwarded_count, 0, 0};
        return read_elements(trusted, &cursor, out);
    }
    for (unsigned at = request->forwarded_count; at-- > 0;) {
        enum client found = rightmost(trusted, request->forwarded[at], out);
        if (found != CLIENT_ELSEWHERE)
            return found;
    }
    return CLIENT_KNOWN; /* all of them are proxies, the leftmost is in `out`; without the header, the socket */
}
