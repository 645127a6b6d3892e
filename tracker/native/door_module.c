/* The native door's Python class, tracker._native.Door, and the readers that tests compare with Python's. */
#include "module.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "module_files.h"
#include "module_sockets.h"
#include "handler.h"
#include "loop.h"
#include "proxy_protocol.h"
#include "query.h"

enum {
    STREAM_OUT = 4 * HTTP_REPLY_MOST,
    SAMPLED_THREADS = 66, /* as many as there may be, the sockets and Python */
    SERVED_MOST = 64 << 10 /* bytes of a file that is answered with from Python: its transport buffers what does not go */
};

typedef struct {
    PyObject_HEAD
    PyObject *kept;   /* what the rules point into, and the store */
    struct handler *handler; /* answers what Python asks itself */
    struct rules rules;
    struct networks exempt;
    struct slice too_late;
    int64_t clock[2];
    struct loop *loop;
    struct sockets *sockets; /* borrowed: they hold this object, and take themselves out */
    bool running;
    uint64_t seed;
    uint8_t *out;
    uint64_t taken[SAMPLED_THREADS]; /* samples of clients that were read, of Python's handler and of the threads */
} Door;

/* Arguments. */

static bool keep_bytes(Door *door, PyObject *object, struct slice *out)
{
    char *data;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(object, &data, &length) < 0 || PyList_Append(door->kept, object) < 0)
        return false;
    *out = (struct slice){(const uint8_t *)data, (size_t)length};
    return true;
}

bool door_read_networks(PyObject *rows, struct networks *out)
{
    PyObject *fast = PySequence_Fast(rows, "networks are a sequence");
    if (!fast)
        return false;
    Py_ssize_t count = PySequence_Fast_GET_SIZE(fast);
    struct network *networks = PyMem_Calloc((size_t)count + 1, sizeof *networks);
    bool good = networks != NULL;
    if (!good)
        PyErr_NoMemory();
    for (Py_ssize_t at = 0; at < count && good; at++) {
        const char *base;
        Py_ssize_t length;
        int bits, verdict;
        good = PyArg_ParseTuple(PySequence_Fast_GET_ITEM(fast, at), "y#ip", &base, &length, &bits, &verdict) != 0;
        if (good && ((length != 4 && length != 16) || bits < 0 || bits > 8 * length)) {
            PyErr_SetString(PyExc_ValueError, "a network is 4 or 16 bytes and as many bits at most");
            good = false;
        }
        if (good) {
            networks[at].base.length = (uint8_t)length;
            memcpy(networks[at].base.bytes, base, (size_t)length);
            networks[at].bits = (uint8_t)bits;
            networks[at].verdict = verdict != 0;
        }
    }
    Py_DECREF(fast);
    out->count = good ? (size_t)count : 0;
    out->rows = networks;
    return good;
}

static bool read_refusals(Door *door, PyObject *texts)
{
    if (!PyTuple_Check(texts) || PyTuple_GET_SIZE(texts) != REFUSAL_COUNT) {
        PyErr_SetString(PyExc_ValueError, "one text per refusal");
        return false;
    }
    for (int at = 0; at < REFUSAL_COUNT; at++)
        if (!keep_bytes(door, PyTuple_GET_ITEM(texts, at), &door->rules.refusals[at]))
            return false;
    return true;
}

/* The warnings of the verdicts behind the refusals. */
static bool read_limits(Door *door, PyObject *texts)
{
    if (PyTuple_GET_SIZE(texts) != VERDICT_COUNT - VERDICT_CROWDED) {
        PyErr_SetString(PyExc_ValueError, "there is a warning for each limit of an account");
        return false;
    }
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(texts); at++)
        if (!keep_bytes(door, PyTuple_GET_ITEM(texts, at), &door->rules.limits[VERDICT_CROWDED + at]))
            return false;
    return true;
}

static bool read_address(const char *bytes, Py_ssize_t length, struct address *out)
{
    if (length != 4 && length != 16) {
        PyErr_SetString(PyExc_ValueError, "an address is 4 or 16 bytes");
        return false;
    }
    address_of((const uint8_t *)bytes, (size_t)length, out);
    return true;
}

static bool make_ids(Door *door, const uint8_t *key, size_t length)
{
    struct seals seals;
    struct connection_ids *ids = malloc(sizeof *ids);
    blake2b_key(&seals.current, key, length, 4);
    seals.previous = seals.current;
    if (!ids || !ids_init(ids, &seals)) {
        free(ids);
        PyErr_NoMemory();
        return false;
    }
    door->rules.ids = ids;
    return true;
}

