/* Two loop threads, the store's maintenance beside them and clients of both protocols: for ThreadSanitizer.
 *
 * races [SECONDS]
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "loop.h"
#include "shards.h"

enum { CLIENTS = 4, THREADS = 2 };

static _Atomic bool over;
static _Atomic uint64_t answered, fetched, relayed;
static struct store *store;
static struct rules rules;
static struct loop *loop;
static struct sockets *sockets;
static uint16_t port;

static int bound(int kind, uint16_t wanted)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(wanted)};
    int fd = socket(AF_INET, kind | SOCK_NONBLOCK, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        abort();
    return fd;
}

static int connect_to_door(int kind)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval patience = {0, 200000};
    int fd = socket(AF_INET, kind, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void *ask_http(void *given)
{
    static const char *const ends[] = {"", "Connection: close\r\n", "Content-Length: 0\r\n"};
    struct rng rng = {(uint64_t)(uintptr_t)given};
    char request[512], answer[16384];
    while (!over) {
        int fd = connect_to_door(SOCK_STREAM);
        for (uint32_t left = rng_below(&rng, 20); fd >= 0 && left; left--) {
            const char *end = ends[rng_below(&rng, 20) ? rng_below(&rng, 2) : 2];
            int length = snprintf(request, sizeof request,
                                  "GET /announce%s?info_hash=%020u&peer_id=-XX0001-abcdefghijkl&port=%u&left=%u&uploaded=%u"
                                  " HTTP/1.1\r\n"
                                  "X-Forwarded-For: 8.8.%u.%u\r\n%s\r\n",
                                  rng_below(&rng, 2) ? "/" HARNESS_PASSKEY : "", rng_below(&rng, 50),
                                  1 + rng_below(&rng, 60000), rng_below(&rng, 2), rng_below(&rng, 1000000),
                                  rng_below(&rng, 4), rng_below(&rng, 256), end);
            if (send(fd, request, (size_t)length, MSG_NOSIGNAL) < 0 || recv(fd, answer, sizeof answer, 0) <= 0)
                break;
            answered++;
        }
        if (fd >= 0)
            close(fd);
    }
    return NULL;
}

static void *ask_udp(void *given)
{
    static const uint8_t connect_to[16] = {0, 0, 0x04, 0x17, 0x27, 0x10, 0x19, 0x80};
    struct rng rng = {(uint64_t)(uintptr_t)given};
    uint8_t packet[98] = {0}, answer[2048];
    int fd = connect_to_door(SOCK_DGRAM);
    while (!over) {
        if (send(fd, connect_to, sizeof connect_to, 0) < 0 || recv(fd, answer, sizeof answer, 0) != 16)
            continue;
        memcpy(packet, answer + 8, 8);
        packet[11] = 1;
        packet[35] = (uint8_t)rng_below(&rng, 50);
        packet[96] = 1 + (uint8_t)rng_below(&rng, 200);
        packet[92] = 0xff;
        if (send(fd, packet, sizeof packet, 0) > 0 && recv(fd, answer, sizeof answer, 0) > 0)
            answered++;
    }
    close(fd);
    return NULL;
}

/* Ask for files of two threads at once, some of which are dropped meanwhile; every third client leaves before its end. */
static void *fetch_files(void *given)
{
    struct rng rng = {(uint64_t)(uintptr_t)given};
    char request[512], answer[16384];
    while (!over) {
        int fd = connect_to_door(SOCK_STREAM);
        for (uint32_t left = rng_below(&rng, 50); fd >= 0 && left; left--) {
            uint32_t digit = 1 + rng_below(&rng, HARNESS_FILES);
            int length = snprintf(request, sizeof request, "%s /torrent/", rng_below(&rng, 8) ? "GET" : "HEAD");
            for (int at = 0; at < INFOHASH; at++)
                length += snprintf(request + length, sizeof request - (size_t)length, "%02u", digit);
            length += snprintf(request + length, sizeof request - (size_t)length, " HTTP/1.1\r\nAccept-Encoding: %s\r\n%s\r\n",
                               rng_below(&rng, 2) ? "gzip" : "x", rng_below(&rng, 8) ? "" : "If-None-Match: *\r\n");
            if (send(fd, request, (size_t)length, MSG_NOSIGNAL) < 0 ||
                (rng_below(&rng, 3) && recv(fd, answer, sizeof answer, 0) <= 0))
                break;
            fetched++;
        }
        if (fd >= 0)
            close(fd);
    }
    return NULL;
}

