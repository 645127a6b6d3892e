/* What is told of denied torrents: texts by number, looked up only for who is refused. */
#include "denials.h"

#include <stdlib.h>
#include <string.h>

void denials_init(struct denial_texts *texts)
{
    pthread_mutex_init(&texts->mutex, NULL);
    texts->list = NULL;
    texts->room = 0;
}

void denials_destroy(struct denial_texts *texts)
{
    for (uint32_t at = 0; at < texts->room; at++)
        free(texts->list[at]);
    free(texts->list);
    pthread_mutex_destroy(&texts->mutex);
}

/* Have room for a number; false: no memory. */
static bool reach(struct denial_texts *texts, uint32_t number)
{
    if (number < texts->room)
        return true;
    uint32_t room = texts->room ? texts->room : 16;
    while (room <= number)
        room *= 2;
    struct denial **list = realloc(texts->list, room * sizeof *list);
    if (!list)
        return false;
    memset(list + texts->room, 0, (room - texts->room) * sizeof *list);
    texts->list = list;
    texts->room = room;
    return true;
}

bool denials_set(struct denial_texts *texts, uint32_t number, const uint8_t *text, size_t length)
{
    if (number >= MOST_REASONS || length > DENIAL_MOST)
        return false;
    struct denial *told = length ? malloc(sizeof *told) : NULL;
    if (length && !told)
        return false;
    if (told) {
        memcpy(told->text, text, length);
        told->length = length;
    }
    pthread_mutex_lock(&texts->mutex);
    bool good = reach(texts, number);
    if (good) {
        free(texts->list[number]);
        texts->list[number] = told;
    } else
        free(told);
    pthread_mutex_unlock(&texts->mutex);
    return good;
}

void denials_tell(struct denial_texts *texts, uint32_t number, struct denial *out)
{
    out->length = 0;
    if (!number)
        return;
    pthread_mutex_lock(&texts->mutex);
    const struct denial *told = number < texts->room ? texts->list[number] : NULL;
    if (told) {
        memcpy(out->text, told->text, told->length);
        out->length = told->length;
    }
    pthread_mutex_unlock(&texts->mutex);
}
