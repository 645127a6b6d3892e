/* A hash table whose records are also in a list: the links, which follow a record when the table moves it. */
#include "queue.h"

void queue_init(struct queue *queue, const struct secret *secret, uint32_t width, uint32_t key_length)
{
    table_init_keys(&queue->table, secret, width, key_length);
    queue->first = queue->last = NONE;
}

void queue_free(struct queue *queue)
{
    table_free(&queue->table);
    queue->first = queue->last = NONE;
}

struct links *queue_links(const struct queue *queue, uint32_t slot)
{
    uint8_t *record = table_at(&queue->table, slot);
    return (struct links *)(void *)(record + offsetof(struct record, key) + queue->table.key_length);
}

/* Let the neighbours of a place in the list, or its ends, point to these two. */
static void set_neighbours(struct queue *queue, struct links links, uint32_t newer_of_older, uint32_t older_of_newer)
{
    if (links.older == NONE)
        queue->first = newer_of_older;
    else
        queue_links(queue, links.older)->newer = newer_of_older;
    if (links.newer == NONE)
        queue->last = older_of_newer;
    else
        queue_links(queue, links.newer)->older = older_of_newer;
}

static void append(struct queue *queue, uint32_t slot)
{
    struct links *links = queue_links(queue, slot);
    *links = (struct links){queue->last, NONE};
    set_neighbours(queue, *links, slot, slot);
}

uint32_t queue_add(struct queue *queue, const uint8_t *key, uint64_t hash)
{
    uint32_t slot = table_add(&queue->table, key, hash);
    if (slot != NONE)
        append(queue, slot);
    return slot;
}

void queue_move_to_end(struct queue *queue, uint32_t slot)
{
    struct links links = *queue_links(queue, slot);
    if (links.newer == NONE)
        return;
    set_neighbours(queue, links, links.newer, links.older);
    append(queue, slot);
}

void queue_remove(struct queue *queue, uint32_t slot)
{
    struct links links = *queue_links(queue, slot);
    set_neighbours(queue, links, links.newer, links.older);
    uint32_t moved = queue->table.size - 1;
    table_remove(&queue->table, slot);
    if (slot != moved)
        set_neighbours(queue, *queue_links(queue, slot), slot, slot);
}
