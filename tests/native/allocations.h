/* What a fuzzer of the door's sources plays of malloc and free: counted, and every n-th fails. Calls of the kernel fail
 * by the same counters. */
#ifndef PEERAGE_ALLOCATIONS_H
#define PEERAGE_ALLOCATIONS_H

#include <sanitizer/asan_interface.h>

#include "faults.h"
#include "handler.h"

static struct {
    bool armed;
    uint32_t alloc_period, alloc_left, call_period, call_left, count;
    uint64_t live; /* allocations */
} faults;

const char *__asan_default_options(void);

/* Traces of every allocation would take longer than everything else. */
const char *__asan_default_options(void)
{
    return "malloc_context_size=2";
}

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

/* Allocations: counted, and some fail. */

static bool strikes(uint32_t period, uint32_t *left)
{
    if (!faults.armed || !period || --*left)
        return false;
    *left = period;
    faults.count++;
    return true;
}

/* Blocks this large are kept for the next input, poisoned meanwhile: the sanitizer would map each anew. */
enum { LARGE = 32768, KEPT = 8 };

static struct kept {
    void *block;
    size_t size;
    bool lent;
} kept[KEPT];

static struct kept *kept_of(const void *block)
{
    for (int at = 0; at < KEPT; at++)
        if (block && kept[at].block == block)
            return &kept[at];
    return NULL;
}

static void *lend(size_t size)
{
    for (int at = 0; at < KEPT; at++) {
        struct kept *each = &kept[at];
        if (!each->block)
            *each = (struct kept){aligned_alloc(CACHE_LINE, (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE), size, false};
        if (each->size == size && !each->lent) {
            each->lent = true;
            ASAN_UNPOISON_MEMORY_REGION(each->block, size);
            return each->block;
        }
    }
    return aligned_alloc(CACHE_LINE, (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
}

static void *allocate(size_t size, bool zeroed)
{
    if (strikes(faults.alloc_period, &faults.alloc_left)) {
        errno = ENOMEM;
        return NULL;
    }
    void *block = size >= LARGE ? lend(size) : malloc(size);
    if (zeroed)
        memset(block, 0, size);
    faults.live++;
    return block;
}

void *fault_malloc(size_t size)
{
    return allocate(size, false);
}

void *fault_calloc(size_t count, size_t size)
{
    return allocate(count * size, true);
}

void *fault_aligned_alloc(size_t alignment, size_t size)
{
    if (alignment != CACHE_LINE)
        fail("an alignment that is not played");
    return allocate(size, false);
}

void *fault_realloc(void *old, size_t size)
{
    struct kept *known = kept_of(old);
    if (!old)
        return allocate(size, false);
    if (strikes(faults.alloc_period, &faults.alloc_left)) {
        errno = ENOMEM;
        return NULL;
    }
    if (!known)
        return realloc(old, size);
    void *block = size >= LARGE ? lend(size) : malloc(size);
    memcpy(block, old, size < known->size ? size : known->size);
    faults.live++;
    fault_free(old);
    return block;
}

void fault_free(void *block)
{
    struct kept *known = kept_of(block);
    faults.live -= block != NULL;
    if (!known) {
        free(block);
        return;
    }
    if (!known->lent)
        fail("a block is freed twice");
    known->lent = false;
    ASAN_POISON_MEMORY_REGION(block, known->size);
}

static int refuse(int error)
{
    errno = error;
    return -1;
}

static bool call_fails(void)
{
    return strikes(faults.call_period, &faults.call_left);
}

#endif