/* A message of a client in a frame with its mask; returns its length. */
static size_t frame_of(struct rng *rng, char message[1024], uint8_t frame[1100])
{
    static const char *const offers = ",\"offers\":[{\"offer_id\":\"00000000000000000000\",\"offer\":"
                                      "{\"type\":\"offer\",\"sdp\":\"v=0\"}}]";
    static const char *const more[] = {"", ",\"event\":\"stopped\"", ",\"left\":0", ",\"left\":1.0", "}{"};
    uint32_t peer = rng_below(rng, 40);
    int length = snprintf(message, 1024,
                          "{\"action\":\"announce\",\"info_hash\":\"%020u\",\"peer_id\":\"%020u\"%s%s}",
                          rng_below(rng, 10), peer, more[rng_below(rng, 5)], rng_below(rng, 2) ? offers : "");
    if (!rng_below(rng, 3))
        length = snprintf(message, 1024,
                          "{\"action\":\"announce\",\"info_hash\":\"%020u\",\"peer_id\":\"%020u\",\"to_peer_id\":\"%020u\","
                          "\"offer_id\":\"00000000000000000000\",\"answer\":{\"type\":\"answer\",\"sdp\":\"v=0\"}}",
                          rng_below(rng, 10), peer, rng_below(rng, 40));
    frame[0] = 0x81;
    frame[1] = 0x80 | 126;
    frame[2] = (uint8_t)(length >> 8);
    frame[3] = (uint8_t)length;
    memset(frame + 4, 0, 4);
    memcpy(frame + 8, message, (size_t)length);
    return 8 + (size_t)length;
}

/* Shake hands, then announce, offer and answer to whoever is there; some leave without a word. */
static void *talk(void *given)
{
    static const char hello[] = "GET /announce HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 8.8.8.8\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct rng rng = {(uint64_t)(uintptr_t)given};
    char message[1024], answer[16384];
    uint8_t frame[1100];
    while (!over) {
        int fd = connect_to_door(SOCK_STREAM);
        if (fd < 0)
            continue;
        if (send(fd, hello, sizeof hello - 1, MSG_NOSIGNAL) > 0 && recv(fd, answer, sizeof answer, 0) > 12 &&
            !memcmp(answer, "HTTP/1.1 101", 12))
            for (uint32_t left = rng_below(&rng, 100); left; left--) {
                size_t length = frame_of(&rng, message, frame);
                if (rng_below(&rng, 20) == 0)
                    frame[0] = (uint8_t)(0x80 | rng_below(&rng, 16)); /* a ping that is too long, a close, a breach */
                if (send(fd, frame, length, MSG_NOSIGNAL) < 0 ||
                    (rng_below(&rng, 2) && recv(fd, answer, sizeof answer, 0) <= 0))
                    break;
                relayed++;
            }
        close(fd);
    }
    return NULL;
}

/* What Python does for the sockets meanwhile. */
static void tend_sockets(const uint8_t infohash[INFOHASH], struct rng *rng)
{
    static const uint8_t usual[] = "{\"action\":\"scrape\",\"info_hash\":\"00000000000000000000\"}";
    struct socket_numbers numbers;
    struct unusual *next;
    for (struct unusual *each = sockets_take(sockets); each; each = next) {
        next = each->next;
        if (rng_below(rng, 2))
            sockets_carry_out(sockets, each->serial, usual, sizeof usual - 1);
        else
            sockets_answer(sockets, each->serial, (const uint8_t *)"{}", 2);
        free(each);
    }
    sockets_forget(sockets, infohash);
    sockets_sweep(sockets);
    sockets_share(sockets, rng_below(rng, 1000));
    sockets_read(sockets, &numbers);
}

/* A consumer of changes, which hands what it reads to `apply` again, as if it came from another node. */
static void *replicate(void *none)
{
    struct changes changes;
    int64_t now = time(NULL);
    while (!over) {
        int consumer = store_open_changes(store);
        for (int round = 0; round < 50 && !over && consumer >= 0; round++) {
            if (store_read_changes(store, (unsigned)consumer, 100, &changes) < 0)
                abort();
            for (size_t at = 0; at < changes.count; at++)
                changes.list[at].infohash[19] ^= 1; /* another torrent, so that something is new */
            store_apply(store, changes.list, changes.count, now);
            store_acknowledge_changes(store, (unsigned)consumer, changes.position, changes.positions);
            changes_free(&changes);
            usleep(200);
        }
        store_close_changes(store, (unsigned)consumer);
        struct snapshot_place place = {0, NONE, 0, NONE};
        while (place.shard < SHARDS) {
            if (!store_snapshot(store, &place, &changes))
                abort();
            changes_free(&changes);
        }
    }
    return none;
}

