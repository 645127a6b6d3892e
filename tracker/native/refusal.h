/* The refusals of announces and scrapes, numbered; their codes and sentences are those of bittorrent/refusal.py. */
#ifndef PEERAGE_REFUSAL_H
#define PEERAGE_REFUSAL_H

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
    ROW(BAD_REQUEST, "bad-request")

enum refusal {
#define REFUSAL_NAME(name, code) REFUSED_##name,
    REFUSALS(REFUSAL_NAME)
#undef REFUSAL_NAME
    REFUSAL_COUNT,
    NOT_REFUSED = REFUSAL_COUNT
};

#endif
