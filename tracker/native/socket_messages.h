/* WebTorrent's messages in JSON: the usual ones are read here, any other by Python; all are written here, equal to
 * bittorrent/webtorrent.py. */
#ifndef PEERAGE_SOCKET_MESSAGES_H
#define PEERAGE_SOCKET_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "constants.h"

enum { MESSAGE_REST_MOST = 1024 }; /* bytes of a message that is written, beside what it passes on, unless it is a scrape's */

/* A WebRTC session description: two JSON strings as they came, without their quotation marks. */
struct description {
    struct slice type, sdp;
};

struct socket_offer {
    uint8_t id[OFFER_ID];
    struct description description;
};

/* A message that can be carried out: an announce with offers or with an answer, or a scrape. */
struct socket_message {
    bool scrapes, answers;
    uint8_t event;
    int8_t seeder;                        /* -1: it is not said */
    int64_t numwant, uploaded, downloaded; /* -1: it is not said */
    uint8_t infohash[INFOHASH], peer_id[PEER_ID];
    uint8_t to[PEER_ID], answer_id[OFFER_ID];
    struct description answer;
    unsigned offers, hashes;
    struct socket_offer offer[MOST_OFFERS]; /* the first ones, where there are more */
    uint8_t scraped[SCRAPE_HASHES][INFOHASH];
};

/* Read a message of valid UTF-8; false where it is refused, or so unusual that Python has to decide what it says. What
 * is not of valid UTF-8 is safe to be read, too. */
bool message_read(const uint8_t *data, size_t length, struct socket_message *out);

void put_announce_reply(struct buffer *out, const uint8_t infohash[INFOHASH], uint64_t complete, uint64_t incomplete,
                        uint32_t interval, struct slice warning);
void put_relayed(struct buffer *out, const uint8_t infohash[INFOHASH], const uint8_t peer_id[PEER_ID],
                 const uint8_t offer_id[OFFER_ID], bool answers, const struct description *description);
/* `sentence` as it stands in a JSON string; `infohash` is NULL where the message named none, or several. */
void put_socket_failure(struct buffer *out, struct slice sentence, bool scrapes, const uint8_t *infohash);
/* Write valid UTF-8 as it stands in a JSON string. */
void put_escaped(struct buffer *out, struct slice text);
/* A scrape's answer: its beginning, each torrent, its end. */
void put_scrape_head(struct buffer *out);
void put_scraped(struct buffer *out, bool first, const uint8_t infohash[INFOHASH], uint64_t complete,
                 uint64_t downloaded, uint64_t incomplete);
void put_scrape_end(struct buffer *out, uint32_t min_interval);

#endif
