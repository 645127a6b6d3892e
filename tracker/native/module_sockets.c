/* The tracker over WebSocket as Python's class, tracker._native.Sockets. */
#include "module_sockets.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    PyObject_HEAD
    PyObject *kept; /* what the texts point into, and the door */
    PyObject *door;
    struct networks exempt;
    struct sockets *sockets;
} Sockets;

static bool keep_text(Sockets *self, PyObject *object, struct slice *out)
{
    char *data;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(object, &data, &length) < 0 || PyList_Append(self->kept, object) < 0)
        return false;
    *out = (struct slice){(const uint8_t *)data, (size_t)length};
    return length < MESSAGE_REST_MOST / 2;
}

static bool read_texts(Sockets *self, PyObject *refusals, PyObject *full, PyObject *restoring, struct socket_texts *out)
{
    bool good = PyTuple_GET_SIZE(refusals) == REFUSAL_COUNT;
    for (int at = 0; good && at < REFUSAL_COUNT; at++)
        good = keep_text(self, PyTuple_GET_ITEM(refusals, at), &out->refusals[at]);
    good = good && keep_text(self, full, &out->full) && keep_text(self, restoring, &out->restoring);
    if (!good && !PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "a short text per refusal");
    return good;
}

/* Sockets(door, ...). */
static bool make(Sockets *self, PyObject *args, PyObject *named)
{
    static char *names[] = {"door", "refusals", "full", "restoring", "interval", "offers", "torrents", "peers",
                            "peers_bind", "message", "queue", "memory", "ping_ms", "idle_ms", "connections",
                            "per_address", "exempt", "exempt_shares", "seed", "secret", NULL};
    struct socket_settings settings = {.store = NULL};
    struct door_share door;
    PyObject *refusals, *full, *restoring, *exempt;
    Py_buffer shares = {.buf = NULL};
    const char *secret;
    Py_ssize_t secret_length;
    unsigned long long peers, peers_bind, memory, seed;
    if (!PyArg_ParseTupleAndKeywords(args, named, "O$O!SSIIIKKIIKIIIIOy*Ky#:Sockets", names, &self->door,
                                     &PyTuple_Type, &refusals, &full, &restoring, &settings.terms.interval,
                                     &settings.terms.offers, &settings.terms.torrents, &peers, &peers_bind,
                                     &settings.message, &settings.queue, &memory, &settings.ping_ms, &settings.idle_ms,
                                     &settings.connections, &settings.per_address, &exempt, &shares, &seed, &secret,
                                     &secret_length)) {
        self->door = NULL;
        return false;
    }
    Py_INCREF(self->door);
    bool good = door_share(self->door, &door) && read_texts(self, refusals, full, restoring, &settings.texts) &&
                door_read_networks(exempt, &self->exempt);
    if (good && (secret_length != sizeof settings.secret || settings.terms.offers > MOST_OFFERS ||
                 settings.connections < 1 || settings.message < 1 || settings.message > 1 << 30 ||
                 settings.queue > 1 << 30 || shares.len % (Py_ssize_t)sizeof(struct exemption) || *door.sockets)) {
        PyErr_SetString(PyExc_ValueError, "a number is out of range, or the door has sockets already");
        good = false;
    }
    if (good) {
        settings.store = door.store;
        settings.rules = door.rules;
        settings.terms.peers = peers;
        settings.terms.peers_bind = peers_bind;
        settings.memory = memory;
        settings.seed = seed;
        settings.exempt = self->exempt;
        settings.exemptions = shares.buf;
        settings.exempt_shares = (size_t)shares.len / sizeof(struct exemption);
        memcpy(settings.secret, secret, sizeof settings.secret);
        memcpy(settings.fixed_clock, door.clock, sizeof settings.fixed_clock);
        self->sockets = sockets_new(&settings);
        if (!self->sockets)
            PyErr_SetFromErrno(PyExc_OSError);
        good = self->sockets != NULL;
    }
    if (good)
        *door.sockets = self->sockets;
    PyBuffer_Release(&shares);
    return good;
}

