/* The store of sockets: peers over WebSocket, whom they offer to, and who may answer; the twin of
 * tracker/socket_peers.py. */
#include "socket_peers.h"

#include <stdlib.h>

enum { ID_KEY = INFOHASH + PEER_ID, OWN_KEY = INFOHASH + 8 };

/* An offer under way: to which peer it was given, and until when that may answer. */
struct given_offer {
    uint8_t id[OFFER_ID], peer_id[PEER_ID];
    uint64_t serial;
    int64_t until;
};

struct socket_peer {
    struct socket_client *client;
    struct socket_swarm *swarm;
    struct socket_peer *next, **place; /* of the same connection; place: what points here */
    uint64_t serial;                   /* never given twice */
    uint8_t peer_id[PEER_ID];
    bool seeder, completed;
    uint32_t at; /* where it stands among those of its role */
    struct given_offer *offers; /* oldest first */
    uint32_t offer_count, offer_room;
};

/* The peers that announced one hash; both rows have room for all of them. */
struct socket_swarm {
    uint8_t infohash[INFOHASH];
    uint32_t count[2], room; /* by role: leechers, seeders */
    struct socket_peer **row[2];
};

struct swarm_record {
    struct record record;
    struct socket_swarm *swarm;
};

struct id_record {
    uint32_t next, head;
    uint8_t key[ID_KEY];
    struct socket_peer *peer;
};

struct own_record {
    uint32_t next, head;
    uint8_t key[OWN_KEY];
    struct socket_peer *peer;
};

_Static_assert(offsetof(struct id_record, key) == offsetof(struct record, key), "keys begin where a table has them");
_Static_assert(offsetof(struct own_record, key) == offsetof(struct record, key), "keys begin where a table has them");

bool socket_peers_init(struct socket_peers *peers, size_t message_most, const struct exemption *exemptions, size_t exempt)
{
    table_init(&peers->swarms, &peers->secret, sizeof(struct swarm_record));
    table_init_keys(&peers->by_id, &peers->secret, sizeof(struct id_record), ID_KEY);
    table_init_keys(&peers->own, &peers->secret, sizeof(struct own_record), OWN_KEY);
    peers->scratch_size = message_most + MESSAGE_REST_MOST + SCRAPE_HASHES * 256;
    peers->scratch = malloc(peers->scratch_size);
    return shares_init(&peers->shares, &peers->secret, exemptions, exempt) && peers->scratch;
}

void socket_peers_free(struct socket_peers *peers)
{
    table_free(&peers->swarms);
    table_free(&peers->by_id);
    table_free(&peers->own);
    shares_free(&peers->shares);
    free(peers->scratch);
}

/* Finding. */

static struct socket_swarm *find_swarm(const struct socket_peers *peers, const uint8_t infohash[INFOHASH])
{
    uint32_t slot = table_find(&peers->swarms, infohash, sip_hash(&peers->secret, infohash, INFOHASH));
    return slot == NONE ? NULL : ((struct swarm_record *)table_at(&peers->swarms, slot))->swarm;
}

static uint64_t id_key(const struct socket_peers *peers, const uint8_t infohash[INFOHASH],
                       const uint8_t peer_id[PEER_ID], uint8_t key[ID_KEY])
{
    memcpy(key, infohash, INFOHASH);
    memcpy(key + INFOHASH, peer_id, PEER_ID);
    return sip_hash(&peers->secret, key, ID_KEY);
}

static uint64_t own_key(const struct socket_peers *peers, const uint8_t infohash[INFOHASH], uint64_t id,
                        uint8_t key[OWN_KEY])
{
    memcpy(key, infohash, INFOHASH);
    memcpy(key + INFOHASH, &id, sizeof id);
    return sip_hash(&peers->secret, key, OWN_KEY);
}

static struct socket_peer *find_by_id(const struct socket_peers *peers, const uint8_t infohash[INFOHASH],
                                      const uint8_t peer_id[PEER_ID])
{
    uint8_t key[ID_KEY];
    uint64_t hash = id_key(peers, infohash, peer_id, key);
    uint32_t slot = table_find(&peers->by_id, key, hash);
    return slot == NONE ? NULL : ((struct id_record *)table_at(&peers->by_id, slot))->peer;
}

