/* The store's Python class, tracker._native.Store. Long calls release the GIL. */
#include "module.h"
#include "shares.h"

typedef struct {
    PyObject_HEAD
    struct store *store;
    struct rng rng; /* of the calls from Python, which the GIL puts in a row */
} Store;

static void store_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    store_free(((Store *)self)->store);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *store_create(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"interval", "min_interval", "jitter", "timeout", "remember_completed", "max_torrents",
                            "max_peers", "peers_per_address", "node", "session_timeout", "max_sessions", "max_changes",
                            "most_rate", "announce_spacing", "peers_per_account", "download_slots",
                            "peers_per_hour", "shares_bind", "peers_bind", "exempt", "key", "seed", NULL};
    struct terms terms;
    unsigned long long max_torrents, max_peers, max_sessions, max_changes, most_rate, shares_bind, peers_bind, seed;
    long long timeout, remember, session_timeout, spacing;
    unsigned int interval, min_interval, jitter, cap, node, clients, slots, hourly;
    Py_buffer key, exempt;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "IIILLKKIILKKKLIIIKKy*y*K", names, &interval, &min_interval, &jitter,
                                     &timeout, &remember, &max_torrents, &max_peers, &cap, &node, &session_timeout,
                                     &max_sessions, &max_changes, &most_rate, &spacing, &clients, &slots, &hourly, &shares_bind, &peers_bind, &exempt, &key,
                                     &seed))
        return NULL;
    terms = (struct terms){interval, min_interval,    jitter,       timeout,    remember, max_torrents, max_peers, cap,
                           node,     session_timeout, max_sessions, max_changes, most_rate, shares_bind,  peers_bind,
                           spacing,  clients,         slots,        hourly};
    if (clients > MOST_CLIENTS || slots > MOST_SLOTS) {
        PyBuffer_Release(&key);
        PyBuffer_Release(&exempt);
        PyErr_SetString(PyExc_ValueError, "more clients or slots than an account's record holds");
        return NULL;
    }
    if (key.len != 16 || exempt.len % (Py_ssize_t)sizeof(struct exemption)) {
        PyBuffer_Release(&key);
        PyBuffer_Release(&exempt);
        PyErr_SetString(PyExc_ValueError, "a key is 16 bytes, an exempt network 18");
        return NULL;
    }
    Store *self = (Store *)type->tp_alloc(type, 0);
    if (self) {
        self->store = store_new(&terms, key.buf, exempt.buf, (size_t)exempt.len / sizeof(struct exemption));
        self->rng.state = seed;
    }
    PyBuffer_Release(&key);
    PyBuffer_Release(&exempt);
    if (self && !self->store) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    return (PyObject *)self;
}

static struct store *of(PyObject *self)
{
    return ((Store *)self)->store;
}

/* The bytes of an infohash; NULL with an error set. */
static const uint8_t *read_infohash(PyObject *object)
{
    if (!PyBytes_Check(object) || PyBytes_GET_SIZE(object) != INFOHASH) {
        PyErr_SetString(PyExc_ValueError, "an infohash is 20 bytes");
        return NULL;
    }
    return (const uint8_t *)PyBytes_AS_STRING(object);
}

static bool read_peer(PyObject *object, struct announce *announce)
{
    Py_ssize_t length = PyBytes_Check(object) ? PyBytes_GET_SIZE(object) : 0;
    if (length != 6 && length != 18) {
        PyErr_SetString(PyExc_ValueError, "a compact peer is 6 or 18 bytes");
        return false;
    }
    memcpy(announce->peer, PyBytes_AS_STRING(object), (size_t)length);
    announce->stride = (uint8_t)length;
    return true;
}

static long clamped(long number, long most)
{
    return number < 0 ? 0 : number > most ? most : number;
}

/* What is only looked at where there is an account. */
static bool read_session(PyObject *tuple, struct announce *announce)
{
    PyObject *peer_id = PyTuple_GET_ITEM(tuple, 8);
    if (!PyBytes_Check(peer_id) || PyBytes_GET_SIZE(peer_id) != PEER_ID) {
        PyErr_SetString(PyExc_ValueError, "a peer id is 20 bytes");
        return false;
    }
    memcpy(announce->peer_id, PyBytes_AS_STRING(peer_id), PEER_ID);
    announce->uploaded = PyLong_AsUnsignedLongLong(PyTuple_GET_ITEM(tuple, 9));
    announce->downloaded = PyLong_AsUnsignedLongLong(PyTuple_GET_ITEM(tuple, 10));
    return !PyErr_Occurred();
}

