/* The store of sockets: which connection is in which swarm, and which offers await their answer.
 *
 * The twin of tracker/socket_peers.py, beside the swarms, which count these peers and never hand them out. Nothing here
 * is for several threads at once: whoever calls has the lock of sockets.c. */
#ifndef PEERAGE_SOCKET_PEERS_H
#define PEERAGE_SOCKET_PEERS_H

#include "handler.h"
#include "shares.h"
#include "socket_messages.h"
#include "table.h"

struct socket_terms {
    uint32_t interval, offers, torrents; /* seconds; offers passed on at once, at most MOST_OFFERS; of a connection */
    uint64_t peers, peers_bind;          /* the cap, and from where on shares bind */
};

struct socket_peer;

/* A connection, as far as this store knows it. */
struct socket_client {
    uint64_t id; /* never given twice */
    struct address address;
    owner_t owner;              /* whose share its peers count to */
    struct slice passkey;       /* as its URL brought it */
    struct socket_peer *peers;  /* one for each torrent */
    uint32_t count;
};

struct socket_texts {
    struct slice refusals[REFUSAL_COUNT], full, restoring; /* as they stand in a JSON string */
};

struct socket_peers {
    struct socket_terms terms;
    struct socket_texts texts;
    struct handler *handler;
    struct rng rng;
    struct secret secret;
    struct share_counts shares;
    struct table swarms; /* by infohash */
    struct table by_id;  /* peers by infohash and peer id */
    struct table own;    /* peers by infohash and the id of their connection */
    uint64_t serial;
    _Atomic uint64_t offers, answers, peers; /* passed on since the start; now */
    uint8_t *scratch;
    size_t scratch_size;
    struct socket_message message; /* the one that is carried out */
    struct socket_peer *given[MOST_OFFERS];
};

/* False: no memory. A message that is passed on has at most `message_most` bytes. */
bool socket_peers_init(struct socket_peers *peers, size_t message_most, const struct exemption *exemptions, size_t exempt);
/* No connection has a peer any more. */
void socket_peers_free(struct socket_peers *peers);

/* Do what peers->message asks, at `now` in milliseconds, and send its answer. */
void socket_peers_receive(struct socket_peers *peers, struct socket_client *client, int64_t now);
/* Take every peer of a connection out, because it has ended. */
void socket_peers_leave(struct socket_peers *peers, struct socket_client *client);
/* Let go of the peers of a hash whose swarm was removed, which has counted them out. */
void socket_peers_forget(struct socket_peers *peers, const uint8_t infohash[INFOHASH]);
/* How many offers of a peer await their answer; for tests. */
size_t socket_peers_waiting(const struct socket_peers *peers, const uint8_t infohash[INFOHASH],
                            const uint8_t peer_id[PEER_ID]);

/* Send one text message; never ends the connection at once. In sockets.c. */
void sockets_send(struct socket_client *client, const uint8_t *message, size_t length);

#endif