static PyObject *sockets_of_door_new(PyTypeObject *type, PyObject *args, PyObject *named)
{
    Sockets *self = (Sockets *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    self->kept = PyList_New(0);
    if (!self->kept || !make(self, args, named))
        Py_CLEAR(self);
    return (PyObject *)self;
}

static void halt(Sockets *self)
{
    Py_BEGIN_ALLOW_THREADS
    sockets_stop(self->sockets);
    Py_END_ALLOW_THREADS
}

static void dealloc(Sockets *self)
{
    PyTypeObject *type = Py_TYPE(self);
    struct door_share door;
    if (self->sockets) {
        door_halt(self->door);
        halt(self);
        if (door_share(self->door, &door))
            *door.sockets = NULL;
        sockets_free(self->sockets);
    }
    PyMem_Free((void *)self->exempt.rows);
    Py_XDECREF(self->door);
    Py_XDECREF(self->kept);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyObject *start(Sockets *self, PyObject *Py_UNUSED(none))
{
    if (!sockets_start(self->sockets))
        return PyErr_SetFromErrno(PyExc_OSError);
    return PyLong_FromLong(sockets_event(self->sockets));
}

static PyObject *stop(Sockets *self, PyObject *Py_UNUSED(none))
{
    halt(self);
    Py_RETURN_NONE;
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

/* adopt(descriptor, address, passkey, key, early, counted): the descriptor is the sockets' own from then on, where the
 * answer is 0. */
static PyObject *adopt(Sockets *self, PyObject *args)
{
    const char *address, *passkey, *key, *early, *counted;
    Py_ssize_t address_length, passkey_length, key_length, early_length, counted_length;
    struct upgrade upgrade = {.counts = NULL};
    struct door_share door;
    enum adoption done = ADOPTION_FULL;
    if (!PyArg_ParseTuple(args, "iy#y#y#y#z#:adopt", &upgrade.fd, &address, &address_length, &passkey, &passkey_length,
                          &key, &key_length, &early, &early_length, &counted, &counted_length) ||
        !read_address(address, address_length, &upgrade.address) || !door_share(self->door, &door))
        return NULL;
    upgrade.key = (const uint8_t *)key;
    upgrade.passkey = (struct slice){(const uint8_t *)passkey, (size_t)passkey_length};
    upgrade.early = (struct slice){(const uint8_t *)early, (size_t)early_length};
    if (!websocket_is_key((struct slice){upgrade.key, (size_t)key_length}) || passkey_length > PASSKEY_MOST + 1) {
        PyErr_SetString(PyExc_ValueError, "a key is 24 bytes of base64, a passkey at most 65");
        return NULL;
    }
    if (counted && !read_address(counted, counted_length, &upgrade.counted))
        return NULL;
    if (counted && *door.loop)
        upgrade.counts = loop_connections(*door.loop);
    Py_BEGIN_ALLOW_THREADS
    if (!upgrade.counts || connections_admit(upgrade.counts, &upgrade.counted)) {
        done = sockets_adopt(self->sockets, &upgrade);
        if (done != ADOPTED && upgrade.counts)
            connections_leave(upgrade.counts, &upgrade.counted);
    }
    Py_END_ALLOW_THREADS
    return PyLong_FromLong((long)done);
}

/* [(serial, address, message)], oldest first. */
static PyObject *take(Sockets *self, PyObject *Py_UNUSED(none))
{
    PyObject *list = PyList_New(0);
    struct unusual *each = sockets_take(self->sockets), *next;
    for (; each; each = next) {
        next = each->next;
        PyObject *row = list ? Py_BuildValue("Ky#y#", (unsigned long long)each->serial, (const char *)each->address.bytes,
                                             (Py_ssize_t)each->address.length, (const char *)each->bytes,
                                             (Py_ssize_t)each->length)
                             : NULL;
        if (!row || PyList_Append(list, row) < 0)
            Py_CLEAR(list);
        Py_XDECREF(row);
        free(each);
    }
    return list;
}

static PyObject *carry_out(Sockets *self, PyObject *args)
{
    unsigned long long serial;
    const char *message;
    Py_ssize_t length;
    bool usual;
    if (!PyArg_ParseTuple(args, "Ky#:carry_out", &serial, &message, &length))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    usual = sockets_carry_out(self->sockets, serial, (const uint8_t *)message, (size_t)length);
    Py_END_ALLOW_THREADS
    return PyBool_FromLong(usual);
}

static PyObject *answer(Sockets *self, PyObject *args)
{
    unsigned long long serial;
    const char *message;
    Py_ssize_t length;
    if (!PyArg_ParseTuple(args, "Ky#:answer", &serial, &message, &length))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    sockets_answer(self->sockets, serial, (const uint8_t *)message, (size_t)length);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *forget(Sockets *self, PyObject *args)
{
    const char *infohash;
    Py_ssize_t length;
    if (!PyArg_ParseTuple(args, "y#:forget", &infohash, &length))
        return NULL;
    if (length != INFOHASH) {
        PyErr_SetString(PyExc_ValueError, "an infohash is 20 bytes");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    sockets_forget(self->sockets, (const uint8_t *)infohash);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *sweep(Sockets *self, PyObject *Py_UNUSED(none))
{
    Py_BEGIN_ALLOW_THREADS
    sockets_sweep(self->sockets);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *share(Sockets *self, PyObject *held)
{
    unsigned long long number = PyLong_AsUnsignedLongLong(held);
    if (PyErr_Occurred())
        return NULL;
    sockets_share(self->sockets, number);
    Py_RETURN_NONE;
}

static PyObject *held(Sockets *self, PyObject *Py_UNUSED(none))
{
    return PyLong_FromUnsignedLongLong(sockets_held(self->sockets));
}

static PyObject *set_clock(Sockets *self, PyObject *milliseconds)
{
    long long number = PyLong_AsLongLong(milliseconds);
    if (number == -1 && PyErr_Occurred())
        return NULL;
    sockets_set_clock(self->sockets, number);
    Py_RETURN_NONE;
}

static PyObject *waiting(Sockets *self, PyObject *args)
{
    const char *infohash, *peer_id;
    Py_ssize_t length, peer_id_length;
    size_t count;
    if (!PyArg_ParseTuple(args, "y#y#:waiting", &infohash, &length, &peer_id, &peer_id_length))
        return NULL;
    if (length != INFOHASH || peer_id_length != PEER_ID) {
        PyErr_SetString(PyExc_ValueError, "an infohash and a peer id are 20 bytes");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    count = sockets_waiting(self->sockets, (const uint8_t *)infohash, (const uint8_t *)peer_id);
    Py_END_ALLOW_THREADS
    return PyLong_FromSize_t(count);
}

static PyObject *numbers(Sockets *self, PyObject *Py_UNUSED(none))
{
    struct socket_numbers found;
    Py_BEGIN_ALLOW_THREADS
    sockets_read(self->sockets, &found);
    Py_END_ALLOW_THREADS
    const struct {
        const char *name;
        uint64_t number;
    } rows[] = {{"open", found.open},           {"messages", found.messages}, {"turned_away", found.turned_away},
                {"timed_out", found.timed_out}, {"cut_off", found.cut_off},   {"broken", found.broken},
                {"offers", found.offers},       {"answers", found.answers},   {"peers", found.peers},
                {"held", found.held},           {"pinged", found.pinged},     {"stalled", found.stalled},
                {"asked", found.asked}};
    PyObject *named = PyDict_New();
    for (size_t at = 0; named && at < sizeof rows / sizeof *rows; at++) {
        PyObject *number = PyLong_FromUnsignedLongLong(rows[at].number);
        if (!number || PyDict_SetItemString(named, rows[at].name, number) < 0)
            Py_CLEAR(named);
        Py_XDECREF(number);
    }
    return named;
}

static PyMethodDef methods[] = {
    {"start", (PyCFunction)start, METH_NOARGS, "Start the thread; its event descriptor tells of messages to take."},
    {"stop", (PyCFunction)stop, METH_NOARGS, "Close every connection and join the thread."},
    {"adopt", (PyCFunction)adopt, METH_VARARGS, "Take a connection over: 0; 1: a cap refuses it; 2: it cannot be had."},
    {"take", (PyCFunction)take, METH_NOARGS, "Take the messages that are not usual."},
    {"carry_out", (PyCFunction)carry_out, METH_VARARGS, "Carry such a message out, in its usual form."},
    {"answer", (PyCFunction)answer, METH_VARARGS, "Answer such a message."},
    {"forget", (PyCFunction)forget, METH_VARARGS, "Let go of the peers of a torrent."},
    {"sweep", (PyCFunction)sweep, METH_NOARGS, "Look for silent connections at once."},
    {"share", (PyCFunction)share, METH_O, "Say how much of the memory others hold."},
    {"held", (PyCFunction)held, METH_NOARGS, "Read the bytes that these connections hold."},
    {"set_clock", (PyCFunction)set_clock, METH_O, "Move a clock that stands still."},
    {"waiting", (PyCFunction)waiting, METH_VARARGS, "How many offers of a peer await their answer."},
    {"numbers", (PyCFunction)numbers, METH_NOARGS, "Read all counters."},
    {NULL, NULL, 0, NULL},
};

/* ISO C does not know functions behind void pointers, on which Python's slots rest. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
static PyType_Slot slots[] = {
    {Py_tp_new, sockets_of_door_new},
    {Py_tp_dealloc, dealloc},
    {Py_tp_methods, methods},
    {Py_tp_doc, "The tracker over WebSocket, beside a native door."},
    {0, NULL},
};
#pragma GCC diagnostic pop

static PyType_Spec spec = {
    .name = "tracker._native.Sockets",
    .basicsize = sizeof(Sockets),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

/* What tests compare with Python's: whether the reader here takes a message, and the announce or scrape in it. */
static PyObject *read_message(PyObject *Py_UNUSED(module), PyObject *data)
{
    static struct socket_message message; /* with the GIL held */
    char *bytes;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(data, &bytes, &length) < 0)
        return NULL;
    if (utf8_read(UTF8_WHOLE, (const uint8_t *)bytes, (size_t)length) != UTF8_WHOLE ||
        !message_read((const uint8_t *)bytes, (size_t)length, &message))
        Py_RETURN_NONE;
    if (message.scrapes)
        return Py_BuildValue("(y#)", (const char *)message.scraped, (Py_ssize_t)(message.hashes * INFOHASH));
    PyObject *offers = PyList_New(0);
    for (unsigned at = 0; offers && at < message.offers; at++) {
        const struct socket_offer *offer = &message.offer[at];
        PyObject *row = Py_BuildValue("y#y#y#", (const char *)offer->id, (Py_ssize_t)OFFER_ID,
                                      (const char *)offer->description.type.data,
                                      (Py_ssize_t)offer->description.type.length,
                                      (const char *)offer->description.sdp.data,
                                      (Py_ssize_t)offer->description.sdp.length);
        if (!row || PyList_Append(offers, row) < 0)
            Py_CLEAR(offers);
        Py_XDECREF(row);
    }
    if (!offers)
        return NULL;
    PyObject *answers = message.answers
                            ? Py_BuildValue("y#y#y#y#", (const char *)message.to, (Py_ssize_t)PEER_ID,
                                            (const char *)message.answer_id, (Py_ssize_t)OFFER_ID,
                                            (const char *)message.answer.type.data, (Py_ssize_t)message.answer.type.length,
                                            (const char *)message.answer.sdp.data, (Py_ssize_t)message.answer.sdp.length)
                            : Py_NewRef(Py_None);
    bool both = message.uploaded >= 0 && message.downloaded >= 0;
    return Py_BuildValue("y#y#iiLNNLL", (const char *)message.infohash, (Py_ssize_t)INFOHASH,
                         (const char *)message.peer_id, (Py_ssize_t)PEER_ID, (int)message.event, (int)message.seeder,
                         (long long)message.numwant, offers, answers, both ? (long long)message.uploaded : -1LL,
                         both ? (long long)message.downloaded : -1LL);
}

static PyMethodDef functions[] = {
    {"read_message", read_message, METH_O,
     "Read a message over WebSocket: what an announce says, the hashes of a scrape, or None where Python has to."},
    {NULL, NULL, 0, NULL},
};

int sockets_module_add(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&spec);
    int done = type ? PyModule_AddObjectRef(module, "Sockets", type) : -1;
    Py_XDECREF(type);
    return done < 0 ? done : PyModule_AddFunctions(module, functions);
}
