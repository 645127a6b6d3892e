/* A timing wheel for connection timeouts: a list per tick; extending a timeout costs nothing until its tick. */
#ifndef PEERAGE_TIMING_WHEEL_H
#define PEERAGE_TIMING_WHEEL_H

#include <stddef.h>
#include <stdint.h>

enum { WHEEL_SLOTS = 512, WHEEL_TICK_MS = 200 };

struct timer {
    struct timer *next, **place; /* place: what points here; NULL while on no list */
    uint32_t due, seen;          /* ticks; `seen` is when the wheel looks at it next, never after `due` */
};

struct wheel {
    uint32_t tick;
    size_t count;
    struct timer *slots[WHEEL_SLOTS];
};

static inline void wheel_unlink(struct wheel *wheel, struct timer *timer)
{
    if (!timer->place)
        return;
    *timer->place = timer->next;
    if (timer->next)
        timer->next->place = timer->place;
    timer->place = NULL;
    wheel->count--;
}

static inline void wheel_link(struct wheel *wheel, struct timer *timer)
{
    uint32_t ahead = timer->due - wheel->tick;
    if (ahead == 0)
        ahead = 1;
    if (ahead >= WHEEL_SLOTS)
        ahead = WHEEL_SLOTS - 1;
    timer->seen = wheel->tick + ahead;
    struct timer **slot = &wheel->slots[timer->seen % WHEEL_SLOTS];
    timer->next = *slot;
    timer->place = slot;
    if (timer->next)
        timer->next->place = &timer->next;
    *slot = timer;
    wheel->count++;
}

/* Set a timer that many milliseconds ahead; it is moved only where the wheel would come too late. */
static inline void wheel_expect(struct wheel *wheel, struct timer *timer, uint32_t milliseconds)
{
    timer->due = wheel->tick + 1 + milliseconds / WHEEL_TICK_MS;
    if (timer->place && (int32_t)(timer->due - timer->seen) >= 0)
        return;
    wheel_unlink(wheel, timer);
    wheel_link(wheel, timer);
}

/* Take the next timer that is due at this tick off the wheel; NULL when there is none. */
static inline struct timer *wheel_due(struct wheel *wheel)
{
    struct timer *timer = wheel->slots[wheel->tick % WHEEL_SLOTS];
    while (timer) {
        struct timer *next = timer->next;
        if ((int32_t)(timer->seen - wheel->tick) <= 0) {
            wheel_unlink(wheel, timer);
            if ((int32_t)(timer->due - wheel->tick) <= 0)
                return timer;
            wheel_link(wheel, timer);
        }
        timer = next;
    }
    return NULL;
}

#endif