static struct socket_peer *find_own(const struct socket_peers *peers, const struct socket_client *client,
                                    const uint8_t infohash[INFOHASH])
{
    uint8_t key[OWN_KEY];
    if (!client->count)
        return NULL;
    uint64_t hash = own_key(peers, infohash, client->id, key);
    uint32_t slot = table_find(&peers->own, key, hash);
    return slot == NONE ? NULL : ((struct own_record *)table_at(&peers->own, slot))->peer;
}

size_t socket_peers_waiting(const struct socket_peers *peers, const uint8_t infohash[INFOHASH],
                            const uint8_t peer_id[PEER_ID])
{
    const struct socket_peer *peer = find_by_id(peers, infohash, peer_id);
    return peer ? peer->offer_count : 0;
}

/* Rows of a swarm. */

static void enter_row(struct socket_swarm *swarm, struct socket_peer *peer)
{
    peer->at = swarm->count[peer->seeder]++;
    swarm->row[peer->seeder][peer->at] = peer;
}

/* The last of its role moves into its place. */
static void leave_row(struct socket_swarm *swarm, const struct socket_peer *peer)
{
    struct socket_peer **row = swarm->row[peer->seeder];
    struct socket_peer *last = row[--swarm->count[peer->seeder]];
    row[peer->at] = last;
    last->at = peer->at;
}

static bool widen(struct socket_swarm *swarm)
{
    uint32_t used = swarm->count[0] + swarm->count[1];
    if (used < swarm->room)
        return true;
    uint32_t room = swarm->room ? 2 * swarm->room : 2;
    for (int role = 0; role < 2; role++) {
        struct socket_peer **row = realloc(swarm->row[role], room * sizeof(struct socket_peer *));
        if (!row)
            return false;
        swarm->row[role] = row;
    }
    swarm->room = room;
    return true;
}

static struct socket_swarm *make_swarm(struct socket_peers *peers, const uint8_t infohash[INFOHASH])
{
    struct socket_swarm *swarm = calloc(1, sizeof *swarm);
    uint32_t slot = swarm ? table_add(&peers->swarms, infohash, sip_hash(&peers->secret, infohash, INFOHASH)) : NONE;
    if (slot == NONE) {
        free(swarm);
        return NULL;
    }
    memcpy(swarm->infohash, infohash, INFOHASH);
    ((struct swarm_record *)table_at(&peers->swarms, slot))->swarm = swarm;
    return swarm;
}

static void free_swarm(struct socket_peers *peers, struct socket_swarm *swarm)
{
    uint64_t hash = sip_hash(&peers->secret, swarm->infohash, INFOHASH);
    table_remove(&peers->swarms, table_find(&peers->swarms, swarm->infohash, hash));
    free(swarm->row[0]);
    free(swarm->row[1]);
    free(swarm);
}

static void free_if_empty(struct socket_peers *peers, struct socket_swarm *swarm)
{
    if (!swarm->count[0] && !swarm->count[1])
        free_swarm(peers, swarm);
}

/* Coming and going. */

static void drop_from_tables(struct socket_peers *peers, const struct socket_peer *peer)
{
    uint8_t id[ID_KEY], own[OWN_KEY];
    uint64_t hash = id_key(peers, peer->swarm->infohash, peer->peer_id, id);
    table_remove(&peers->by_id, table_find(&peers->by_id, id, hash));
    hash = own_key(peers, peer->swarm->infohash, peer->client->id, own);
    table_remove(&peers->own, table_find(&peers->own, own, hash));
}

static bool add_to_tables(struct socket_peers *peers, struct socket_peer *peer)
{
    uint8_t id[ID_KEY], own[OWN_KEY];
    uint64_t id_hash = id_key(peers, peer->swarm->infohash, peer->peer_id, id);
    uint64_t own_hash = own_key(peers, peer->swarm->infohash, peer->client->id, own);
    uint32_t at = table_add(&peers->by_id, id, id_hash);
    if (at == NONE)
        return false;
    ((struct id_record *)table_at(&peers->by_id, at))->peer = peer;
    uint32_t own_at = table_add(&peers->own, own, own_hash);
    if (own_at == NONE) {
        table_remove(&peers->by_id, at);
        return false;
    }
    ((struct own_record *)table_at(&peers->own, own_at))->peer = peer;
    return true;
}