/* Door(store, ...). */

static bool set_rules(Door *door, PyObject *args, PyObject *named)
{
    static char *names[] = {"store", "refusals", "full", "restoring", "limits", "bad_connection", "too_late", "header",
                            "trusted", "routed", "proxied", "key", "interval", "min_interval", "retry_soon", "numwant",
                            "numwant_most", "numwant_most6", "refuse_private", "seed", "clock", "root", "files",
                            "files_host", "redirect", "redirect_end", NULL};
    PyObject *store, *refusals, *full, *restoring, *limits, *bad_connection, *too_late, *header, *trusted, *routed;
    PyObject *root, *proxied, *files, *files_host, *redirect, *redirect_end;
    const char *key;
    Py_ssize_t key_length;
    unsigned long long seed;
    long long unix_time, running;
    int refuse_private;
    struct rules *rules = &door->rules;
    if (!PyArg_ParseTupleAndKeywords(args, named, "O$O!SSO!SSSOOOy#IIIHHHpK(LL)SOSSS:Door", names, &store,
                                     &PyTuple_Type, &refusals, &full, &restoring, &PyTuple_Type, &limits,
                                     &bad_connection, &too_late, &header, &trusted,
                                     &routed, &proxied, &key, &key_length, &rules->interval, &rules->min_interval,
                                     &rules->retry_soon, &rules->numwant, &rules->numwant_most,
                                     &rules->numwant_most6, &refuse_private, &seed, &unix_time, &running, &root,
                                     &files, &files_host, &redirect, &redirect_end))
        return false;
    if (key_length < 1 || key_length > BLAKE2B_KEY_MOST || rules->numwant_most > 200 || rules->numwant_most6 > 66 ||
        rules->numwant > rules->numwant_most) {
        PyErr_SetString(PyExc_ValueError, "a key has 1 to 64 bytes, an answer at most 200 peers (66 of IPv6 over UDP)");
        return false;
    }
    if (PyBytes_GET_SIZE(root) > ROOT_MOST) {
        PyErr_SetString(PyExc_ValueError, "a root path has at most 128 bytes");
        return false;
    }
    rules->refuse_private = refuse_private != 0;
    door->clock[0] = unix_time;
    door->clock[1] = running;
    door->seed = seed;
    door->handler->store = module_store(store);
    door->handler->rng = door->handler->store ? module_rng(store) : NULL;
    if (!make_ids(door, (const uint8_t *)key, (size_t)key_length))
        return false;
    if (!door->handler->store || PyList_Append(door->kept, store) < 0)
        return false;
    if (files != Py_None && (!(rules->files = module_files(files)) || PyList_Append(door->kept, files) < 0))
        return false;
    return read_refusals(door, refusals) && read_limits(door, limits) && keep_bytes(door, full, &rules->full) &&
           keep_bytes(door, restoring, &rules->restoring) &&
           keep_bytes(door, bad_connection, &rules->bad_connection) &&
           keep_bytes(door, too_late, &door->too_late) && keep_bytes(door, header, &rules->forwarded) &&
           keep_bytes(door, root, &rules->root) && keep_bytes(door, files_host, &rules->files_host) &&
           keep_bytes(door, redirect, &rules->redirect) && keep_bytes(door, redirect_end, &rules->redirect_end) &&
           door_read_networks(trusted, &rules->trusted) && door_read_networks(routed, &rules->routed) &&
           door_read_networks(proxied, &rules->proxied);
}

