/* Announces and scrapes at a UDP tracker (BEP 15) on this machine and prints one JSON line of what came back.
 *
 * Several sockets, each with a connection id of its own and a window of requests under way; packets leave and arrive
 * in batches. A request without a reply is sent again after --patience-ms, three times in all, then it is lost.
 * Latency counts from the first sending. Bounded by --seconds and --requests, whichever ends first.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"
#include "histogram.h"
#include "options.h"
#include "population.h"
#include "udp_packets.h"

#define FLOWS_MOST 64
#define WINDOW_MOST 256
#define WINDOW_BITS 8
#define REPLY_BYTES 2048
#define TRIES 3
#define GREETING UINT32_C(0xffffffff) /* the transaction of every connect */
#define RENEWAL (50 * SECOND)         /* BEP 15: a connection id is good for a minute */

struct exchange {
    uint64_t asked;
    uint64_t deadline;
    uint32_t round; /* tells a late reply from one to the slot's present request */
    uint8_t tries;  /* 0: nothing under way */
    size_t length;
    enum action action;
    uint8_t packet[PACKET_BYTES];
};

struct flow {
    int fd;
    uint32_t source;
    uint64_t connection;
    uint64_t greeted;       /* when a connect was last sent */
    uint64_t connected;     /* when it was last answered; 0 before that */
    bool finished;
    uint32_t under_way;
    struct exchange exchanges[WINDOW_MOST];
};

struct options {
    struct task task;
    uint32_t flows, window, scrapes;
};

struct tally {
    uint64_t replies, announces, scrapes, bytes, announce_bytes, peers;
    uint64_t errors, malformed, late, again, lost;
};

struct load {
    struct options options;
    struct population population;
    struct tally tally;
    struct histogram latency;
    struct flow *flows;
    int epoll;
    uint64_t now;
};

/* Packets of one system call. */
struct batch {
    struct mmsghdr messages[WINDOW_MOST];
    struct iovec parts[WINDOW_MOST];
    uint8_t replies[WINDOW_MOST][REPLY_BYTES];
};

static struct batch batch;
/* Fills a free slot with the next request of a flow; false when there is none left. */
static bool write_request(struct load *load, struct flow *flow, uint32_t slot)
{
    struct exchange *exchange = &flow->exchanges[slot];
    struct announce announce;
    if (!load->population.fill && population_below(&load->population, 100) < load->options.scrapes)
        exchange->action = SCRAPE;
    else if (population_next(&load->population, flow->source, &announce))
        exchange->action = ANNOUNCE;
    else
        return false;
    exchange->length = exchange->action == SCRAPE
                           ? write_scrape(&load->population, exchange->packet)
                           : write_announce(&load->population, &announce, load->options.task.numwant, exchange->packet);
    exchange->round = (exchange->round + 1) & (UINT32_MAX >> (WINDOW_BITS + 1)); /* never a GREETING */
    exchange->asked = load->now;
    exchange->tries = 0;
    put32(exchange->packet + 8, exchange->action);
    put32(exchange->packet + 12, exchange->round << WINDOW_BITS | slot);
    return true;
}

/* Puts a request into the batch, under the connection id of now. */
static void post(struct load *load, struct flow *flow, struct exchange *exchange, uint32_t index)
{
    put64(exchange->packet, flow->connection);
    exchange->deadline = load->now + load->options.task.patience;
    exchange->tries++;
    batch.parts[index] = (struct iovec){exchange->packet, exchange->length};
    batch.messages[index].msg_hdr = (struct msghdr){.msg_iov = &batch.parts[index], .msg_iovlen = 1};
}

/* Sends the batch. What the socket does not take is sent again like what the network loses. */
static void send_batch(const struct flow *flow, uint32_t count)
{
    if (count && sendmmsg(flow->fd, batch.messages, count, 0) < 0 && errno != EAGAIN && errno != ECONNREFUSED)
        broken("sendmmsg");
}

static void fill_window(struct load *load, struct flow *flow)
{
    uint32_t count = 0;
    if (!flow->connected || flow->finished)
        return;
    for (uint32_t slot = 0; slot < load->options.window; slot++) {
        if (flow->exchanges[slot].tries)
            continue;
        if (!write_request(load, flow, slot)) {
            flow->finished = true;
            break;
        }
        post(load, flow, &flow->exchanges[slot], count++);
    }
    flow->under_way += count;
    send_batch(flow, count);
}