/* Put a peer that nobody has counted yet into its place; NULL where there is no memory. */
static struct socket_peer *add_peer(struct socket_peers *peers, struct socket_client *client,
                                    const struct socket_message *message)
{
    struct socket_peer *peer = calloc(1, sizeof *peer);
    struct socket_swarm *swarm = find_swarm(peers, message->infohash);
    if (peer && !swarm)
        swarm = make_swarm(peers, message->infohash);
    if (!peer || !swarm || !widen(swarm)) {
        if (swarm)
            free_if_empty(peers, swarm);
        free(peer);
        return NULL;
    }
    peer->client = client;
    peer->swarm = swarm;
    peer->serial = ++peers->serial;
    memcpy(peer->peer_id, message->peer_id, PEER_ID);
    peer->seeder = message->seeder > 0;
    if (!add_to_tables(peers, peer)) {
        free_if_empty(peers, swarm);
        free(peer);
        return NULL;
    }
    enter_row(swarm, peer);
    peer->next = client->peers;
    peer->place = &client->peers;
    if (peer->next)
        peer->next->place = &peer->next;
    client->peers = peer;
    client->count++;
    shares_add(&peers->shares, client->owner, 1);
    atomic_fetch_add_explicit(&peers->peers, 1, memory_order_relaxed);
    return peer;
}

/* Forget a peer, but for its place in the swarm's row. */
static void let_go(struct socket_peers *peers, struct socket_peer *peer)
{
    drop_from_tables(peers, peer);
    *peer->place = peer->next;
    if (peer->next)
        peer->next->place = peer->place;
    peer->client->count--;
    shares_add(&peers->shares, peer->client->owner, -1);
    atomic_fetch_sub_explicit(&peers->peers, 1, memory_order_relaxed);
    free(peer->offers);
    free(peer);
}

static void take_out(struct socket_peers *peers, struct socket_peer *peer)
{
    struct socket_swarm *swarm = peer->swarm;
    leave_row(swarm, peer);
    let_go(peers, peer);
    free_if_empty(peers, swarm);
}

static void fill_change(const struct socket_client *client, const uint8_t infohash[INFOHASH],
                        struct socket_change *change)
{
    *change = (struct socket_change){.length = client->address.length};
    memcpy(change->infohash, infohash, INFOHASH);
    memcpy(change->address, client->address.bytes, client->address.length);
}

static enum verdict count_change(struct socket_peers *peers, const struct socket_change *change)
{
    return store_count_socket(peers->handler->store, change, peers->handler->now, &peers->handler->answer);
}

/* Count a peer out of its swarm in the store. */
static enum verdict count_out(struct socket_peers *peers, const struct socket_peer *peer)
{
    struct socket_change change;
    fill_change(peer->client, peer->swarm->infohash, &change);
    change.seeders = (int8_t)-peer->seeder;
    change.leechers = (int8_t)-!peer->seeder;
    return count_change(peers, &change);
}

void socket_peers_leave(struct socket_peers *peers, struct socket_client *client)
{
    while (client->peers) {
        count_out(peers, client->peers);
        take_out(peers, client->peers);
    }
}

void socket_peers_forget(struct socket_peers *peers, const uint8_t infohash[INFOHASH])
{
    struct socket_swarm *swarm = find_swarm(peers, infohash);
    if (!swarm)
        return;
    for (int role = 0; role < 2; role++)
        for (uint32_t at = 0; at < swarm->count[role]; at++)
            let_go(peers, swarm->row[role][at]);
    free_swarm(peers, swarm);
}

/* Answers to the sender. */

static struct buffer begin(const struct socket_peers *peers)
{
    return (struct buffer){peers->scratch, peers->scratch + peers->scratch_size, false};
}

static void send_written(const struct socket_peers *peers, struct socket_client *client, const struct buffer *out)
{
    if (!out->overflowed)
        sockets_send(client, peers->scratch, (size_t)(out->at - peers->scratch));
}