static PyObject *door_new(PyTypeObject *type, PyObject *args, PyObject *named)
{
    Door *door = (Door *)type->tp_alloc(type, 0);
    if (!door)
        return NULL;
    size_t size = (sizeof *door->handler + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    door->kept = PyList_New(0);
    door->out = PyMem_Malloc(STREAM_OUT);
    door->handler = aligned_alloc(CACHE_LINE, size);
    if (!door->kept || !door->out || !door->handler) {
        PyErr_NoMemory();
        Py_DECREF(door);
        return NULL;
    }
    memset(door->handler, 0, size);
    door->handler->rules = &door->rules;
    if (!set_rules(door, args, named)) {
        Py_DECREF(door);
        return NULL;
    }
    door->rules.rfc7239 = door->rules.forwarded.length == 9 && memcmp(door->rules.forwarded.data, "forwarded", 9) == 0;
    return (PyObject *)door;
}

static void halt(Door *door)
{
    if (door->running) {
        Py_BEGIN_ALLOW_THREADS
        loop_stop(door->loop);
        Py_END_ALLOW_THREADS
        door->running = false;
    }
}

static void door_dealloc(Door *door)
{
    PyTypeObject *type = Py_TYPE(door);
    halt(door);
    if (door->loop)
        loop_free(door->loop);
    PyMem_Free((void *)door->rules.trusted.rows);
    PyMem_Free((void *)door->rules.routed.rows);
    PyMem_Free((void *)door->rules.proxied.rows);
    if (door->rules.ids)
        ids_free(door->rules.ids);
    free(door->rules.ids);
    PyMem_Free(door->out);
    free(door->handler);
    Py_XDECREF(door->kept);
    type->tp_free((PyObject *)door);
    Py_DECREF(type);
}

bool door_share(PyObject *object, struct door_share *out)
{
    if (Py_TYPE(object)->tp_dealloc != (destructor)door_dealloc) {
        PyErr_SetString(PyExc_TypeError, "a tracker._native.Door is wanted");
        return false;
    }
    Door *door = (Door *)object;
    *out = (struct door_share){&door->rules, door->handler->store, door->clock, &door->loop, &door->sockets};
    return true;
}

void door_halt(PyObject *object)
{
    halt((Door *)object);
}

/* Answers that Python asks for itself. */

/* Answer what stands in front of a stream; files only where nothing waits to be sent before them. */
static struct reading answer_stream(Door *door, const uint8_t *data, size_t length, const struct address *address,
                                    bool files, struct buffer *out)
{
    handler_read_clock(door->handler, door->clock);
    door->handler->file_most = files ? SERVED_MOST : 0;
    return handler_answer_stream(door->handler, data, length, 0, address, out);
}

static PyObject *answer_from(Door *door, PyObject *args, bool stops)
{
    const char *address_bytes;
    Py_ssize_t address_length, skip = 0;
    Py_buffer data;
    struct address address;
    if (!PyArg_ParseTuple(args, "y*y#|n:answer", &data, &address_bytes, &address_length, &skip))
        return NULL;
    PyObject *result = NULL;
    if (skip < 0 || skip > data.len) {
        PyErr_SetString(PyExc_ValueError, "more is skipped than there is");
    } else if (read_address(address_bytes, address_length, &address)) {
        struct buffer out = {door->out, door->out + STREAM_OUT, false};
        const uint8_t *from = (const uint8_t *)data.buf + skip;
        size_t length = (size_t)(data.len - skip);
        struct reading reading = {.outcome = OUTCOME_PART};
        if (stops) {
            handler_read_clock(door->handler, door->clock);
            reading = handler_answer_stops(door->handler, from, length, &address, &out);
        } else {
            reading = answer_stream(door, from, length, &address, false, &out);
        }
        result = Py_BuildValue("y#ni", (const char *)door->out, (Py_ssize_t)(out.at - door->out),
                               (Py_ssize_t)reading.used, (int)reading.outcome);
    }
    PyBuffer_Release(&data);
    return result;
}

static PyObject *door_answer(Door *door, PyObject *args)
{
    return answer_from(door, args, false);
}

static PyObject *door_answer_stops(Door *door, PyObject *args)
{
    return answer_from(door, args, true);
}

/* Send an answer as far as the socket takes it; returns what `serve` does. */
static PyObject *send_answer(Door *door, int fd, const struct reading *reading, size_t ready, size_t length)
{
    struct iovec pieces[2] = {{door->out, ready}, {(void *)reading->body.data, reading->body.length}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = reading->body.length ? 2 : 1};
    size_t whole = ready + reading->body.length;
    /* It never waits, so the GIL is kept. A socket that fails says so to its transport, too. */
    ssize_t sent = whole ? sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
    size_t gone = sent > 0 ? (size_t)sent : 0;
    if (gone == whole && reading->used == length && reading->outcome == OUTCOME_PART)
        Py_RETURN_NONE;
    size_t of_out = gone < ready ? gone : ready, of_body = gone - of_out;
    PyObject *left = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(whole - gone));
    if (!left)
        return NULL;
    memcpy(PyBytes_AS_STRING(left), door->out + of_out, ready - of_out);
    if (reading->body.length > of_body)
        memcpy(PyBytes_AS_STRING(left) + ready - of_out, reading->body.data + of_body, reading->body.length - of_body);
    return Py_BuildValue("Nni", left, (Py_ssize_t)reading->used, (int)reading->outcome);
}

