/* Constants that Python shares: written by `python -m tracker.native_constants`, not by hand. */
#ifndef PEERAGE_CONSTANTS_H
#define PEERAGE_CONSTANTS_H

#include <stdint.h>

#define INFOHASH 20
#define V2_INFOHASH 32
#define PEER_ID 20
#define PASSKEY_MOST 64
#define MAX_PASSKEYS 1048576
#define DISABLED_ACCOUNT UINT64_C(9223372036854775808)
#define SUSPENDED_PASSKEY UINT64_C(9223372036854775809)
#define MAX_NUMWANT 200
#define MOST_CLIENTS 8
#define MOST_SLOTS 16
#define VERSION_PARTS 5
#define MOST_CLIENT_RULES 4096
#define MOST_ADDRESS_RULES 500000
#define DENIAL_MOST 255
#define MOST_REASONS 65536
#define MOST_LARGEST 100
#define SAMPLE_EVERY 64
#define CLIENT_SAMPLES 1024
#define SAMPLED_ID 7
#define LATENCY_BUCKETS 16
#define LATENCY_SHIFT 8
#define TAG_BYTES 8
#define RETRY_SOON 300
#define EPOCH INT64_C(1577836800)
#define COMPLETED UINT32_C(1)
#define PAUSED UINT32_C(2)
#define LEECHER UINT32_C(4)
#define GONE UINT32_C(8)
#define RANK_SHIFT 4
#define CLOCK_SKEW INT64_C(600)
#define MAX_CONSUMERS 8
#define CHANGES_AT_ONCE 4096
#define MAX_NODES 64
#define MAX_COMPLETED UINT64_C(281474976710656)
#define DELTAS_AT_ONCE 1024
#define EXPIRED_AT_ONCE 2048
#define LARGEST_TOTAL UINT64_C(9223372036854775807)
#define NETWORK6 8
#define SHARDS 256
#define SWARM_COST 8
#define LOOKED_AT 16
#define LOOK_STEP UINT32_C(2654435761)
#define NARROW_PART 8
#define ROWS_AT_ONCE 1024
#define ROW_VERSION 2
#define ROW_BITS 12
#define MAX_PART UINT64_C(1048576)
#define ANNOUNCE_LIMIT 4096
#define SCRAPE_LIMIT 8192
#define SCRAPE_HASHES 74
#define OFFER_ID 20
#define MOST_OFFERS 82
#define OFFER_SECONDS 120
#define OFFER_ROUNDS 8
#define UDP_SMALLEST 16
#define UDP_LARGEST 4096
#define UDP_ANNOUNCE 98
#define UDP_URL_DATA 2048
#define UDP_CONNECTION_SECONDS 120
#define UDP_CONNECTION_SKEW 10
#define UDP_BAD_ANSWERS 10
#define UDP_BAD_SECONDS 60
#define UDP_BAD_SLOTS 16384
#define EVICT_ABOVE 0.9

enum event {
    EVENT_NONE = 0,
    EVENT_COMPLETED = 1,
    EVENT_STARTED = 2,
    EVENT_STOPPED = 3,
    EVENT_PAUSED = 4,
    EVENT_COUNT
};

enum transport {
    TRANSPORT_HTTP = 0,
    TRANSPORT_UDP = 1,
    TRANSPORT_WEBSOCKET = 2,
    TRANSPORT_COUNT
};

enum verdict {
    VERDICT_OK = 0,
    VERDICT_FULL = 1,
    VERDICT_RESTORING = 2,
    VERDICT_UNLISTED = 3,
    VERDICT_DENIED = 4,
    VERDICT_CROWDED = 5,
    VERDICT_OVER_SLOTS = 6,
    VERDICT_EARLY = 7,
    VERDICT_HARVESTING = 8,
    VERDICT_COUNT
};

enum family {
    FAMILY_BOTH = 0,
    FAMILY_V4 = 4,
    FAMILY_V6 = 6,
};

enum outcome {
    OUTCOME_MORE = 0,
    OUTCOME_PART = 1,
    OUTCOME_AWAY = 2,
    OUTCOME_CLOSE = 3,
    OUTCOME_UPGRADE = 4,
    OUTCOME_COUNT
};

enum style {
    STYLE_ANY = 0,
    STYLE_AZUREUS = 1,
    STYLE_SHADOW = 2,
    STYLE_MAINLINE = 3,
    STYLE_COUNT
};

#define REFUSALS(ROW) \
    ROW(QUERY_TOO_LONG, "query-too-long") \
    ROW(NO_INFO_HASH, "no-info-hash") \
    ROW(MANY_INFO_HASHES, "many-info-hashes") \
    ROW(BAD_INFO_HASH, "bad-info-hash") \
    ROW(HEX_INFO_HASH, "hex-info-hash") \
    ROW(BAD_ESCAPE, "bad-escape") \
    ROW(BAD_PEER_ID, "bad-peer-id") \
    ROW(BAD_PORT, "bad-port") \
    ROW(FULL_SCRAPE, "full-scrape") \
    ROW(NO_ADDRESS, "no-address") \
    ROW(PRIVATE_ADDRESS, "private-address") \
    ROW(UNLISTED, "unlisted") \
    ROW(DENIED, "denied") \
    ROW(BAD_REQUEST, "bad-request") \
    ROW(UNKNOWN_PASSKEY, "unknown-passkey") \
    ROW(NO_PASSKEY, "no-passkey") \
    ROW(PASSKEY_DISABLED, "passkey-disabled") \
    ROW(PASSKEY_SUSPENDED, "passkey-suspended") \
    ROW(ADDRESS_DENIED, "address-denied") \
    ROW(CLIENT_DENIED, "client-denied") \
    ROW(OTHER_PEER_ID, "other-peer-id") \
    ROW(PEER_ID_TAKEN, "peer-id-taken") \
    ROW(MANY_TORRENTS, "many-torrents") \
    ROW(UNKNOWN_OFFER, "unknown-offer")

enum refusal {
#define REFUSAL_NAME(name, code) REFUSED_##name,
    REFUSALS(REFUSAL_NAME)
#undef REFUSAL_NAME
    REFUSAL_COUNT,
    NOT_REFUSED = REFUSAL_COUNT
};

#endif