/* Read a tracker.model.Announce, which is a tuple. */
static bool read_announce(PyObject *tuple, struct announce *announce)
{
    if (!PyTuple_Check(tuple) || PyTuple_GET_SIZE(tuple) != 11) {
        PyErr_SetString(PyExc_TypeError, "an announce is a tuple of eleven");
        return false;
    }
    const uint8_t *infohash = read_infohash(PyTuple_GET_ITEM(tuple, 0));
    if (!infohash || !read_peer(PyTuple_GET_ITEM(tuple, 1), announce))
        return false;
    memcpy(announce->infohash, infohash, INFOHASH);
    announce->event = (uint8_t)PyLong_AsLong(PyTuple_GET_ITEM(tuple, 2));
    announce->seeder = (uint8_t)(PyObject_IsTrue(PyTuple_GET_ITEM(tuple, 3)) == 1);
    announce->numwant = (uint16_t)clamped(PyLong_AsLong(PyTuple_GET_ITEM(tuple, 4)), MAX_NUMWANT);
    announce->families = (uint8_t)PyLong_AsLong(PyTuple_GET_ITEM(tuple, 5));
    announce->transport = (uint8_t)PyLong_AsLong(PyTuple_GET_ITEM(tuple, 6));
    announce->account = PyLong_AsUnsignedLongLong(PyTuple_GET_ITEM(tuple, 7));
    return !PyErr_Occurred() && (!announce->account || read_session(tuple, announce));
}

static bool expect(Py_ssize_t given, Py_ssize_t wanted)
{
    if (given != wanted)
        PyErr_Format(PyExc_TypeError, "%zd arguments are wanted, %zd were given", wanted, given);
    return given == wanted;
}

static PyObject *show_refusal(enum verdict verdict, const struct answer *answer)
{
    return Py_BuildValue("(iI)", (int)verdict, verdict == VERDICT_DENIED ? (unsigned int)answer->denial : 0u);
}

static PyObject *announce(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    struct announce announce = {.numwant = 0};
    struct answer answer;
    if (!expect(count, 2) || !read_announce(args[0], &announce))
        return NULL;
    long long now = PyLong_AsLongLong(args[1]);
    if (now == -1 && PyErr_Occurred())
        return NULL;
    enum verdict verdict = store_announce(of(self), &((Store *)self)->rng, &announce, now, &answer);
    if (verdict == VERDICT_UNLISTED || verdict == VERDICT_DENIED)
        return show_refusal(verdict, &answer);
    struct counts counts = answer.counts;
    return Py_BuildValue("(iKKKKIIy#y#)", (int)verdict, (unsigned long long)counts.complete,
                         (unsigned long long)counts.downloaded, (unsigned long long)counts.incomplete,
                         (unsigned long long)counts.downloaders, (unsigned int)answer.interval,
                         (unsigned int)answer.min_interval, answer.peers, (Py_ssize_t)answer.peers_length,
                         answer.peers6, (Py_ssize_t)answer.peers6_length);
}

/* Read a tracker.model.SocketChange, which is a tuple. */
static bool read_socket_change(PyObject *tuple, struct socket_change *change)
{
    if (!PyTuple_Check(tuple) || PyTuple_GET_SIZE(tuple) != 5) {
        PyErr_SetString(PyExc_TypeError, "a change of sockets is a tuple of five");
        return false;
    }
    const uint8_t *infohash = read_infohash(PyTuple_GET_ITEM(tuple, 0));
    PyObject *address = PyTuple_GET_ITEM(tuple, 1);
    Py_ssize_t length = PyBytes_Check(address) ? PyBytes_GET_SIZE(address) : 0;
    if (infohash && length != 4 && length != 16)
        PyErr_SetString(PyExc_ValueError, "an address is 4 or 16 bytes");
    if (!infohash || PyErr_Occurred())
        return false;
    memcpy(change->infohash, infohash, INFOHASH);
    memcpy(change->address, PyBytes_AS_STRING(address), (size_t)length);
    change->length = (uint8_t)length;
    long seeders = PyLong_AsLong(PyTuple_GET_ITEM(tuple, 2)), leechers = PyLong_AsLong(PyTuple_GET_ITEM(tuple, 3));
    change->seeders = (int8_t)((seeders > 0) - (seeders < 0));
    change->leechers = (int8_t)((leechers > 0) - (leechers < 0));
    change->completed = PyObject_IsTrue(PyTuple_GET_ITEM(tuple, 4)) == 1;
    return !PyErr_Occurred();
}

