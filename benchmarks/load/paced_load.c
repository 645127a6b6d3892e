/* Announces to a tracker at a fixed rate, over UDP and HTTP, whatever it answers, and prints one JSON line for each.
 *
 * An open loop: requests fall due at even times and wait for nobody; latency counts from when a request was due, so
 * a server that stalls is charged for everyone who would have waited. The lateness of this program, from due to sent, is
 * told beside it. Over HTTP connections are kept and a due request takes the first that is free; over UDP a request
 * without a reply is sent again after --patience-ms, three times in all, then it is lost. Bounded by --seconds.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"
#include "bencoded.h"
#include "histogram.h"
#include "http_reply.h"
#include "options.h"
#include "population.h"
#include "udp_packets.h"

#define REQUEST_BYTES 512
#define REPLY_BYTES 32768
#define WAITING_MOST 65536 /* requests that may be due and unanswered; a power of two */
#define FLOWS 16
#define CONNECTIONS 64
#define BATCH 64
#define TRIES 3
#define GREETING UINT32_C(0xffffffff)
#define RENEWAL (50 * SECOND) /* BEP 15: a connection id is good for a minute */

struct lane {
    uint64_t rate;
    uint64_t next; /* when the next request is due */
    uint64_t replies, errors, lost, again;
    struct histogram latency, lateness;
};

/* A datagram under way; its place in the table is its transaction id. */
struct datagram {
    uint64_t due, deadline;
    uint32_t flow;
    uint8_t tries;
    uint8_t packet[PACKET_BYTES];
};

struct flow {
    int fd;
    uint64_t connection, greeted, connected;
};

struct connection {
    int fd;
    bool busy;
    uint32_t source;
    uint64_t due;
    size_t received;
    uint8_t reply[REPLY_BYTES];
};

struct load {
    struct task task;
    struct population population;
    struct lane udp, http;
    struct flow flows[FLOWS];
    struct datagram datagrams[WAITING_MOST];
    uint32_t oldest, newest; /* transactions under way are between these two */
    struct connection connections[CONNECTIONS];
    uint64_t waiting[WAITING_MOST]; /* when HTTP requests fell due that no connection was free for */
    uint32_t first, behind;
    int epoll;
    uint64_t now;
};

static struct load load;

static void watch(int fd, void *subject)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = subject};
    if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, fd, &event))
        broken("epoll_ctl");
}

static void answered(struct lane *lane, uint64_t due)
{
    lane->replies++;
    histogram_add(&lane->latency, load.now - due);
}

/* UDP */

static void greet(struct flow *flow)
{
    uint8_t packet[16];
    put64(packet, PROTOCOL);
    put32(packet + 8, CONNECT);
    put32(packet + 12, GREETING);
    flow->greeted = load.now;
    (void)!send(flow->fd, packet, sizeof packet, 0);
}

static void send_datagram(struct datagram *datagram)
{
    struct flow *flow = &load.flows[datagram->flow];
    put64(datagram->packet, flow->connection);
    datagram->deadline = load.now + load.task.patience;
    if (datagram->tries++)
        load.udp.again++;
    (void)!send(flow->fd, datagram->packet, sizeof datagram->packet, 0);
}

static void start_datagram(uint64_t due)
{
    uint32_t transaction = load.newest;
    struct datagram *datagram = &load.datagrams[transaction % WAITING_MOST];
    struct announce announce;
    if (datagram->tries) {
        load.udp.lost++;
        return;
    }
    *datagram = (struct datagram){.due = due, .flow = transaction % FLOWS};
    if (!load.flows[datagram->flow].connected) {
        load.udp.errors++;
        return;
    }
    population_next(&load.population, datagram->flow % load.population.addresses, &announce);
    write_announce(&load.population, &announce, load.task.numwant, datagram->packet);
    put32(datagram->packet + 8, ANNOUNCE);
    put32(datagram->packet + 12, transaction);
    histogram_add(&load.udp.lateness, load.now - due);
    send_datagram(datagram);
    load.newest = (transaction + 1) % GREETING;
}

static void take_datagram(struct flow *flow, const uint8_t *reply, size_t length)
{
    uint32_t transaction = length >= 8 ? take32(reply + 4) : 0;
    struct datagram *datagram = &load.datagrams[transaction % WAITING_MOST];
    if (length == 16 && transaction == GREETING && take32(reply) == CONNECT) {
        memcpy(&flow->connection, reply + 8, sizeof flow->connection);
        flow->connection = be64toh(flow->connection);
        flow->connected = load.now;
        return;
    }
    if (length < 8 || !datagram->tries || take32(datagram->packet + 12) != transaction)
        return; /* the reply to a packet that was sent again */
    if (well_formed(ANNOUNCE, reply, length))
        answered(&load.udp, datagram->due);
    else
        load.udp.errors++;
    datagram->tries = 0;
}

static void receive_datagrams(struct flow *flow)
{
    uint8_t reply[2048];
    for (ssize_t got; (got = recv(flow->fd, reply, sizeof reply, MSG_DONTWAIT)) >= 0;) {
        load.now = now_ns();
        take_datagram(flow, reply, (size_t)got);
    }
}