static void refuse(struct socket_peers *peers, struct socket_client *client, enum refusal refusal)
{
    const struct socket_message *message = &peers->message;
    struct slice sentence = peers->texts.refusals[refusal];
    uint8_t escaped[6 * DENIAL_MOST];
    if (handler_is_told(peers->handler, refusal)) {
        struct buffer told = {escaped, escaped + sizeof escaped, false};
        put_escaped(&told, handler_sentence(peers->handler, refusal));
        sentence = (struct slice){escaped, (size_t)(told.at - escaped)};
    }
    struct buffer out = begin(peers);
    count(&peers->handler->counters.refusals[refusal]);
    put_socket_failure(&out, sentence, message->scrapes, message->scrapes ? NULL : message->infohash);
    send_written(peers, client, &out);
}

/* Whether a client or its address is refused by the operator's rules, but for one that stops; its peers go then. */
static enum refusal check_access(struct socket_peers *peers, struct socket_client *client)
{
    const struct socket_message *message = &peers->message;
    if (!message->scrapes && message->event == EVENT_STOPPED)
        return NOT_REFUSED;
    const uint8_t *peer_id = message->scrapes ? NULL : message->peer_id;
    enum refusal refusal = handler_check_access(peers->handler, &client->address, peer_id);
    if (refusal != NOT_REFUSED)
        socket_peers_leave(peers, client);
    return refusal;
}

static void reply(const struct socket_peers *peers, struct socket_client *client, uint32_t interval,
                  struct slice warning)
{
    const struct counts *counts = &peers->handler->answer.counts;
    struct buffer out = begin(peers);
    put_announce_reply(&out, peers->message.infohash, counts->complete, counts->incomplete, interval, warning);
    send_written(peers, client, &out);
}

static void put_off(struct socket_peers *peers, struct socket_client *client, enum verdict verdict)
{
    peers->handler->answer.counts = (struct counts){0};
    count(&peers->handler->counters.warnings);
    reply(peers, client, peers->handler->rules->retry_soon,
          verdict == VERDICT_RESTORING ? peers->texts.restoring : peers->texts.full);
}

/* Seconds to the next announce, give or take a tenth. */
static uint32_t draw_interval(struct socket_peers *peers)
{
    uint32_t jitter = peers->terms.interval / 10;
    return peers->terms.interval - jitter + rng_below(&peers->rng, 2 * jitter + 1);
}

/* Count what an account's client moved, where it says both totals. */
static void note(const struct socket_peers *peers, const struct socket_client *client, uint64_t account, bool seeder)
{
    const struct socket_message *message = &peers->message;
    struct announce announce = {.account = account, .event = message->event, .seeder = seeder};
    if (!account || message->uploaded < 0 || message->downloaded < 0)
        return;
    memcpy(announce.infohash, message->infohash, INFOHASH);
    memcpy(announce.peer, client->address.bytes, client->address.length);
    announce.stride = (uint8_t)(client->address.length + 2);
    announce.families = FAMILY_BOTH;
    announce.transport = TRANSPORT_WEBSOCKET;
    memcpy(announce.peer_id, message->peer_id, PEER_ID);
    announce.uploaded = (uint64_t)message->uploaded;
    announce.downloaded = (uint64_t)message->downloaded;
    store_note_session(peers->handler->store, &announce, peers->handler->now);
}

/* Offers. */

/* Forget some offers in a row. */
static void forget_row(struct socket_peer *peer, uint32_t at, uint32_t count)
{
    peer->offer_count -= count;
    memmove(peer->offers + at, peer->offers + at + count, (peer->offer_count - at) * sizeof *peer->offers);
    if (!peer->offer_count) {
        free(peer->offers);
        peer->offers = NULL;
        peer->offer_room = 0;
    }
}

/* Forget the offers that are too old, and the oldest of too many. */
static void forget_offers(const struct socket_peers *peers, struct socket_peer *peer, int64_t now)
{
    uint32_t most = peers->terms.offers * (OFFER_ROUNDS - 1), gone = 0;
    while (gone < peer->offer_count && (peer->offer_count - gone > most || peer->offers[gone].until < now))
        gone++;
    if (gone)
        forget_row(peer, 0, gone);
}

