/* What is told of denied torrents, by number, as tracker/denial_texts.py gives them out. */
#ifndef PEERAGE_DENIALS_H
#define PEERAGE_DENIALS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access.h"

struct denial_texts {
    pthread_mutex_t mutex; /* taken inside a shard's or alone, and nothing inside it */
    struct denial **list;  /* NULL at a number that has no text */
    uint32_t room;
};

void denials_init(struct denial_texts *texts);
void denials_destroy(struct denial_texts *texts);
/* Give a number a text of at most DENIAL_MOST bytes, or with an empty one none any more; false: no memory. */
bool denials_set(struct denial_texts *texts, uint32_t number, const uint8_t *text, size_t length);
/* Copy the text of a number; one of length 0 where it has none. */
void denials_tell(struct denial_texts *texts, uint32_t number, struct denial *out);

#endif
