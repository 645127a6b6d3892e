/* The frames of RFC 6455, as far as a server needs them: heads, masks, UTF-8, close codes and the handshake's key. */
#ifndef PEERAGE_WEBSOCKET_H
#define PEERAGE_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

enum {
    FRAME_CONTINUATION = 0,
    FRAME_TEXT = 1,
    FRAME_BINARY = 2,
    FRAME_CLOSE = 8,
    FRAME_PING = 9,
    FRAME_PONG = 10
};

enum {
    CLOSE_NORMAL = 1000,
    CLOSE_GOING_AWAY = 1001,
    CLOSE_PROTOCOL_ERROR = 1002,
    CLOSE_BAD_DATA = 1007,
    CLOSE_POLICY = 1008,
    CLOSE_TOO_BIG = 1009
};

enum {
    CONTROL_MOST = 125,   /* bytes of a control frame's payload */
    FRAME_HEAD_MOST = 14, /* of a client's frame */
    ANSWER_HEAD_MOST = 10,
    WEBSOCKET_KEY = 24, /* a client's key in base64 */
    WEBSOCKET_ACCEPT = 28
};

struct frame_head {
    uint64_t length; /* of the payload */
    uint8_t size, opcode, mask[4];
    bool fin;
};

enum frame_reading { FRAME_READ, FRAME_PART, FRAME_BAD };

/* Read the head of a client's frame; FRAME_BAD is a breach of the protocol. */
enum frame_reading frame_read(const uint8_t *data, size_t length, struct frame_head *out);

/* Take the mask off a payload, of which `from` bytes were unmasked before. */
void frame_unmask(uint8_t *data, size_t length, const uint8_t mask[4], uint64_t from);

/* Write the head of a server's frame that is the whole message; returns its length. */
size_t frame_write_head(uint8_t out[ANSWER_HEAD_MOST], unsigned opcode, uint64_t length);

enum { UTF8_WHOLE = 0, UTF8_BROKEN = 0xff };

/* Go on reading UTF-8 (RFC 3629) from a state, at first UTF8_WHOLE: between two characters it is that again, and
 * UTF8_BROKEN stays so. */
uint8_t utf8_read(uint8_t state, const uint8_t *data, size_t length);

/* What the payload of a close frame is answered with: CLOSE_NORMAL, or the code of its breach. */
unsigned close_code_for(const uint8_t *payload, size_t length);

/* Whether a text is 16 bytes in base64, as Sec-WebSocket-Key has to be. */
bool websocket_is_key(struct slice text);
void websocket_accept(const uint8_t key[WEBSOCKET_KEY], uint8_t out[WEBSOCKET_ACCEPT]);

#endif