static void sweep_datagrams(void)
{
    for (uint32_t index = 0; index < FLOWS; index++) {
        struct flow *flow = &load.flows[index];
        if ((!flow->connected || load.now > flow->connected + RENEWAL) && load.now > flow->greeted + SECOND)
            greet(flow);
    }
    for (; load.oldest != load.newest && !load.datagrams[load.oldest % WAITING_MOST].tries;)
        load.oldest = (load.oldest + 1) % GREETING;
    for (uint32_t at = load.oldest; at != load.newest; at = (at + 1) % GREETING) {
        struct datagram *datagram = &load.datagrams[at % WAITING_MOST];
        if (!datagram->tries || load.now < datagram->deadline)
            continue;
        if (datagram->tries < TRIES) {
            send_datagram(datagram);
        } else {
            datagram->tries = 0;
            load.udp.lost++;
        }
    }
}

/* HTTP */

static bool open_connection(struct connection *connection)
{
    int yes = 1;
    struct sockaddr_in source = source_endpoint(connection->source);
    struct sockaddr_in server = endpoint(load.task.address, load.task.port);
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0)
        broken("socket");
    setsockopt(connection->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (bind(connection->fd, (struct sockaddr *)&source, sizeof source)
        || connect(connection->fd, (struct sockaddr *)&server, sizeof server)) {
        close(connection->fd);
        connection->fd = -1;
        return false;
    }
    watch(connection->fd, connection);
    return true;
}

static void close_connection(struct connection *connection)
{
    close(connection->fd);
    connection->fd = -1;
    connection->busy = false;
}

static void escape(const uint8_t hash[HASH_BYTES], char escaped[3 * HASH_BYTES + 1])
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t at = 0; at < HASH_BYTES; at++) {
        escaped[3 * at] = '%';
        escaped[3 * at + 1] = digits[hash[at] >> 4];
        escaped[3 * at + 2] = digits[hash[at] & 15];
    }
    escaped[3 * HASH_BYTES] = '\0';
}

static void send_request(struct connection *connection, uint64_t due)
{
    static const char *const events[] = {"", "&event=completed", "&event=started", "&event=stopped"};
    char request[REQUEST_BYTES], hash[3 * HASH_BYTES + 1];
    struct announce announce;
    population_next(&load.population, connection->source, &announce);
    escape(load.population.hashes[announce.torrent], hash);
    int length = snprintf(request, sizeof request,
                          "GET /announce?info_hash=%s&peer_id=-PB0100-benchmark%03u&port=%u&uploaded=0&downloaded=0"
                          "&left=%u%s&compact=1&numwant=%u HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                          "User-Agent: load/1.0\r\nConnection: keep-alive\r\n\r\n",
                          hash, announce.port % 1000U, announce.port, announce.seeder ? 0 : 1048576,
                          events[announce.event], load.task.numwant, load.task.port);
    connection->busy = true;
    connection->due = due;
    connection->received = 0;
    histogram_add(&load.http.lateness, load.now - due);
    if (send(connection->fd, request, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT) != length) {
        load.http.errors++;
        close_connection(connection);
    }
}

/* Gives the requests that wait to the connections that are free. */
static void send_waiting(void)
{
    for (uint32_t index = 0; index < CONNECTIONS && load.first != load.behind; index++) {
        struct connection *connection = &load.connections[index];
        if (connection->busy)
            continue;
        if (connection->fd < 0 && !open_connection(connection)) {
            load.http.errors++;
            load.first++;
            continue;
        }
        send_request(connection, load.waiting[load.first++ % WAITING_MOST]);
    }
}

static void start_request(uint64_t due)
{
    if (load.behind - load.first == WAITING_MOST) {
        load.http.lost++;
        return;
    }
    load.waiting[load.behind++ % WAITING_MOST] = due;
    send_waiting();
}

static void receive_reply(struct connection *connection)
{
    struct head head;
    struct reply_facts facts;
    ssize_t got = recv(connection->fd, connection->reply + connection->received, REPLY_BYTES - connection->received,
                       MSG_DONTWAIT);
    load.now = now_ns();
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        load.http.errors += connection->busy; /* an idle one may be ended at any time */
        close_connection(connection);
        return;
    }
    connection->received += (size_t)got;
    if (!read_head((const char *)connection->reply, connection->received, &head))
        return;
    if (head.body_length < 0 || connection->received < head.length + (size_t)head.body_length)
        return;
    bool whole = read_announce_reply(connection->reply + head.length, (size_t)head.body_length, &facts);
    if (head.status == 200 && whole && facts.has_peers && !facts.failed)
        answered(&load.http, connection->due);
    else
        load.http.errors++;
    connection->busy = false;
    if (head.ends)
        close_connection(connection);
    send_waiting();
}

static void sweep_connections(void)
{
    for (uint32_t index = 0; index < CONNECTIONS; index++) {
        struct connection *connection = &load.connections[index];
        if (connection->busy && load.now > connection->due + 10 * load.task.patience) {
            load.http.lost++;
            close_connection(connection);
        }
    }
    send_waiting();
}