static void greet(struct load *load, struct flow *flow)
{
    uint8_t packet[16];
    put64(packet, PROTOCOL);
    put32(packet + 8, CONNECT);
    put32(packet + 12, GREETING);
    flow->greeted = load->now;
    if (send(flow->fd, packet, sizeof packet, 0) < 0 && errno != EAGAIN && errno != ECONNREFUSED)
        broken("send");
}

static void judge(struct load *load, const struct exchange *exchange, const uint8_t *reply, size_t length)
{
    struct tally *tally = &load->tally;
    if (take32(reply) == ERROR) {
        tally->errors++;
        return;
    }
    if (!well_formed(exchange->action, reply, length)) {
        tally->malformed++;
        return;
    }
    tally->replies++;
    tally->bytes += length;
    histogram_add(&load->latency, load->now - exchange->asked);
    if (exchange->action == SCRAPE) {
        tally->scrapes++;
        return;
    }
    tally->announces++;
    tally->announce_bytes += length;
    tally->peers += (length - 20) / 6;
}

static void take_reply(struct load *load, struct flow *flow, const uint8_t *reply, size_t length)
{
    uint32_t transaction = length >= 8 ? take32(reply + 4) : 0;
    uint32_t slot = transaction & ((1U << WINDOW_BITS) - 1);
    struct exchange *exchange = &flow->exchanges[slot];
    if (length == 16 && transaction == GREETING && take32(reply) == CONNECT) {
        memcpy(&flow->connection, reply + 8, sizeof flow->connection);
        flow->connection = be64toh(flow->connection);
        flow->connected = load->now;
    } else if (length < 8) {
        load->tally.malformed++;
    } else if (!exchange->tries || exchange->round != transaction >> WINDOW_BITS) {
        load->tally.late++;
    } else {
        judge(load, exchange, reply, length);
        exchange->tries = 0;
        flow->under_way--;
    }
}

static void receive(struct load *load, struct flow *flow)
{
    for (uint32_t index = 0; index < load->options.window; index++) {
        batch.parts[index] = (struct iovec){batch.replies[index], REPLY_BYTES};
        batch.messages[index].msg_hdr = (struct msghdr){.msg_iov = &batch.parts[index], .msg_iovlen = 1};
    }
    int got = recvmmsg(flow->fd, batch.messages, load->options.window, MSG_DONTWAIT, NULL);
    load->now = now_ns();
    for (int index = 0; index < got; index++)
        take_reply(load, flow, batch.replies[index], batch.messages[index].msg_len);
    fill_window(load, flow);
}

/* Sends again what has waited too long, and gives up what was sent often enough. */
static void send_again(struct load *load, struct flow *flow)
{
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < load->options.window; slot++) {
        struct exchange *exchange = &flow->exchanges[slot];
        if (!exchange->tries || load->now < exchange->deadline)
            continue;
        if (exchange->tries < TRIES) {
            post(load, flow, exchange, count++);
            continue;
        }
        exchange->tries = 0;
        flow->under_way--;
        load->tally.lost++;
    }
    load->tally.again += count;
    send_batch(flow, count);
}

static void sweep(struct load *load)
{
    for (uint32_t index = 0; index < load->options.flows; index++) {
        struct flow *flow = &load->flows[index];
        bool due = !flow->connected || load->now > flow->connected + RENEWAL;
        if (due && load->now > flow->greeted + load->options.task.patience)
            greet(load, flow);
        send_again(load, flow);
        fill_window(load, flow);
    }
}

static bool finished(const struct load *load)
{
    if (load->tally.replies >= load->options.task.requests)
        return true;
    for (uint32_t index = 0; index < load->options.flows; index++)
        if (!load->flows[index].finished || load->flows[index].under_way)
            return false;
    return true;
}

static void run(struct load *load)
{
    struct epoll_event events[FLOWS_MOST];
    uint64_t next_sweep = 0;
    load->now = now_ns();
    uint64_t end = load->now + load->options.task.seconds * SECOND;
    while (!stopping && load->now < end && !finished(load)) {
        if (load->now >= next_sweep) {
            sweep(load);
            next_sweep = load->now + 20 * MILLISECOND;
        }
        int ready = epoll_wait(load->epoll, events, FLOWS_MOST, 10);
        load->now = now_ns();
        for (int index = 0; index < ready; index++)
            receive(load, events[index].data.ptr);
    }
}

