/* The header of the PROXY protocol, versions 1 and 2, that a proxy sends before what its client sends; equal to
 * doors/proxy_protocol.py. */
#ifndef PEERAGE_PROXY_PROTOCOL_H
#define PEERAGE_PROXY_PROTOCOL_H

#include "client.h"

enum { PROXY_HEADER_MOST = 1024 };

enum proxied { PROXIED_PART, PROXIED_BAD, PROXIED_READ };

/* Read the header in front of a stream, or of a packet, where only version 2 is one; `used` are its bytes. Where it names
 * no client, `client` stays as it is. */
enum proxied proxy_read(const uint8_t *data, size_t length, bool packet, struct address *client, size_t *used);

#endif
