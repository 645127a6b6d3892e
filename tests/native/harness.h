/* The native door's setup without an interpreter, one store and one set of rules, for races and fuzzing. */
#ifndef PEERAGE_HARNESS_H
#define PEERAGE_HARNESS_H

#include <stdio.h>
#include <stdlib.h>

#include "handler.h"
#include "kept_files.h"

/* Text as a slice, as a value and in a table. */
#define SLICE_INIT(text) {(const uint8_t *)(text), sizeof(text) - 1}
#define SLICE(text) ((struct slice)SLICE_INIT(text))

/* Any network is trusted and none is routed to, so that every branch of the readers is within reach. */
static const struct network HARNESS_TRUSTED[] = {{{4, {127}}, 8, true}};
static const struct network HARNESS_ROUTED[] = {{{4, {0}}, 0, true}, {{16, {0}}, 0, true}, {{4, {10}}, 8, false}};

#define HARNESS_PASSKEY "secret-1_A"
#define HARNESS_ROOT "/ann/x"

static inline struct store *harness_store(void)
{
    const struct terms terms = {1800, 900, 180, 3030, 86400, 1000, 100000, 64, 1, 90000, 200, 500, 1000, 800, 80000,
                                20, 2, 2, 100};
    const uint8_t key[16] = {1, 2, 3};
    struct store *store = store_new(&terms, key, NULL, 0);
    if (!store || store_set_passkey(store, (const uint8_t *)HARNESS_PASSKEY, sizeof HARNESS_PASSKEY - 1, 7) < 0)
        abort();
    return store;
}

/* Torrents whose files are kept: of which every byte is 1, and so on. */
enum { HARNESS_FILES = 4 };

static inline void harness_infohash(unsigned number, uint8_t infohash[INFOHASH])
{
    memset(infohash, (int)number, INFOHASH);
}

/* The first two, packed, are sent from where they are stored, as soon as their stamps are known: a large and a small one. */
enum { HARNESS_STORED = 2, HARNESS_LARGE = 50000, HARNESS_SMALL = 100 };
static struct file_stamp harness_stamps[HARNESS_STORED + 1];

static inline size_t harness_stored(unsigned number)
{
    return number == 1 ? HARNESS_LARGE : HARNESS_SMALL;
}

/* Keep a file, as Python does; of one of four sizes. */
static inline bool harness_keep(struct file_table *table, unsigned number, bool packed)
{
    static const uint8_t content[10000];
    static const size_t sizes[] = {10000, 10, 100, 1000};
    const struct file_stamp *stamp = &harness_stamps[packed && number <= HARNESS_STORED ? number : 0];
    bool apart = stamp->inode != 0;
    const struct file_parts parts = {SLICE_INIT("etag: \"x\"\r\n"), SLICE_INIT("etag: \"x\"\r\n"), SLICE_INIT("\"x\""),
                                     {apart ? NULL : content, apart ? harness_stored(number) : sizes[number % 4]}};
    uint8_t infohash[INFOHASH];
    harness_infohash(number, infohash);
    return file_table_put(table, infohash, packed, file_table_generation(table, infohash), &parts, INT64_MAX, stamp);
}

static inline struct file_table *harness_files(int root)
{
    static const uint64_t secret[2] = {7, 8};
    struct file_table *table = file_table_new(1 << 20, secret, root);
    for (unsigned number = 1; table && number <= HARNESS_FILES; number++)
        if (!harness_keep(table, number, true) || !harness_keep(table, number, false))
            abort();
    return table;
}

static inline void harness_rules(struct rules *rules)
{
    static struct connection_ids ids;
    const uint8_t key[32] = {4, 5, 6};
    struct seals seals;
    *rules = (struct rules){.interval = 1800, .min_interval = 900, .retry_soon = 300, .numwant = 50};
    rules->numwant_most = 200;
    rules->numwant_most6 = 66;
    rules->refuse_private = true;
    for (int at = 0; at < REFUSAL_COUNT; at++)
        rules->refusals[at] = SLICE("a refusal");
    rules->full = SLICE("full");
    rules->restoring = SLICE("restoring");
    rules->bad_connection = SLICE("bad connection ID");
    rules->forwarded = SLICE("x-forwarded-for");
    rules->root = SLICE(HARNESS_ROOT);
    rules->trusted = (struct networks){1, HARNESS_TRUSTED};
    rules->routed = (struct networks){3, HARNESS_ROUTED};
    rules->files_host = SLICE("files.example");
    rules->redirect = SLICE("location: /torrent/");
    rules->redirect_end = SLICE(".torrent\r\n");
    rules->ids = &ids;
    blake2b_key(&seals.current, key, sizeof key, 4);
    seals.previous = seals.current;
    if (!ids_init(&ids, &seals))
        abort();
}

#endif