/* serve(descriptor, data, address): answer as `answer` does and send what the socket takes at once. None where that
 * was all there was; else what was not sent, the bytes that were used, and the outcome. */
static PyObject *door_serve(Door *door, PyObject *const *given, Py_ssize_t count)
{
    struct address address;
    if (count != 3 || !PyBytes_Check(given[1]) || !PyBytes_Check(given[2])) {
        PyErr_SetString(PyExc_TypeError, "serve takes a descriptor and two bytes");
        return NULL;
    }
    long fd = PyLong_AsLong(given[0]);
    if ((fd == -1 && PyErr_Occurred()) ||
        !read_address(PyBytes_AS_STRING(given[2]), PyBytes_GET_SIZE(given[2]), &address))
        return NULL;
    const uint8_t *data = (const uint8_t *)PyBytes_AS_STRING(given[1]);
    size_t length = (size_t)PyBytes_GET_SIZE(given[1]);
    struct buffer out = {door->out, door->out + STREAM_OUT, false};
    struct reading reading = answer_stream(door, data, length, &address, true, &out);
    PyObject *result = send_answer(door, (int)fd, &reading, (size_t)(out.at - door->out), length);
    if (reading.file)
        kept_file_release(door->rules.files, reading.file);
    return result;
}

static PyObject *door_answer_packet(Door *door, PyObject *args)
{
    const char *packet, *address_bytes;
    Py_ssize_t length, address_length;
    struct address address;
    uint8_t out[UDP_REPLY_MOST];
    if (!PyArg_ParseTuple(args, "y#y#:answer_packet", &packet, &length, &address_bytes, &address_length) ||
        !read_address(address_bytes, address_length, &address))
        return NULL;
    if (length > UDP_LARGEST)
        Py_RETURN_NONE;
    handler_read_clock(door->handler, door->clock);
    size_t count = handler_answer_udp(door->handler, (const uint8_t *)packet, (size_t)length, &address, out);
    if (count == 0)
        Py_RETURN_NONE;
    return PyBytes_FromStringAndSize((const char *)out, (Py_ssize_t)count);
}

/* The threads. */

static bool read_descriptors(PyObject *list, int *out, size_t *count)
{
    PyObject *fast = PySequence_Fast(list, "descriptors are a sequence");
    bool good = fast != NULL;
    *count = 0;
    if (good && PySequence_Fast_GET_SIZE(fast) > LOOP_SOCKETS_MOST) {
        PyErr_SetString(PyExc_ValueError, "too many sockets");
        good = false;
    }
    for (Py_ssize_t at = 0; good && at < PySequence_Fast_GET_SIZE(fast); at++) {
        long number = PyLong_AsLong(PySequence_Fast_GET_ITEM(fast, at));
        good = !(number == -1 && PyErr_Occurred());
        out[(*count)++] = (int)number;
    }
    Py_XDECREF(fast);
    return good;
}

static PyObject *door_start(Door *door, PyObject *args, PyObject *named)
{
    static char *names[] = {"listeners", "datagrams", "threads", "secret", "header_ms", "write_ms", "keep_alive_ms",
                            "max_connections", "per_address", "binds_at", "exempt", "busy", NULL};
    struct loop_settings settings = {.store = door->handler->store, .rules = &door->rules, .too_late = door->too_late,
                                     .sockets = door->sockets};
    PyObject *listeners, *datagrams, *exempt, *busy;
    const char *secret;
    Py_ssize_t length;
    if (!PyArg_ParseTupleAndKeywords(args, named, "$OOIy#IIIIIIOS:start", names, &listeners, &datagrams,
                                     &settings.threads, &secret, &length, &settings.header_ms, &settings.write_ms,
                                     &settings.keep_alive_ms, &settings.max_connections, &settings.per_address,
                                     &settings.binds_at, &exempt, &busy))
        return NULL;
    if (door->loop || length != sizeof settings.secret || settings.threads < 1 ||
        settings.threads > LOOP_THREADS_MOST || settings.max_connections < 1) {
        PyErr_SetString(PyExc_ValueError, "started already, or a number is out of range");
        return NULL;
    }
    if (!read_descriptors(listeners, settings.listener, &settings.listeners) ||
        !read_descriptors(datagrams, settings.datagram, &settings.datagrams) ||
        !door_read_networks(exempt, &door->exempt) || !keep_bytes(door, busy, &settings.busy))
        return NULL;
    memcpy(settings.secret, secret, sizeof settings.secret);
    memcpy(settings.fixed_clock, door->clock, sizeof settings.fixed_clock);
    settings.exempt = door->exempt;
    for (unsigned at = 0; at < settings.threads; at++)
        settings.seed[at] = door->seed + at * 0xd1342543de82ef95;
    /* Where the clock stands still, what Python answers and what the thread answers share one random source. */
    if (door->clock[0] && settings.threads == 1)
        settings.shared_rng = door->handler->rng;
    door->loop = loop_start(&settings);
    if (!door->loop)
        return PyErr_SetFromErrno(PyExc_OSError);
    door->running = true;
    return PyLong_FromLong(loop_event(door->loop));
}