static PyObject *count_socket(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    struct socket_change change = {.length = 0};
    struct answer answer;
    if (!expect(count, 2) || !read_socket_change(args[0], &change))
        return NULL;
    long long now = PyLong_AsLongLong(args[1]);
    if (now == -1 && PyErr_Occurred())
        return NULL;
    enum verdict verdict = store_count_socket(of(self), &change, now, &answer);
    if (verdict == VERDICT_UNLISTED || verdict == VERDICT_DENIED)
        return show_refusal(verdict, &answer);
    struct counts counts = answer.counts;
    return Py_BuildValue("(iIIKKKK)", (int)verdict, (unsigned int)answer.interval, (unsigned int)answer.min_interval,
                         (unsigned long long)counts.complete, (unsigned long long)counts.downloaded,
                         (unsigned long long)counts.incomplete, (unsigned long long)counts.downloaders);
}

static PyObject *note_session(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    struct announce announce = {.numwant = 0};
    if (!expect(count, 2) || !read_announce(args[0], &announce))
        return NULL;
    long long now = PyLong_AsLongLong(args[1]);
    if (now == -1 && PyErr_Occurred())
        return NULL;
    if (announce.account)
        store_note_session(of(self), &announce, now);
    Py_RETURN_NONE;
}

static PyObject *scrape(PyObject *self, PyObject *object)
{
    const uint8_t *infohash = read_infohash(object);
    struct counts counts;
    if (!infohash)
        return NULL;
    store_scrape(of(self), infohash, &counts);
    return Py_BuildValue("(KKKK)", (unsigned long long)counts.complete, (unsigned long long)counts.downloaded,
                         (unsigned long long)counts.incomplete, (unsigned long long)counts.downloaders);
}

static PyObject *peers(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    struct answer answer;
    const uint8_t *infohash = expect(count, 2) ? read_infohash(args[0]) : NULL;
    if (!infohash)
        return NULL;
    long numwant = PyLong_AsLong(args[1]);
    if (numwant == -1 && PyErr_Occurred())
        return NULL;
    store_peers(of(self), &((Store *)self)->rng, infohash, (uint16_t)clamped(numwant, MAX_NUMWANT), &answer);
    return Py_BuildValue("(y#y#)", answer.peers, (Py_ssize_t)answer.peers_length, answer.peers6,
                         (Py_ssize_t)answer.peers6_length);
}

static PyObject *totals(PyObject *self, PyObject *Py_UNUSED(none))
{
    struct totals totals = store_totals(of(self));
    return Py_BuildValue("(KKK)", (unsigned long long)totals.torrents, (unsigned long long)totals.peers,
                         (unsigned long long)totals.complete);
}

static PyObject *expire(PyObject *self, PyObject *args)
{
    long long now, budget;
    uint64_t dropped;
    if (!PyArg_ParseTuple(args, "LL", &now, &budget))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    dropped = store_expire(of(self), now, budget);
    Py_END_ALLOW_THREADS
    return PyLong_FromUnsignedLongLong(dropped);
}

static PyObject *finished(int done)
{
    if (done < 0)
        return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static PyObject *join(PyObject *self, PyObject *args)
{
    PyObject *one, *other;
    int done;
    if (!PyArg_ParseTuple(args, "OO", &one, &other))
        return NULL;
    const uint8_t *alias = read_infohash(one), *canonical = alias ? read_infohash(other) : NULL;
    if (!canonical)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    done = store_join(of(self), alias, canonical);
    Py_END_ALLOW_THREADS
    return finished(done);
}

static PyObject *remove_swarm(PyObject *self, PyObject *object)
{
    const uint8_t *infohash = read_infohash(object);
    if (!infohash)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    store_remove(of(self), infohash);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *allow(PyObject *self, PyObject *args)
{
    PyObject *object;
    int in;
    if (!PyArg_ParseTuple(args, "Op", &object, &in))
        return NULL;
    const uint8_t *infohash = read_infohash(object);
    return infohash ? finished(store_allow(of(self), infohash, in)) : NULL;
}

static PyObject *list_all(PyObject *self, PyObject *object, int (*enlist)(struct store *, const uint8_t *, bool))
{
    Py_buffer hashes;
    if (PyObject_GetBuffer(object, &hashes, PyBUF_SIMPLE) < 0)
        return NULL;
    if (hashes.len % INFOHASH) {
        PyBuffer_Release(&hashes);
        PyErr_SetString(PyExc_ValueError, "infohashes are of 20 bytes each");
        return NULL;
    }
    int done = 0;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t at = 0; at < hashes.len && done == 0; at += INFOHASH)
        done = enlist(of(self), (const uint8_t *)hashes.buf + at, true);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&hashes);
    return finished(done);
}