static uint32_t find_offer(const struct socket_peer *peer, const uint8_t id[OFFER_ID], const uint8_t peer_id[PEER_ID])
{
    uint32_t at = 0;
    while (at < peer->offer_count && (memcmp(peer->offers[at].id, id, OFFER_ID) != 0 ||
                                      memcmp(peer->offers[at].peer_id, peer_id, PEER_ID) != 0))
        at++;
    return at;
}

/* Remember to whom an offer was given; false: no memory, and it is not passed on. */
static bool remember(struct socket_peer *peer, const struct socket_offer *offer, const struct socket_peer *other,
                     int64_t until)
{
    uint32_t at = find_offer(peer, offer->id, other->peer_id);
    if (at < peer->offer_count)
        forget_row(peer, at, 1);
    if (peer->offer_count == peer->offer_room) {
        uint32_t room = peer->offer_room ? 2 * peer->offer_room : 4;
        struct given_offer *longer = realloc(peer->offers, room * sizeof *longer);
        if (!longer)
            return false;
        peer->offers = longer;
        peer->offer_room = room;
    }
    struct given_offer *given = &peer->offers[peer->offer_count++];
    *given = (struct given_offer){.serial = other->serial, .until = until};
    memcpy(given->id, offer->id, OFFER_ID);
    memcpy(given->peer_id, other->peer_id, PEER_ID);
    return true;
}

/* The peer of a number, leechers first, so that a seeder's choice is the beginning of the row; `own` is left out. */
static struct socket_peer *numbered(const struct socket_swarm *swarm, uint32_t number, uint32_t own)
{
    number += number >= own;
    return number < swarm->count[0] ? swarm->row[0][number] : swarm->row[1][number - swarm->count[0]];
}

static bool drawn_before(const uint32_t *drawn, uint32_t count, uint32_t at)
{
    for (uint32_t each = 0; each < count; each++)
        if (drawn[each] == at)
            return true;
    return false;
}

/* Draw different peers without the asker, each with the same chance; a seeder is given leechers only. Floyd's way: a
 * draw for each peer, none where all are taken. */
static uint32_t pick(struct socket_peers *peers, const struct socket_peer *asker, uint32_t count)
{
    const struct socket_swarm *swarm = asker->swarm;
    uint32_t own = asker->seeder ? swarm->count[0] + asker->at : asker->at;
    uint32_t among = asker->seeder ? swarm->count[0] : swarm->count[0] + swarm->count[1] - 1;
    uint32_t drawn[MOST_OFFERS];
    bool all = count >= among;
    if (all)
        count = among;
    for (uint32_t at = 0; at < count; at++) {
        uint32_t last = among - count + at;
        drawn[at] = at;
        if (!all) {
            uint32_t number = rng_below(&peers->rng, last + 1);
            drawn[at] = drawn_before(drawn, at, number) ? last : number;
        }
        peers->given[at] = numbered(swarm, drawn[at], own);
    }
    return count;
}

static void relay_offers(struct socket_peers *peers, struct socket_peer *peer, int64_t now)
{
    const struct socket_message *message = &peers->message;
    uint32_t wanted = message->offers < peers->terms.offers ? message->offers : peers->terms.offers;
    forget_offers(peers, peer, now);
    if (message->numwant >= 0 && message->numwant < wanted)
        wanted = (uint32_t)message->numwant;
    if (!wanted)
        return;
    uint32_t count = pick(peers, peer, wanted);
    for (uint32_t at = 0; at < count; at++) {
        struct socket_peer *other = peers->given[at];
        const struct socket_offer *offer = &message->offer[at];
        struct buffer out = begin(peers);
        if (!remember(peer, offer, other, now + 1000 * OFFER_SECONDS))
            continue;
        count_more(&peers->offers, 1);
        put_relayed(&out, message->infohash, peer->peer_id, offer->id, false, &offer->description);
        send_written(peers, other->client, &out);
    }
}