static PyObject *door_stop(Door *door, PyObject *Py_UNUSED(none))
{
    halt(door);
    Py_RETURN_NONE;
}

/* [(descriptor, address, bytes)], oldest first. */
static PyObject *door_take(Door *door, PyObject *Py_UNUSED(none))
{
    PyObject *list = PyList_New(0);
    struct handover *handover = door->loop ? loop_take(door->loop) : NULL;
    while (handover) {
        struct handover *next = handover->next;
        PyObject *row = list ? Py_BuildValue("iy#y#", handover->fd, (const char *)handover->address.bytes,
                                             (Py_ssize_t)handover->address.length, (const char *)handover->bytes,
                                             (Py_ssize_t)handover->length)
                             : NULL;
        if (!row || PyList_Append(list, row) < 0) {
            close(handover->fd);
            loop_leave(door->loop, &handover->address);
            Py_CLEAR(list);
        }
        Py_XDECREF(row);
        free(handover);
        handover = next;
    }
    return list;
}

static PyObject *door_roll(Door *door, PyObject *args)
{
    const char *current, *previous;
    Py_ssize_t length, previous_length;
    struct seals seals;
    if (!PyArg_ParseTuple(args, "y#y#:roll", &current, &length, &previous, &previous_length))
        return NULL;
    if (length < 1 || length > BLAKE2B_KEY_MOST || previous_length < 1 || previous_length > BLAKE2B_KEY_MOST) {
        PyErr_SetString(PyExc_ValueError, "a key has 1 to 64 bytes");
        return NULL;
    }
    blake2b_key(&seals.current, (const uint8_t *)current, (size_t)length, 4);
    blake2b_key(&seals.previous, (const uint8_t *)previous, (size_t)previous_length, 4);
    ids_roll(door->rules.ids, &seals);
    Py_RETURN_NONE;
}

static PyObject *door_leave(Door *door, PyObject *args)
{
    const char *bytes;
    Py_ssize_t length;
    struct address address;
    if (!PyArg_ParseTuple(args, "y#:leave", &bytes, &length) || !read_address(bytes, length, &address))
        return NULL;
    if (door->loop)
        loop_leave(door->loop, &address);
    Py_RETURN_NONE;
}

/* Reading numbers. */

static void add_counters(const struct counters *own, struct loop_numbers *out)
{
    for (int over = 0; over < TRANSPORT_COUNT; over++) {
        for (int event = 0; event < EVENT_COUNT; event++)
            out->announces[over][event] += own->announces[over][event];
        out->scrapes[over] += own->scrapes[over];
    }
    for (int code = 0; code < REFUSAL_COUNT; code++)
        out->refusals[code] += own->refusals[code];
    out->warnings += own->warnings;
    out->files += own->files;
    out->file_bytes += own->file_bytes;
}

static PyObject *list_of(const uint64_t *numbers, Py_ssize_t count)
{
    PyObject *list = PyList_New(count);
    for (Py_ssize_t at = 0; list && at < count; at++) {
        PyObject *number = PyLong_FromUnsignedLongLong(numbers[at]);
        if (!number)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, at, number);
    }
    return list;
}

static PyObject *by_transport(uint64_t announces[TRANSPORT_COUNT][EVENT_COUNT])
{
    PyObject *lists = PyList_New(TRANSPORT_COUNT);
    for (Py_ssize_t over = 0; lists && over < TRANSPORT_COUNT; over++) {
        PyObject *numbers = list_of(announces[over], EVENT_COUNT);
        if (numbers)
            PyList_SET_ITEM(lists, over, numbers);
        else
            Py_CLEAR(lists);
    }
    return lists;
}