static PyObject *allow_all(PyObject *self, PyObject *object)
{
    return list_all(self, object, store_allow);
}

static PyObject *deny_all(PyObject *self, PyObject *object)
{
    return list_all(self, object, store_deny_unexplained);
}

static PyObject *publish(PyObject *self, PyObject *args)
{
    PyObject *object;
    int public;
    if (!PyArg_ParseTuple(args, "Op", &object, &public))
        return NULL;
    const uint8_t *infohash = read_infohash(object);
    if (!infohash)
        return NULL;
    store_publish(of(self), infohash, public);
    Py_RETURN_NONE;
}

static int publish_one(struct store *store, const uint8_t *infohash, bool public)
{
    store_publish(store, infohash, public);
    return 0;
}

static PyObject *publish_all(PyObject *self, PyObject *object)
{
    return list_all(self, object, publish_one);
}

static PyObject *is_public(PyObject *self, PyObject *object)
{
    const uint8_t *infohash = read_infohash(object);
    return infohash ? PyBool_FromLong(store_is_public(of(self), infohash)) : NULL;
}

static PyObject *verdict_of(PyObject *self, PyObject *object)
{
    const uint8_t *infohash = read_infohash(object);
    return infohash ? PyLong_FromLong(store_verdict(of(self), infohash)) : NULL;
}

static PyObject *has_rules(PyObject *self, PyObject *Py_UNUSED(none))
{
    return PyBool_FromLong(store_has_rules(of(self)));
}