static void print_result(const struct load *load, double seconds)
{
    const struct tally *tally = &load->tally;
    double replies = tally->replies ? (double)tally->replies : 1;
    double announces = tally->announces ? (double)tally->announces : 1;
    printf("{\"requests\": %lu, \"failures\": %lu, \"announces\": %lu, \"scrapes\": %lu, \"errors\": %lu, "
           "\"malformed\": %lu, \"lost\": %lu, \"sent_again\": %lu, \"late\": %lu, ",
           tally->replies, tally->errors + tally->malformed + tally->lost, tally->announces, tally->scrapes,
           tally->errors, tally->malformed, tally->lost, tally->again, tally->late);
    printf("\"seconds\": %.4f, \"rps\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"longest_us\": %.1f, "
           "\"bytes_per_reply\": %.1f, \"body_per_reply\": %.1f, \"peers_per_reply\": %.2f, \"cpu_seconds\": %.4f}\n",
           seconds, (double)tally->replies / seconds, histogram_us(&load->latency, 0.50),
           histogram_us(&load->latency, 0.99), (double)load->latency.longest / 1e3, (double)tally->bytes / replies,
           (double)tally->announce_bytes / announces, (double)tally->peers / announces, cpu_seconds());
}

static const char usage[] = "--port N [--sockets 8] [--window 24] [--scrapes 5 (%)]" TASK_USAGE;

static const struct option names[] = {
    {"sockets", required_argument, NULL, 'c'},
    {"window", required_argument, NULL, 'W'},
    {"scrapes", required_argument, NULL, 'x'},
    TASK_OPTIONS,
};

static void read_options(struct load *load, int count, char **arguments)
{
    struct options *options = &load->options;
    *options = (struct options){.task = default_task(500 * MILLISECOND), .flows = 8, .window = 24, .scrapes = 5};
    load->population = default_population(8);
    for (int name; (name = getopt_long(count, arguments, "", names, NULL)) != -1;) {
        if (name == 'c')
            options->flows = (uint32_t)number("--sockets", optarg, 1, FLOWS_MOST);
        else if (name == 'W')
            options->window = (uint32_t)number("--window", optarg, 1, WINDOW_MOST);
        else if (name == 'x')
            options->scrapes = (uint32_t)number("--scrapes", optarg, 0, 100);
        else if (!read_task_option(&options->task, &load->population, name, optarg))
            refuse("udp_load", usage);
    }
    if (optind != count || !options->task.port)
        refuse("udp_load", usage);
}

static void open_flow(struct load *load, struct flow *flow, uint32_t source)
{
    int room = 1 << 20;
    struct sockaddr_in own = source_endpoint(source);
    struct sockaddr_in server = endpoint(load->options.task.address, load->options.task.port);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = flow};
    flow->source = source;
    flow->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (flow->fd < 0)
        broken("socket");
    setsockopt(flow->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (bind(flow->fd, (struct sockaddr *)&own, sizeof own)
        || connect(flow->fd, (struct sockaddr *)&server, sizeof server))
        broken("connect");
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, flow->fd, &event))
        broken("epoll_ctl");
}

static void open_load(struct load *load)
{
    stop_by_signals();
    population_open(&load->population);
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->flows = calloc(load->options.flows, sizeof *load->flows);
    if (load->epoll < 0 || !load->flows)
        broken("udp_load");
    for (uint32_t index = 0; index < load->options.flows; index++)
        open_flow(load, &load->flows[index], index % load->population.addresses);
}

static void close_load(struct load *load)
{
    for (uint32_t index = 0; index < load->options.flows; index++)
        close(load->flows[index].fd);
    close(load->epoll);
    free(load->flows);
    population_close(&load->population);
}

int main(int count, char **arguments)
{
    static struct load load;
    read_options(&load, count, arguments);
    open_load(&load);
    uint64_t start = now_ns();
    run(&load);
    print_result(&load, (double)(now_ns() - start) / 1e9);
    close_load(&load);
    return 0;
}
