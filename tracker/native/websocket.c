/* The frames of RFC 6455, as far as a server needs them. */
#include "websocket.h"

enum frame_reading frame_read(const uint8_t *data, size_t length, struct frame_head *out)
{
    if (length < 2)
        return FRAME_PART;
    uint8_t opcode = data[0] & 0x0f, reserved = data[0] & 0x70, size = data[1] & 0x7f;
    bool control = opcode & 8;
    out->fin = data[0] & 0x80;
    if (reserved || (opcode & 7) > 2 || (control && (!out->fin || size > CONTROL_MOST)) || !(data[1] & 0x80))
        return FRAME_BAD;
    size_t wide = size < 126 ? 0 : size == 126 ? 2 : 8;
    if (length < 2 + wide)
        return FRAME_PART;
    uint64_t payload = wide ? 0 : size;
    for (size_t at = 0; at < wide; at++)
        payload = payload << 8 | data[2 + at];
    if ((wide == 2 && payload < 126) || (wide == 8 && (payload <= UINT16_MAX || payload >> 63)))
        return FRAME_BAD;
    if (length < 2 + wide + 4)
        return FRAME_PART;
    memcpy(out->mask, data + 2 + wide, 4);
    out->length = payload;
    out->opcode = opcode;
    out->size = (uint8_t)(2 + wide + 4);
    return FRAME_READ;
}

void frame_unmask(uint8_t *data, size_t length, const uint8_t mask[4], uint64_t from)
{
    uint8_t turned[8];
    uint64_t wide, word;
    size_t at = 0;
    for (size_t each = 0; each < 8; each++)
        turned[each] = mask[(from + each) & 3];
    memcpy(&wide, turned, 8);
    for (; at + 8 <= length; at += 8) {
        memcpy(&word, data + at, 8);
        word ^= wide;
        memcpy(data + at, &word, 8);
    }
    for (; at < length; at++)
        data[at] ^= turned[at & 7];
}

size_t frame_write_head(uint8_t out[ANSWER_HEAD_MOST], unsigned opcode, uint64_t length)
{
    size_t wide = length < 126 ? 0 : length <= UINT16_MAX ? 2 : 8;
    out[0] = (uint8_t)(0x80 | opcode);
    out[1] = (uint8_t)(wide == 0 ? length : wide == 2 ? 126 : 127);
    for (size_t at = 0; at < wide; at++)
        out[2 + at] = (uint8_t)(length >> 8 * (wide - 1 - at));
    return 2 + wide;
}

/* How a character goes on: nothing, one to three bytes of 80 to BF, or a second byte of a narrower range. */
enum {
    UTF8_ONE = 1,
    UTF8_TWO = 2,
    UTF8_THREE = 3,
    UTF8_AFTER_E0 = 4, /* A0 to BF, then one */
    UTF8_AFTER_ED = 5, /* 80 to 9F, then one: no surrogates */
    UTF8_AFTER_F0 = 6, /* 90 to BF, then two */
    UTF8_AFTER_F4 = 7  /* 80 to 8F, then two */
};

static uint8_t utf8_begin(uint8_t byte)
{
    if (byte < 0x80)
        return UTF8_WHOLE;
    if (byte < 0xc2 || byte > 0xf4)
        return UTF8_BROKEN;
    if (byte < 0xe0)
        return UTF8_ONE;
    if (byte < 0xf0)
        return byte == 0xe0 ? UTF8_AFTER_E0 : byte == 0xed ? UTF8_AFTER_ED : UTF8_TWO;
    return byte == 0xf0 ? UTF8_AFTER_F0 : byte == 0xf4 ? UTF8_AFTER_F4 : UTF8_THREE;
}

