/* The header of the PROXY protocol, versions 1 and 2, that a proxy sends before what its client sends; equal to
 * doors/proxy_protocol.py. */
#include "proxy_protocol.h"

#include <string.h>

enum {
    V1_MOST = 107,
    V1_FIELDS = 6,
    V2_HEAD = 16,
    LOCAL = 0x20,
    PROXY = 0x21,
    INET = 1,
    INET6 = 2,
    STREAM = 1,
    DATAGRAM = 2
};

static const uint8_t V1_BEGIN[6] = {'P', 'R', 'O', 'X', 'Y', ' '};
static const uint8_t V2_BEGIN[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

static bool begins(const uint8_t *data, size_t length, const uint8_t *with, size_t count)
{
    return memcmp(data, with, length < count ? length : count) == 0;
}

/* One to five digits without a zero in front, at most 65535. */
static bool is_port(struct slice text)
{
    unsigned port = 0;
    if (text.length == 0 || text.length > 5 || (text.length > 1 && text.data[0] == '0'))
        return false;
    for (size_t at = 0; at < text.length; at++) {
        if (text.data[at] < '0' || text.data[at] > '9')
            return false;
        port = 10 * port + (unsigned)(text.data[at] - '0');
    }
    return port <= 65535;
}

static bool is(struct slice text, const char *word)
{
    return text.length == strlen(word) && memcmp(text.data, word, text.length) == 0;
}

static enum proxied read_line(const uint8_t *data, size_t length, struct address *client)
{
    struct slice fields[V1_FIELDS];
    struct address source, target;
    size_t count = 0, start = 0;
    for (size_t at = 0; at <= length; at++)
        if (at == length || data[at] == ' ') {
            if (count == V1_FIELDS)
                return PROXIED_BAD;
            fields[count++] = (struct slice){data + start, at - start};
            start = at + 1;
        }
    if (count >= 2 && is(fields[1], "UNKNOWN"))
        return PROXIED_READ;
    if (count != V1_FIELDS || !(is(fields[1], "TCP4") || is(fields[1], "TCP6")))
        return PROXIED_BAD;
    bool v6 = is(fields[1], "TCP6");
    if (!address_read(v6, fields[2], &source) || !address_read(v6, fields[3], &target) || !is_port(fields[4]) ||
        !is_port(fields[5]))
        return PROXIED_BAD;
    *client = source;
    return PROXIED_READ;
}

static enum proxied read_v1(const uint8_t *data, size_t length, struct address *client, size_t *used)
{
    size_t most = length < V1_MOST ? length : V1_MOST;
    const uint8_t *feed = memchr(data, '\n', most);
    if (!feed)
        return length < V1_MOST ? PROXIED_PART : PROXIED_BAD;
    size_t line = (size_t)(feed - data);
    if (line <= sizeof V1_BEGIN || data[line - 1] != '\r')
        return PROXIED_BAD;
    *used = line + 1;
    return read_line(data, line - 1, client);
}

static enum proxied read_v2(const uint8_t *data, size_t length, bool packet, struct address *client, size_t *used)
{
    if (length < V2_HEAD)
        return PROXIED_PART;
    size_t whole = V2_HEAD + ((size_t)data[14] << 8 | data[15]), size = 0;
    unsigned family = data[13] >> 4, transport = data[13] & 15;
    if ((data[12] != LOCAL && data[12] != PROXY) || whole > PROXY_HEADER_MOST)
        return PROXIED_BAD;
    if (length < whole)
        return PROXIED_PART;
    *used = whole;
    if (data[12] == LOCAL || data[13] == 0)
        return PROXIED_READ;
    if (transport != (packet ? DATAGRAM : STREAM) || (family != INET && family != INET6))
        return PROXIED_BAD;
    size = family == INET ? 4 : 16;
    if (whole < V2_HEAD + 2 * size + 4)
        return PROXIED_BAD;
    address_of(data + V2_HEAD, size, client);
    return PROXIED_READ;
}

enum proxied proxy_read(const uint8_t *data, size_t length, bool packet, struct address *client, size_t *used)
{
    enum proxied found = PROXIED_BAD;
    if (begins(data, length, V2_BEGIN, sizeof V2_BEGIN))
        found = read_v2(data, length, packet, client, used);
    else if (!packet && begins(data, length, V1_BEGIN, sizeof V1_BEGIN))
        found = read_v1(data, length, client, used);
    return packet && found == PROXIED_PART ? PROXIED_BAD : found;
}