/* Put rules in force that deny some of the clients and addresses, or none. */
static void replace_rules(struct rng *rng)
{
    static const uint8_t text[] = "no", starts[2][4] = {{8, 8, 0, 0}, {8, 8, 1, 0}};
    static const uint32_t numbers[2] = {1, 0};
    const struct client_rule rule = {.length = 3, .prefix = "-XX", .number = 1};
    struct access_table *table = rng_below(rng, 4) ? access_table_new() : NULL;
    if (table) {
        table->texts = malloc(sizeof text);
        table->ends = calloc(2, sizeof *table->ends);
        if (!table->texts || !table->ends || !access_table_set_clients(table, &rule, rng_below(rng, 8) == 0) ||
            !access_table_set_ranges(&table->v4, 4, starts[0], numbers, 2) ||
            !access_table_set_ranges(&table->v6, 16, NULL, NULL, 0))
            abort();
        memcpy(table->texts, text, sizeof text);
        table->ends[1] = 2;
        table->text_count = 2;
    }
    access_replace(store_access(store), table);
}

/* What a metrics page reads: samples of every thread, and the largest swarms. */
static void read_figures(void)
{
    struct large_swarm largest[10];
    store_largest(store, largest, 10);
    for (unsigned number = 0; number < THREADS; number++) {
        const struct sampling *sampling = loop_sampling(loop, number);
        if (atomic_load_explicit(&sampling->written, memory_order_acquire))
            atomic_load_explicit(&sampling->clients[0], memory_order_relaxed);
    }
}

/* What Python does meanwhile: sweep, flush, deny, take deltas and connections over, and read counters. */
static void *maintain(void *none)
{
    struct loop_numbers numbers;
    struct file_numbers files;
    struct file_name names[8];
    uint8_t infohash[INFOHASH] = "00000000000000000000";
    static struct delta deltas[DELTAS_AT_ONCE];
    int64_t now = time(NULL), before;
    struct rng rng = {9};
    while (!over) {
        store_expire(store, now++, 500);
        rows_free(store_take_dirty(store));
        infohash[19] = (uint8_t)('0' + rng_below(&rng, 10));
        store_set_denial_text(store, 1 + rng_below(&rng, 2), infohash, rng_below(&rng, 2) ? INFOHASH : 0);
        store_deny(store, infohash, rng_below(&rng, 2), rng_below(&rng, 3), &before);
        store_explain(store, infohash, rng_below(&rng, 3));
        store_remove(store, infohash);
        tend_sockets(infohash, &rng);
        replace_rules(&rng);
        read_figures();
        store_totals(store);
        store_set_passkey(store, (const uint8_t *)"other", 5, 8);
        store_drop_passkey(store, (const uint8_t *)"other", 5);
        store_restore_session(store, &deltas[0]);
        store_put_back_deltas(store, deltas, store_take_deltas(store, deltas) / 2);
        store_session_totals(store);
        harness_infohash(1 + rng_below(&rng, HARNESS_FILES), infohash);
        uint64_t generation = file_table_generation(rules.files, infohash);
        file_table_drop(rules.files, infohash);
        if (file_table_generation(rules.files, infohash) == generation)
            abort();
        for (unsigned number = 1; number <= HARNESS_FILES; number++)
            harness_keep(rules.files, number, rng_below(&rng, 2));
        file_table_ending(rules.files, rng_below(&rng, 16), INT64_MAX, names, 8);
        file_table_read(rules.files, &files);
        const uint8_t key[32] = {(uint8_t)rng_below(&rng, 256)};
        struct seals seals = {rules.ids->seals.previous, rules.ids->seals.current};
        blake2b_key(&seals.current, key, sizeof key, 4);
        ids_roll(rules.ids, &seals); /* nobody else does */
        memset(infohash, '0', INFOHASH);
        loop_read(loop, &numbers);
        for (struct handover *each = loop_take(loop); each;) {
            struct handover *next = each->next;
            close(each->fd);
            loop_leave(loop, &each->address);
            free(each);
            each = next;
        }
        usleep(1000);
    }
    return none;
}