/* Pass an answer to the peer that made the offer to this one, within its time, once. */
static void relay_answer(struct socket_peers *peers, struct socket_client *client, int64_t now)
{
    const struct socket_message *message = &peers->message;
    struct socket_peer *peer = find_own(peers, client, message->infohash);
    if (peer && memcmp(peer->peer_id, message->peer_id, PEER_ID) != 0) {
        refuse(peers, client, REFUSED_OTHER_PEER_ID);
        return;
    }
    struct socket_peer *offerer = peer ? find_by_id(peers, message->infohash, message->to) : NULL;
    uint32_t at = offerer ? find_offer(offerer, message->answer_id, peer->peer_id) : 0;
    if (!offerer || at == offerer->offer_count || offerer->offers[at].serial != peer->serial ||
        offerer->offers[at].until < now) {
        refuse(peers, client, REFUSED_UNKNOWN_OFFER);
        return;
    }
    struct buffer out = begin(peers);
    forget_row(offerer, at, 1);
    count_more(&peers->answers, 1);
    put_relayed(&out, message->infohash, peer->peer_id, message->answer_id, true, &message->answer);
    send_written(peers, offerer->client, &out);
}

/* Messages. */

static bool is_full(const struct socket_peers *peers, const struct socket_client *client)
{
    uint64_t used = atomic_load_explicit(&peers->peers, memory_order_relaxed), cap = peers->terms.peers;
    return used >= cap || (used >= peers->terms.peers_bind && shares_weight(&peers->shares, client->owner, 0) > cap - used);
}

/* Refuse one torrent too many, and a peer id of somebody else. From the same address it is the same client, whose old
 * connection is not known to have ended yet. */
static enum refusal check_newcomer(struct socket_peers *peers, const struct socket_client *client)
{
    const struct socket_message *message = &peers->message;
    if (client->count >= peers->terms.torrents)
        return REFUSED_MANY_TORRENTS;
    struct socket_peer *other = find_by_id(peers, message->infohash, message->peer_id);
    if (!other)
        return NOT_REFUSED;
    if (other->client->address.length != client->address.length ||
        memcmp(other->client->address.bytes, client->address.bytes, client->address.length) != 0)
        return REFUSED_PEER_ID_TAKEN;
    count_out(peers, other);
    take_out(peers, other);
    return NOT_REFUSED;
}

/* Find the peer that a message is of, or make it; NULL where that was answered. */
static struct socket_peer *peer_of(struct socket_peers *peers, struct socket_client *client, bool *known)
{
    struct socket_peer *peer = find_own(peers, client, peers->message.infohash);
    *known = peer != NULL;
    if (peer && memcmp(peer->peer_id, peers->message.peer_id, PEER_ID) != 0) {
        refuse(peers, client, REFUSED_OTHER_PEER_ID);
        return NULL;
    }
    if (peer)
        return peer;
    enum refusal refusal = check_newcomer(peers, client);
    if (refusal != NOT_REFUSED) {
        refuse(peers, client, refusal);
        return NULL;
    }
    if (!is_full(peers, client))
        peer = add_peer(peers, client, &peers->message);
    if (!peer)
        put_off(peers, client, VERDICT_FULL);
    return peer;
}

static bool is_refused(enum verdict verdict)
{
    return verdict == VERDICT_UNLISTED || verdict == VERDICT_DENIED;
}

static void announce(struct socket_peers *peers, struct socket_client *client, uint64_t account, int64_t now)
{
    const struct socket_message *message = &peers->message;
    struct socket_change change;
    bool known;
    struct socket_peer *peer = peer_of(peers, client, &known);
    if (!peer)
        return;
    bool seeder = message->seeder < 0 ? peer->seeder : message->seeder > 0;
    bool completes = message->event == EVENT_COMPLETED && seeder && !peer->completed;
    fill_change(client, message->infohash, &change);
    change.seeders = (int8_t)(seeder - (known && peer->seeder));
    change.leechers = (int8_t)(!seeder - (known && !peer->seeder));
    change.completed = completes;
    enum verdict verdict = count_change(peers, &change);
    if (verdict != VERDICT_OK && !known)
        take_out(peers, peer);
    if (is_refused(verdict)) {
        refuse(peers, client, handler_refusal(peers->handler, verdict));
        return;
    }
    count(&peers->handler->counters.announces[TRANSPORT_WEBSOCKET][message->event]);
    if (verdict != VERDICT_OK) {
        put_off(peers, client, verdict);
        return;
    }
    note(peers, client, account, seeder);
    peer->completed |= completes;
    if (peer->seeder != seeder) {
        leave_row(peer->swarm, peer);
        peer->seeder = seeder;
        enter_row(peer->swarm, peer);
    }
    relay_offers(peers, peer, now);
    reply(peers, client, draw_interval(peers), (struct slice){NULL, 0});
}