static void receive(void *subject)
{
    struct flow *flow = subject;
    if (flow >= load.flows && flow < load.flows + FLOWS)
        receive_datagrams(flow);
    else if (((struct connection *)subject)->fd >= 0)
        receive_reply(subject);
}

static void start_due(struct lane *lane, void start(uint64_t due))
{
    for (int count = 0; lane->rate && lane->next <= load.now && count < BATCH; count++) {
        start(lane->next);
        lane->next += SECOND / lane->rate;
    }
}

static uint64_t next_due(void)
{
    uint64_t udp = load.udp.rate ? load.udp.next : UINT64_MAX;
    uint64_t http = load.http.rate ? load.http.next : UINT64_MAX;
    return udp < http ? udp : http;
}

static void step(uint64_t *next_sweep)
{
    struct epoll_event events[BATCH];
    uint64_t due = next_due() < *next_sweep ? next_due() : *next_sweep;
    uint64_t pause = due > load.now ? due - load.now : 0;
    struct timespec wait = {.tv_sec = (time_t)(pause / SECOND), .tv_nsec = (long)(pause % SECOND)};
    int ready = epoll_pwait2(load.epoll, events, BATCH, &wait, NULL);
    load.now = now_ns();
    for (int index = 0; index < ready; index++)
        receive(events[index].data.ptr);
    load.now = now_ns();
    if (load.now < *next_sweep)
        return;
    sweep_datagrams();
    sweep_connections();
    *next_sweep = load.now + 20 * MILLISECOND;
}

static void run(void)
{
    uint64_t next_sweep = 0;
    uint64_t start = load.now + 500 * MILLISECOND; /* time for the connects of BEP 15 */
    uint64_t end = start + load.task.seconds * SECOND;
    load.udp.next = load.http.next = start;
    while (!stopping && load.now < end) {
        step(&next_sweep);
        start_due(&load.udp, start_datagram);
        start_due(&load.http, start_request);
    }
    load.udp.rate = load.http.rate = 0; /* what is under way may still be answered */
    for (end = load.now + load.task.patience; load.now < end;)
        step(&next_sweep);
}

static void print_lane(const char *name, const struct lane *lane)
{
    printf("{\"lane\": \"%s\", \"replies\": %lu, \"errors\": %lu, \"lost\": %lu, \"sent_again\": %lu, \"p50_us\": %.1f, "
           "\"p99_us\": %.1f, \"p999_us\": %.1f, \"longest_us\": %.1f, \"late_p99_us\": %.1f}\n",
           name, lane->replies, lane->errors, lane->lost, lane->again, histogram_us(&lane->latency, 0.50),
           histogram_us(&lane->latency, 0.99), histogram_us(&lane->latency, 0.999), (double)lane->latency.longest / 1e3,
           histogram_us(&lane->lateness, 0.99));
}

static const char usage[] = "--port N [--udp-rate 1000 (/s)] [--http-rate 500 (/s)]" TASK_USAGE;

static const struct option names[] = {
    {"udp-rate", required_argument, NULL, 'u'},
    {"http-rate", required_argument, NULL, 'h'},
    TASK_OPTIONS,
};

static void read_options(int count, char **arguments)
{
    load.task = default_task(SECOND);
    load.population = default_population(FLOWS);
    load.udp.rate = 1000;
    load.http.rate = 500;
    for (int name; (name = getopt_long(count, arguments, "", names, NULL)) != -1;) {
        if (name == 'u')
            load.udp.rate = number("--udp-rate", optarg, 0, 1000000);
        else if (name == 'h')
            load.http.rate = number("--http-rate", optarg, 0, 1000000);
        else if (!read_task_option(&load.task, &load.population, name, optarg))
            refuse("paced_load", usage);
    }
    if (optind != count || !load.task.port || load.population.fill)
        refuse("paced_load", usage);
}

static void open_flow(struct flow *flow, uint32_t source)
{
    int room = 1 << 20;
    struct sockaddr_in own = source_endpoint(source % load.population.addresses);
    struct sockaddr_in server = endpoint(load.task.address, load.task.port);
    flow->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (flow->fd < 0)
        broken("socket");
    setsockopt(flow->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (bind(flow->fd, (struct sockaddr *)&own, sizeof own)
        || connect(flow->fd, (struct sockaddr *)&server, sizeof server))
        broken("connect");
    watch(flow->fd, flow);
}

static void open_load(void)
{
    stop_by_signals();
    population_open(&load.population);
    load.now = now_ns();
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load.epoll < 0)
        broken("epoll_create1");
    for (uint32_t index = 0; index < FLOWS; index++)
        open_flow(&load.flows[index], index);
    for (uint32_t index = 0; index < CONNECTIONS; index++) {
        load.connections[index].fd = -1;
        load.connections[index].source = index % load.population.addresses;
    }
}

int main(int count, char **arguments)
{
    read_options(count, arguments);
    open_load();
    run();
    print_lane("udp", &load.udp);
    print_lane("http", &load.http);
    population_close(&load.population);
    return 0;
}