/* Store the files that are sent from there, and return their folder. */
static int stored_files(char folder[])
{
    static const uint8_t content[HARNESS_LARGE];
    char name[64], path[200];
    if (!mkdtemp(folder))
        abort();
    for (unsigned number = 1; number <= HARNESS_STORED; number++) {
        struct stat found;
        snprintf(path, sizeof path, "%s/%02X", folder, number);
        mkdir(path, 0700);
        snprintf(path, sizeof path, "%s/%02X/%02X", folder, number, number);
        mkdir(path, 0700);
        for (int at = 0; at < INFOHASH - 2; at++)
            snprintf(name + 2 * at, sizeof name - 2 * (size_t)at, "%02X", number);
        snprintf(path, sizeof path, "%s/%02X/%02X/%s.torrent.gz", folder, number, number, name);
        int file = open(path, O_CREAT | O_WRONLY, 0600);
        if (write(file, content, harness_stored(number)) < 0 || fstat(file, &found) < 0)
            abort();
        close(file);
        harness_stamps[number] = (struct file_stamp){
            found.st_ino, (int64_t)found.st_mtim.tv_sec * 1000000000 + found.st_mtim.tv_nsec};
    }
    return open(folder, O_PATH | O_DIRECTORY);
}

static struct sockets *make_sockets(void)
{
    struct socket_settings settings = {.store = store, .rules = &rules, .terms = {120, 10, 3, 12, 8}};
    settings.message = 1 << 16;
    settings.queue = 1 << 16;
    settings.memory = 1 << 18;
    settings.ping_ms = settings.idle_ms = 50;
    settings.connections = 5;
    settings.per_address = 4;
    struct sockets *made = sockets_new(&settings);
    if (!made)
        abort();
    return made;
}

static int forget_file(const char *path, const struct stat *found, int kind, struct FTW *place)
{
    (void)found, (void)kind, (void)place;
    return remove(path);
}

int main(int count, char **words)
{
    char folder[] = "/tmp/races-XXXXXX";
    int root = stored_files(folder);
    struct loop_settings settings = {.listeners = 1, .datagrams = 1, .threads = THREADS, .max_connections = 32};
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    pthread_t threads[2 * CLIENTS + 3], fetchers[CLIENTS], talkers[CLIENTS];
    harness_rules(&rules);
    rules.refuse_private = false;
    rules.files = harness_files(root);
    store = harness_store();
    settings.listener[0] = bound(SOCK_STREAM, 0);
    getsockname(settings.listener[0], (struct sockaddr *)&address, &length);
    port = ntohs(address.sin_port);
    settings.datagram[0] = bound(SOCK_DGRAM, port);
    listen(settings.listener[0], 64);
    settings.store = store;
    settings.rules = &rules;
    settings.header_ms = settings.write_ms = settings.keep_alive_ms = 300;
    settings.per_address = 20;
    settings.sockets = sockets = make_sockets();
    settings.busy = SLICE("HTTP/1.1 503 Service Unavailable\r\n\r\n");
    loop = loop_start(&settings);
    if (!loop || !sockets_start(sockets))
        abort();
    for (uintptr_t at = 0; at < CLIENTS; at++) {
        pthread_create(&threads[2 * at], NULL, ask_http, (void *)(at + 1));
        pthread_create(&threads[2 * at + 1], NULL, ask_udp, (void *)(at + 100));
    }
    for (uintptr_t at = 0; at < CLIENTS; at++)
        pthread_create(&fetchers[at], NULL, fetch_files, (void *)(at + 1000));
    for (uintptr_t at = 0; at < CLIENTS; at++)
        pthread_create(&talkers[at], NULL, talk, (void *)(at + 2000));
    pthread_create(&threads[2 * CLIENTS], NULL, maintain, NULL);
    pthread_create(&threads[2 * CLIENTS + 1], NULL, replicate, NULL);
    pthread_create(&threads[2 * CLIENTS + 2], NULL, replicate, NULL);
    sleep(count > 1 ? (unsigned)atoi(words[1]) : 5);
    over = true;
    for (int at = 0; at <= 2 * CLIENTS + 2; at++)
        pthread_join(threads[at], NULL);
    for (int at = 0; at < CLIENTS; at++)
        pthread_join(fetchers[at], NULL);
    for (int at = 0; at < CLIENTS; at++)
        pthread_join(talkers[at], NULL);
    loop_stop(loop);
    sockets_stop(sockets);
    struct socket_numbers left;
    sockets_read(sockets, &left);
    if (left.open || left.peers || left.held)
        abort();
    sockets_free(sockets);
    loop_free(loop);
    struct file_numbers files;
    file_table_clear(rules.files);
    file_table_read(rules.files, &files);
    if (files.bytes)
        abort();
    file_table_free(rules.files);
    store_free(store);
    close(settings.listener[0]);
    close(settings.datagram[0]);
    nftw(folder, forget_file, 8, FTW_DEPTH | FTW_PHYS);
    close(root);
    printf("%llu answers, %llu files, %llu messages over WebSocket, no race\n", (unsigned long long)answered,
           (unsigned long long)fetched, (unsigned long long)relayed);
    return answered && fetched && relayed ? 0 : 1;
}