static PyObject *remove_denied(PyObject *self, PyObject *Py_UNUSED(none))
{
    Py_BEGIN_ALLOW_THREADS
    store_remove_denied(of(self));
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *show_row(struct row row)
{
    const char *infohash = (const char *)row.infohash, *payload = (const char *)row.payload;
    return Py_BuildValue("(y#Ky#)", infohash, (Py_ssize_t)INFOHASH, (unsigned long long)row.part, payload,
                         (Py_ssize_t)row.length);
}

static PyObject *take_dirty(PyObject *self, PyObject *Py_UNUSED(none))
{
    struct rows *rows;
    Py_BEGIN_ALLOW_THREADS
    rows = store_take_dirty(of(self));
    Py_END_ALLOW_THREADS
    if (!rows)
        return PyErr_NoMemory();
    PyObject *list = PyList_New((Py_ssize_t)rows_count(rows));
    for (size_t at = 0; list && at < rows_count(rows); at++) {
        PyObject *shown = show_row(rows_at(rows, at));
        if (shown)
            PyList_SET_ITEM(list, (Py_ssize_t)at, shown);
        else
            Py_CLEAR(list);
    }
    /* What cannot be handed over must not count as written. */
    for (size_t at = 0; !list && at < rows_count(rows); at++) {
        struct row row = rows_at(rows, at);
        store_put_back(of(self), &row, 1);
    }
    rows_free(rows);
    return list;
}

static bool read_row(PyObject *object, struct row *row)
{
    if (!PyTuple_Check(object) || PyTuple_GET_SIZE(object) != 3) {
        PyErr_SetString(PyExc_TypeError, "a row is a tuple of infohash, part and payload");
        return false;
    }
    PyObject *payload = PyTuple_GET_ITEM(object, 2);
    row->infohash = read_infohash(PyTuple_GET_ITEM(object, 0));
    if (!row->infohash)
        return false;
    row->part = PyLong_AsUnsignedLongLongMask(PyTuple_GET_ITEM(object, 1));
    row->payload = PyBytes_Check(payload) ? (const uint8_t *)PyBytes_AS_STRING(payload) : NULL;
    row->length = row->payload ? (size_t)PyBytes_GET_SIZE(payload) : 0;
    return !PyErr_Occurred();
}

static PyObject *take_in(PyObject *self, PyObject *object, int (*take)(struct store *, const struct row *, size_t))
{
    PyObject *tuple = PySequence_Tuple(object); /* holds every row while the GIL is let go */
    if (!tuple)
        return NULL;
    size_t count = (size_t)PyTuple_GET_SIZE(tuple);
    struct row *rows = PyMem_New(struct row, count);
    bool read = rows != NULL;
    for (size_t at = 0; at < count && read; at++)
        read = read_row(PyTuple_GET_ITEM(tuple, (Py_ssize_t)at), &rows[at]);
    int done = -1;
    if (read) {
        Py_BEGIN_ALLOW_THREADS
        done = take(of(self), rows, count);
        Py_END_ALLOW_THREADS
    }
    PyMem_Free(rows);
    Py_DECREF(tuple);
    return read || !PyErr_Occurred() ? finished(done) : NULL;
}

static PyObject *put_back(PyObject *self, PyObject *rows)
{
    return take_in(self, rows, store_put_back);
}

static PyObject *restore(PyObject *self, PyObject *rows)
{
    return take_in(self, rows, store_restore);
}

static PyObject *get_private(PyObject *self, void *Py_UNUSED(none))
{
    return PyBool_FromLong(store_private(of(self)));
}

static PyObject *get_listed(PyObject *self, void *Py_UNUSED(none))
{
    return PyBool_FromLong(store_listed(of(self)));
}

static PyObject *get_restoring(PyObject *self, void *Py_UNUSED(none))
{
    return PyBool_FromLong(store_restoring(of(self)));
}

static int set_flag(PyObject *self, PyObject *value, void (*set)(struct store *, bool))
{
    int truth = value ? PyObject_IsTrue(value) : -1;
    if (!value)
        PyErr_SetString(PyExc_AttributeError, "a flag cannot be deleted");
    if (truth < 0)
        return -1;
    set(of(self), truth);
    return 0;
}

static int set_listed(PyObject *self, PyObject *value, void *Py_UNUSED(none))
{
    return set_flag(self, value, store_set_listed);
}

static int set_private(PyObject *self, PyObject *value, void *Py_UNUSED(none))
{
    return set_flag(self, value, store_set_private);
}

static int set_restoring(PyObject *self, PyObject *value, void *Py_UNUSED(none))
{
    return set_flag(self, value, store_set_restoring);
}

static PyMethodDef store_methods[] = {
    {"announce", (PyCFunction)(void (*)(void))announce, METH_FASTCALL,
     "announce(announce, now): verdict, counts, intervals, peers, peers6"},
    {"note_session", (PyCFunction)(void (*)(void))note_session, METH_FASTCALL,
     "note_session(announce, now): take the totals of an account in"},
    {"count_socket", (PyCFunction)(void (*)(void))count_socket, METH_FASTCALL,
     "count_socket(change, now): verdict, intervals, complete, downloaded, incomplete, downloaders"},
    {"peers", (PyCFunction)(void (*)(void))peers, METH_FASTCALL, "peers(infohash, numwant): compact v4 and v6 peers"},
    {"scrape", scrape, METH_O, "scrape(infohash): complete, downloaded, incomplete, downloaders"},
    {"totals", totals, METH_NOARGS, "totals(): torrents, peers, complete"},
    {"expire", expire, METH_VARARGS, "expire(now, budget): how many peers went"},
    {"join", join, METH_VARARGS, "join(alias, canonical)"},
    {"remove", remove_swarm, METH_O, "remove(infohash)"},
    {"allow", allow, METH_VARARGS, "allow(infohash, allowed)"},
    {"deny", module_deny, METH_VARARGS, "deny(infohash, denied, told): the number that was told before, or 0"},
    {"explain", module_explain, METH_VARARGS,
     "explain(infohashes, told): the numbers of what was told of those that are denied"},
    {"set_denial_text", module_set_denial_text, METH_VARARGS, "set_denial_text(number, text)"},
    {"allow_all", allow_all, METH_O, "allow_all(infohashes): the infohashes stand one behind another"},
    {"deny_all", deny_all, METH_O, "deny_all(infohashes)"},
    {"publish", publish, METH_VARARGS, "publish(infohash, public)"},
    {"publish_all", publish_all, METH_O, "publish_all(infohashes)"},
    {"is_public", is_public, METH_O, "is_public(infohash): whether it is allowed, and anybody's to announce"},
    {"verdict", verdict_of, METH_O, "verdict(infohash): its number"},
    {"has_rules", has_rules, METH_NOARGS, "has_rules(): whether anything is allowed or denied"},
    {"remove_denied", remove_denied, METH_NOARGS, "remove_denied(): forget the swarms of what is denied"},
    {"take_dirty", take_dirty, METH_NOARGS, "take_dirty(): a list of (infohash, part, payload or None)"},
    {"put_back", put_back, METH_O, "put_back(rows)"},
    {"restore", restore, METH_O, "restore(rows)"},
    {"set_passkey", module_set_passkey, METH_VARARGS, "set_passkey(passkey, account): whether there was room"},
    {"drop_passkey", module_drop_passkey, METH_O, "drop_passkey(passkey)"},
    {"account_of", module_account_of, METH_O, "account_of(passkey): the account, or 0"},
    {"largest", module_largest, METH_O, "largest(count): infohash and counts of the swarms with most peers"},
    {"set_access", module_set_access, METH_VARARGS,
     "set_access(texts, clients, starts4, numbers4, starts6, numbers6): the rules of tracker.access"},
    {"check_access", module_check_access, METH_VARARGS,
     "check_access(address, peer_id): None, or whether it is by the address, and what is told"},
    {"take_deltas", module_take_deltas, METH_NOARGS,
     "take_deltas(): a list of (account, infohash, peer_id, uploaded, downloaded, seeded, completed)"},
    {"put_back_deltas", module_put_back_deltas, METH_O, "put_back_deltas(deltas)"},
    {"restore_sessions", module_restore_sessions, METH_O, "restore_sessions(sessions)"},
    {"session_totals", module_session_totals, METH_NOARGS, "session_totals(): sessions, deltas, lost"},
    {"open_changes", module_open_changes, METH_NOARGS, "open_changes(): the number of a new consumer"},
    {"close_changes", module_close_changes, METH_O, "close_changes(consumer)"},
    {"read_changes", module_read_changes, METH_VARARGS, "read_changes(consumer, limit): changes, position, lagged"},
    {"acknowledge_changes", module_acknowledge_changes, METH_VARARGS, "acknowledge_changes(consumer, position)"},
    {"snapshot", module_snapshot, METH_VARARGS, "snapshot(shard, swarm, pool, slot): changes, place or None"},
    {"apply", module_apply, METH_VARARGS, "apply(changes, now)"},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef store_flags[] = {
    {"private", get_private, set_private, "whether announces and scrapes need a passkey", NULL},
    {"listed", get_listed, set_listed, "whether only allowed torrents are tracked", NULL},
    {"restoring", get_restoring, set_restoring, "whether announces are put off", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* A slot's value is a void pointer, which ISO C does not let a function be; POSIX does. */
#define SLOT(function) ((void *)(uintptr_t)(function))

static PyType_Slot store_slots[] = {
    {Py_tp_new, SLOT(store_create)},
    {Py_tp_dealloc, SLOT(store_dealloc)},
    {Py_tp_methods, store_methods},
    {Py_tp_getset, store_flags},
    {Py_tp_doc, "Every swarm in memory, in C; see tracker.native_swarms."},
    {0, NULL},
};

static PyType_Spec store_spec = {
    .name = "tracker._native.Store",
    .basicsize = sizeof(Store),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = store_slots,
};

struct rng *module_rng(PyObject *object)
{
    return &((Store *)object)->rng;
}

struct store *module_store(PyObject *object)
{
    if (Py_TYPE(object)->tp_dealloc != store_dealloc) {
        PyErr_SetString(PyExc_TypeError, "a tracker._native.Store is wanted");
        return NULL;
    }
    return of(object);
}

static int fill_module(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &store_spec, NULL);
    if (!type)
        return -1;
    int done = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
#ifdef PEERAGE_DOOR
    if (done == 0)
        done = door_module_add(module);
#endif
    return done;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, SLOT(fill_module)},
    {0, NULL},
};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "tracker._native",
    .m_doc = "The store of swarms, in C.",
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&module_definition);
}