static PyObject *door_numbers(Door *door, PyObject *Py_UNUSED(none))
{
    struct loop_numbers numbers = {0};
    if (door->loop)
        loop_read(door->loop, &numbers);
    add_counters(&door->handler->counters, &numbers);
    if (door->sockets)
        add_counters(sockets_counters(door->sockets), &numbers);
    return Py_BuildValue("{s:N,s:N,s:N,s:K,s:K,s:K,s:K,s:K,s:K,s:K,s:K,s:K}", "announces", by_transport(numbers.announces), "scrapes",
                         list_of(numbers.scrapes, TRANSPORT_COUNT), "refusals",
                         list_of(numbers.refusals, REFUSAL_COUNT), "warnings", (unsigned long long)numbers.warnings,
                         "open", (unsigned long long)numbers.open, "turned_away",
                         (unsigned long long)numbers.turned_away, "timed_out", (unsigned long long)numbers.timed_out,
                         "made_room", (unsigned long long)numbers.made_room, "paused",
                         (unsigned long long)numbers.paused,
                         "handed_over", (unsigned long long)numbers.handed_over, "files",
                         (unsigned long long)numbers.files, "file_bytes", (unsigned long long)numbers.file_bytes);
}

/* What a thread has sampled, Python's handler as the first, then the sockets; NULL: there are not so many. */
static const struct sampling *sampling_of(const Door *door, unsigned number)
{
    if (number == 0)
        return &door->handler->sampling;
    if (door->sockets && number == 1)
        return sockets_sampling(door->sockets);
    return door->loop ? loop_sampling(door->loop, number - 1 - (door->sockets != NULL)) : NULL;
}

static PyObject *door_times(Door *door, PyObject *Py_UNUSED(none))
{
    uint64_t times[TRANSPORT_COUNT][LATENCY_BUCKETS] = {0}, nanoseconds[TRANSPORT_COUNT] = {0};
    const struct sampling *sampling;
    for (unsigned number = 0; number < SAMPLED_THREADS && (sampling = sampling_of(door, number)); number++)
        for (int over = 0; over < TRANSPORT_COUNT; over++) {
            for (int bucket = 0; bucket < LATENCY_BUCKETS; bucket++)
                times[over][bucket] += atomic_load_explicit(&sampling->times[over][bucket], memory_order_relaxed);
            nanoseconds[over] += atomic_load_explicit(&sampling->nanoseconds[over], memory_order_relaxed);
        }
    return Py_BuildValue("NNNN", list_of(times[TRANSPORT_HTTP], LATENCY_BUCKETS),
                         list_of(times[TRANSPORT_UDP], LATENCY_BUCKETS),
                         list_of(times[TRANSPORT_WEBSOCKET], LATENCY_BUCKETS), list_of(nanoseconds, TRANSPORT_COUNT));
}

static PyObject *door_clients(Door *door, PyObject *Py_UNUSED(none))
{
    static const size_t most = (size_t)SAMPLED_THREADS * CLIENT_SAMPLES * sizeof(uint64_t);
    uint64_t *samples = PyMem_Malloc(most);
    size_t count = 0;
    const struct sampling *sampling;
    if (!samples)
        return PyErr_NoMemory();
    for (unsigned number = 0; number < SAMPLED_THREADS && (sampling = sampling_of(door, number)); number++) {
        uint64_t written = atomic_load_explicit(&sampling->written, memory_order_acquire);
        uint64_t at = door->taken[number];
        if (at > written || written - at > CLIENT_SAMPLES)
            at = written < CLIENT_SAMPLES ? 0 : written - CLIENT_SAMPLES;
        for (; at < written; at++)
            samples[count++] = atomic_load_explicit(&sampling->clients[at % CLIENT_SAMPLES], memory_order_relaxed);
        door->taken[number] = written;
    }
    PyObject *packed = PyBytes_FromStringAndSize((const char *)samples, (Py_ssize_t)(count * sizeof *samples));
    PyMem_Free(samples);
    return packed;
}

static PyMethodDef door_methods[] = {
    {"times", (PyCFunction)door_times, METH_NOARGS, "times(): of samples by transport in buckets, and ns by transport"},
    {"clients", (PyCFunction)door_clients, METH_NOARGS, "clients(): samples of who announced since the last call"},
    {"answer", (PyCFunction)door_answer, METH_VARARGS, "Answer the requests at the front of a stream."},
    {"answer_stops", (PyCFunction)door_answer_stops, METH_VARARGS, "Answer those that stop at the front of a stream."},
    {"serve", (PyCFunction)(void (*)(void))door_serve, METH_FASTCALL, "Answer the front of a stream and send it."},
    {"answer_packet", (PyCFunction)door_answer_packet, METH_VARARGS, "Answer one packet."},
    {"start", (PyCFunction)(void (*)(void))door_start, METH_VARARGS | METH_KEYWORDS, "Start the threads."},
    {"stop", (PyCFunction)door_stop, METH_NOARGS, "Join the threads."},
    {"take", (PyCFunction)door_take, METH_NOARGS, "Take the connections that are for another server."},
    {"roll", (PyCFunction)door_roll, METH_VARARGS, "Give UDP connection ids by another key; take the one before, too."},
    {"leave", (PyCFunction)door_leave, METH_VARARGS, "Count out a connection that was taken."},
    {"numbers", (PyCFunction)door_numbers, METH_NOARGS, "Read all counters."},
    {NULL, NULL, 0, NULL},
};

