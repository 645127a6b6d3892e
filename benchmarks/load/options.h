/* The options that both load programs share: target, amount, duration and source addresses. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "arguments.h"
#include "population.h"

struct task {
    struct in_addr address;
    uint16_t port;
    uint32_t numwant;
    uint64_t seconds;
    uint64_t requests; /* good replies after which it is enough */
    uint64_t patience; /* ns that a reply may take */
};

#define TASK_USAGE                                                                                                    \
    " [--address 127.0.0.1]\n  [--torrents 1000] [--peers 60] [--addresses N] [--seeders 50 (%)] [--events 10 (%)]"    \
    " [--numwant 50]\n  [--fill] [--seconds 3] [--requests N] [--patience-ms N] [--seed 1]"

#define TASK_OPTIONS                                                                                                  \
    {"address", required_argument, NULL, 'a'}, {"port", required_argument, NULL, 'p'},                                \
    {"fill", no_argument, NULL, 'F'}, {"torrents", required_argument, NULL, 't'},                                     \
    {"peers", required_argument, NULL, 'P'}, {"addresses", required_argument, NULL, 'A'},                             \
    {"seeders", required_argument, NULL, 's'}, {"events", required_argument, NULL, 'e'},                              \
    {"numwant", required_argument, NULL, 'n'}, {"seconds", required_argument, NULL, 'S'},                             \
    {"requests", required_argument, NULL, 'r'}, {"patience-ms", required_argument, NULL, 'w'},                        \
    {"seed", required_argument, NULL, 'R'}, {NULL, 0, NULL, 0}

static inline struct task default_task(uint64_t patience)
{
    return (struct task){.address = loopback("127.0.0.1"), .numwant = 50, .seconds = 3,
                         .requests = UINT64_C(1000000000), .patience = patience};
}

static inline struct population default_population(uint32_t addresses)
{
    return (struct population){.torrents = 1000, .peers = 60, .addresses = addresses, .seeders = 50, .events = 10,
                               .random = 1};
}

/* Takes one option; false when it is not one of these. */
static inline bool read_task_option(struct task *task, struct population *population, int name, const char *text)
{
    switch (name) {
    case 'a': task->address = loopback(text); return true;
    case 'p': task->port = (uint16_t)number("--port", text, 1, 65535); return true;
    case 'n': task->numwant = (uint32_t)number("--numwant", text, 0, 200); return true;
    case 'S': task->seconds = number("--seconds", text, 1, 600); return true;
    case 'r': task->requests = number("--requests", text, 1, UINT64_C(1000000000)); return true;
    case 'w': task->patience = number("--patience-ms", text, 10, 60000) * MILLISECOND; return true;
    case 'F': population->fill = true; return true;
    case 't': population->torrents = (uint32_t)number("--torrents", text, 1, TORRENTS_MOST); return true;
    case 'P': population->peers = (uint32_t)number("--peers", text, 1, PEERS_MOST); return true;
    case 'A': population->addresses = (uint32_t)number("--addresses", text, 1, ADDRESSES_MOST); return true;
    case 's': population->seeders = (uint32_t)number("--seeders", text, 0, 100); return true;
    case 'e': population->events = (uint32_t)number("--events", text, 0, 100); return true;
    case 'R': population->random = number("--seed", text, 0, UINT64_MAX); return true;
    default: return false;
    }
}

#endif