static void stop(struct socket_peers *peers, struct socket_client *client, uint64_t account)
{
    const struct socket_message *message = &peers->message;
    struct socket_change change;
    struct socket_peer *peer = find_own(peers, client, message->infohash);
    bool seeder = peer && peer->seeder;
    enum verdict verdict;
    if (peer && memcmp(peer->peer_id, message->peer_id, PEER_ID) != 0) {
        refuse(peers, client, REFUSED_OTHER_PEER_ID);
        return;
    }
    if (peer) {
        verdict = count_out(peers, peer);
        take_out(peers, peer);
    } else {
        fill_change(client, message->infohash, &change);
        verdict = count_change(peers, &change);
    }
    if (is_refused(verdict)) {
        refuse(peers, client, handler_refusal(peers->handler, verdict));
        return;
    }
    count(&peers->handler->counters.announces[TRANSPORT_WEBSOCKET][message->event]);
    if (verdict != VERDICT_OK)
        count(&peers->handler->counters.warnings);
    note(peers, client, account, message->seeder < 0 ? seeder : message->seeder > 0);
    reply(peers, client, draw_interval(peers), (struct slice){NULL, 0});
}

static void scrape(struct socket_peers *peers, struct socket_client *client)
{
    const struct socket_message *message = &peers->message;
    struct buffer out = begin(peers);
    count(&peers->handler->counters.scrapes[TRANSPORT_WEBSOCKET]);
    put_scrape_head(&out);
    for (unsigned at = 0; at < message->hashes; at++) {
        struct counts counts;
        store_scrape(peers->handler->store, message->scraped[at], &counts);
        put_scraped(&out, at == 0, message->scraped[at], counts.complete, counts.downloaded, counts.incomplete);
    }
    put_scrape_end(&out, peers->handler->rules->min_interval);
    send_written(peers, client, &out);
}

/* The account of the passkey that a connection's URL brought; one that is malformed is as unknown as any other. */
static enum refusal find_account(struct socket_peers *peers, const struct socket_client *client, uint64_t *account)
{
    const struct socket_message *message = &peers->message;
    const struct slice none = {NULL, 0}, malformed = {(const uint8_t *)"", 1};
    bool good = !client->passkey.length || http_is_passkey(client->passkey);
    const uint8_t (*infohashes)[INFOHASH] = message->scrapes ? message->scraped : &message->infohash;
    return handler_find_account(peers->handler, good ? client->passkey : malformed, none, infohashes,
                                message->scrapes ? message->hashes : 1, account);
}

static void carry_out(struct socket_peers *peers, struct socket_client *client, int64_t now)
{
    uint64_t account = 0;
    enum refusal refusal = check_access(peers, client);
    if (refusal == NOT_REFUSED && !peers->message.scrapes)
        sampling_client(&peers->handler->sampling, peers->message.peer_id, client->address.length);
    if (refusal == NOT_REFUSED)
        refusal = find_account(peers, client, &account);
    if (refusal != NOT_REFUSED)
        refuse(peers, client, refusal);
    else if (peers->message.scrapes)
        scrape(peers, client);
    else if (peers->message.answers)
        relay_answer(peers, client, now);
    else if (peers->message.event == EVENT_STOPPED)
        stop(peers, client, account);
    else
        announce(peers, client, account, now);
}

void socket_peers_receive(struct socket_peers *peers, struct socket_client *client, int64_t now)
{
    struct sampling *sampling = &peers->handler->sampling;
    uint64_t began = sampling_begin(sampling);
    carry_out(peers, client, now);
    sampling_end(sampling, TRANSPORT_WEBSOCKET, began);
}