/* ISO C does not know functions behind void pointers, on which Python's slots rest. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
static PyType_Slot door_slots[] = {
    {Py_tp_new, door_new},
    {Py_tp_dealloc, door_dealloc},
    {Py_tp_methods, door_methods},
    {Py_tp_doc, "Answers announces and scrapes over a native store."},
    {0, NULL},
};
#pragma GCC diagnostic pop

static PyType_Spec door_spec = {
    .name = "tracker._native.Door",
    .basicsize = sizeof(Door),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = door_slots,
};

/* What tests and fuzzers hold beside the Python of the same name. */

static PyObject *read_announce(PyObject *Py_UNUSED(module), PyObject *query)
{
    struct announce_query read;
    char *data;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(query, &data, &length) < 0)
        return NULL;
    enum refusal refusal = query_read_announce((const uint8_t *)data, (size_t)length, &read);
    if (refusal != NOT_REFUSED)
        return PyLong_FromLong((long)refusal);
    return Py_BuildValue("y#HBNLNKKy#", (const char *)read.infohash, (Py_ssize_t)INFOHASH, read.port, read.event,
                         PyBool_FromLong(read.seeder), (long long)read.numwant, PyBool_FromLong(read.compact),
                         (unsigned long long)query_total(read.uploaded),
                         (unsigned long long)query_total(read.downloaded), (const char *)read.peer_id,
                         (Py_ssize_t)PEER_ID);
}

static PyObject *read_scrape(PyObject *Py_UNUSED(module), PyObject *query)
{
    struct scrape_query read;
    char *data;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(query, &data, &length) < 0)
        return NULL;
    enum refusal refusal = query_read_scrape((const uint8_t *)data, (size_t)length, &read);
    if (refusal != NOT_REFUSED)
        return PyLong_FromLong((long)refusal);
    return PyBytes_FromStringAndSize((const char *)read.infohashes, (Py_ssize_t)read.count * INFOHASH);
}

/* What a request for a file says: infohash, whether HEAD, lower case, close and gzip are, and If-None-Match. */
static PyObject *file_head(const struct http_request *read)
{
    return Py_BuildValue("iny#NNNNy#", (int)read->kind, (Py_ssize_t)read->length, (const char *)read->infohash,
                         (Py_ssize_t)INFOHASH, PyBool_FromLong(read->head_only), PyBool_FromLong(read->lower),
                         PyBool_FromLong(read->close), PyBool_FromLong(read->gzip),
                         read->if_none_match.length ? (const char *)read->if_none_match.data : "",
                         (Py_ssize_t)read->if_none_match.length);
}

static PyObject *read_head(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *data, *header, *root = "";
    Py_ssize_t length, header_length, seen = 0, root_length = 0;
    struct http_request read;
    if (!PyArg_ParseTuple(args, "y#y#|ny#:read_head", &data, &length, &header, &header_length, &seen, &root,
                          &root_length))
        return NULL;
    if (seen < 0 || seen > length) {
        PyErr_SetString(PyExc_ValueError, "more was seen than there is");
        return NULL;
    }
    http_read((const uint8_t *)data, (size_t)length, (size_t)seen,
              (struct slice){(const uint8_t *)header, (size_t)header_length},
              (struct slice){(const uint8_t *)root, (size_t)root_length}, &read);
    if (read.kind == HTTP_PARTIAL || read.kind == HTTP_ELSEWHERE)
        return Py_BuildValue("in", (int)read.kind, (Py_ssize_t)read.length);
    if (read.kind == HTTP_FILE)
        return file_head(&read);
    return Py_BuildValue("iny#y#N", (int)read.kind, (Py_ssize_t)read.length, (const char *)read.query.data,
                         (Py_ssize_t)read.query.length, read.passkey.length ? (const char *)read.passkey.data : "",
                         (Py_ssize_t)read.passkey.length, PyBool_FromLong(read.close));
}