static uint8_t utf8_next(uint8_t state, uint8_t byte)
{
    switch (state) {
    case UTF8_WHOLE:
        return utf8_begin(byte);
    case UTF8_ONE:
    case UTF8_TWO:
    case UTF8_THREE:
        return byte >> 6 == 2 ? (uint8_t)(state - 1) : UTF8_BROKEN;
    case UTF8_AFTER_E0:
        return byte >= 0xa0 && byte <= 0xbf ? UTF8_ONE : UTF8_BROKEN;
    case UTF8_AFTER_ED:
        return byte >= 0x80 && byte <= 0x9f ? UTF8_ONE : UTF8_BROKEN;
    case UTF8_AFTER_F0:
        return byte >= 0x90 && byte <= 0xbf ? UTF8_TWO : UTF8_BROKEN;
    case UTF8_AFTER_F4:
        return byte >= 0x80 && byte <= 0x8f ? UTF8_TWO : UTF8_BROKEN;
    default:
        return UTF8_BROKEN;
    }
}

uint8_t utf8_read(uint8_t state, const uint8_t *data, size_t length)
{
    const uint64_t high = 0x8080808080808080u;
    uint64_t word;
    size_t at = 0;
    while (at < length && state != UTF8_BROKEN) {
        for (; state == UTF8_WHOLE && at + 8 <= length; at += 8) {
            memcpy(&word, data + at, 8);
            if (word & high)
                break;
        }
        if (at < length)
            state = utf8_next(state, data[at++]);
    }
    return state;
}

unsigned close_code_for(const uint8_t *payload, size_t length)
{
    if (length == 0)
        return CLOSE_NORMAL;
    if (length == 1)
        return CLOSE_PROTOCOL_ERROR;
    unsigned code = (unsigned)payload[0] << 8 | payload[1];
    bool known = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1013) || (code >= 3000 && code <= 4999);
    if (!known)
        return CLOSE_PROTOCOL_ERROR;
    return utf8_read(UTF8_WHOLE, payload + 2, length - 2) == UTF8_WHOLE ? CLOSE_NORMAL : CLOSE_BAD_DATA;
}

static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool websocket_is_key(struct slice text)
{
    if (text.length != WEBSOCKET_KEY || text.data[22] != '=' || text.data[23] != '=')
        return false;
    for (size_t at = 0; at < 22; at++)
        if (!text.data[at] || !strchr(BASE64, text.data[at]))
            return false;
    return true;
}

static uint32_t rotate(uint32_t value, int by)
{
    return value << by | value >> (32 - by);
}

/* One block of SHA-1 (RFC 3174), which the handshake asks for; nothing rests on its strength. */
static void sha1_block(uint32_t state[5], const uint8_t block[64])
{
    uint32_t words[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int at = 0; at < 16; at++)
        words[at] = (uint32_t)block[4 * at] << 24 | (uint32_t)block[4 * at + 1] << 16 |
                    (uint32_t)block[4 * at + 2] << 8 | block[4 * at + 3];
    for (int at = 16; at < 80; at++)
        words[at] = rotate(words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16], 1);
    for (int at = 0; at < 80; at++) {
        uint32_t mixed = at < 20   ? ((b & c) | (~b & d)) + 0x5a827999
                         : at < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                         : at < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                                   : (b ^ c ^ d) + 0xca62c1d6;
        uint32_t next = rotate(a, 5) + mixed + e + words[at];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

void websocket_accept(const uint8_t key[WEBSOCKET_KEY], uint8_t out[WEBSOCKET_ACCEPT])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    const size_t said = WEBSOCKET_KEY + sizeof guid - 1; /* 60: with what is appended, two blocks */
    uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t text[128] = {0}, digest[21] = {0};
    memcpy(text, key, WEBSOCKET_KEY);
    memcpy(text + WEBSOCKET_KEY, guid, sizeof guid - 1);
    text[said] = 0x80;
    text[126] = (uint8_t)(8 * said >> 8);
    text[127] = (uint8_t)(8 * said);
    sha1_block(state, text);
    sha1_block(state, text + 64);
    for (int at = 0; at < 20; at++)
        digest[at] = (uint8_t)(state[at / 4] >> (24 - 8 * (at % 4)));
    for (size_t at = 0; at < 7; at++) {
        uint32_t three = (uint32_t)digest[3 * at] << 16 | (uint32_t)digest[3 * at + 1] << 8 | digest[3 * at + 2];
        for (size_t each = 0; each < 4; each++)
            out[4 * at + each] = (uint8_t)BASE64[three >> (18 - 6 * each) & 63];
    }
    out[27] = '=';
}
