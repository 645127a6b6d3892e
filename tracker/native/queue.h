/* A hash table whose records are also in a list, the one that was added or moved to its end longest ago first. */
#ifndef PEERAGE_QUEUE_H
#define PEERAGE_QUEUE_H

#include "table.h"

/* Behind the key of every record, whose length is a multiple of four. */
struct links {
    uint32_t older, newer; /* NONE: it is the first, the last */
};

struct queue {
    struct table table;
    uint32_t first, last;
};

void queue_init(struct queue *queue, const struct secret *secret, uint32_t width, uint32_t key_length);
void queue_free(struct queue *queue);
/* Add a key that is not there at the end, the rest of its record zero; NONE: no memory. */
uint32_t queue_add(struct queue *queue, const uint8_t *key, uint64_t hash);
void queue_remove(struct queue *queue, uint32_t slot);
void queue_move_to_end(struct queue *queue, uint32_t slot);
struct links *queue_links(const struct queue *queue, uint32_t slot);

#endif