static PyObject *path_passkey(PyObject *Py_UNUSED(module), PyObject *args)
{
    struct slice passkey;
    const char *data, *root = "";
    Py_ssize_t length, root_length = 0;
    if (!PyArg_ParseTuple(args, "y#|y#:path_passkey", &data, &length, &root, &root_length))
        return NULL;
    if (!http_path_passkey((struct slice){(const uint8_t *)data, (size_t)length},
                           (struct slice){(const uint8_t *)root, (size_t)root_length}, &passkey))
        Py_RETURN_NONE;
    return PyBytes_FromStringAndSize((const char *)passkey.data, (Py_ssize_t)passkey.length);
}

static PyObject *accepts_gzip(PyObject *Py_UNUSED(module), PyObject *value)
{
    char *data;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(value, &data, &length) < 0)
        return NULL;
    return PyBool_FromLong(http_accepts_gzip((struct slice){(const uint8_t *)data, (size_t)length}));
}

static PyObject *etag_matches(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *value, *etag;
    Py_ssize_t length, etag_length;
    if (!PyArg_ParseTuple(args, "y#y#:etag_matches", &value, &length, &etag, &etag_length))
        return NULL;
    return PyBool_FromLong(http_etag_matches((struct slice){(const uint8_t *)value, (size_t)length},
                                             (struct slice){(const uint8_t *)etag, (size_t)etag_length}));
}

static PyObject *parse_address(PyObject *Py_UNUSED(module), PyObject *text)
{
    struct address address;
    char *data;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(text, &data, &length) < 0)
        return NULL;
    if (!address_parse((struct slice){(const uint8_t *)data, (size_t)length}, &address))
        Py_RETURN_NONE;
    return PyBytes_FromStringAndSize((const char *)address.bytes, address.length);
}

static PyObject *read_proxy_header(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *data;
    Py_ssize_t length;
    int packet;
    struct address client = {.length = 0};
    size_t used = 0;
    if (!PyArg_ParseTuple(args, "y#p:read_proxy_header", &data, &length, &packet))
        return NULL;
    enum proxied found = proxy_read((const uint8_t *)data, (size_t)length, packet != 0, &client, &used);
    if (found == PROXIED_BAD)
        Py_RETURN_FALSE;
    if (found == PROXIED_PART)
        Py_RETURN_NONE;
    return Py_BuildValue("y#n", (const char *)client.bytes, (Py_ssize_t)client.length, (Py_ssize_t)used);
}

static PyMethodDef functions[] = {
    {"read_announce", read_announce, METH_O, "Read an announce's query: a tuple, or the number of a refusal."},
    {"read_scrape", read_scrape, METH_O, "Read a scrape's query: its hashes, sorted, or the number of a refusal."},
    {"read_head", read_head, METH_VARARGS, "Read a head: its kind and length, then query, passkey and close."},
    {"path_passkey", path_passkey, METH_VARARGS, "Read a path: the passkey in it, or None."},
    {"accepts_gzip", accepts_gzip, METH_O, "Whether the value of Accept-Encoding takes gzip."},
    {"etag_matches", etag_matches, METH_VARARGS, "Whether the value of If-None-Match contains a tag."},
    {"read_proxy_header", read_proxy_header, METH_VARARGS,
     "Read a header of the PROXY protocol: client and length, None where more has to come, False where it is none."},
    {"parse_address", parse_address, METH_O, "Read an address: its 4 or 16 bytes, or None."},
    {NULL, NULL, 0, NULL},
};

int door_module_add(PyObject *module)
{
    static const char *const codes[] = {
#define REFUSAL_CODE(name, code) code,
        REFUSALS(REFUSAL_CODE)
#undef REFUSAL_CODE
    };
    PyObject *type = PyType_FromSpec(&door_spec);
    if (!type || PyModule_AddObjectRef(module, "Door", type) < 0 || PyModule_AddFunctions(module, functions) < 0) {
        Py_XDECREF(type);
        return -1;
    }
    Py_DECREF(type);
    PyObject *names = PyTuple_New(REFUSAL_COUNT);
    for (int at = 0; names && at < REFUSAL_COUNT; at++) {
        PyObject *name = PyUnicode_FromString(codes[at]);
        if (!name)
            Py_CLEAR(names);
        else
            PyTuple_SET_ITEM(names, at, name);
    }
    int added = names ? PyModule_AddObjectRef(module, "REFUSALS", names) : -1;
    Py_XDECREF(names);
    return added < 0 || files_module_add(module) < 0 ? -1 : sockets_module_add(module);
}
