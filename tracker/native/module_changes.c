/* The methods of tracker._native.Store that exchange changes, sessions and passkeys with Python. */
#include "module.h"

static struct store *of(PyObject *self)
{
    return module_store(self);
}

static PyObject *finished(int done)
{
    if (done < 0)
        return PyErr_NoMemory();
    Py_RETURN_NONE;
}

/* Passkeys. */

static const uint8_t *read_passkey(PyObject *object, size_t *length)
{
    if (!PyBytes_Check(object) || PyBytes_GET_SIZE(object) < 1 || PyBytes_GET_SIZE(object) > PASSKEY_MOST) {
        PyErr_SetString(PyExc_ValueError, "a passkey is 1 to 64 bytes");
        return NULL;
    }
    *length = (size_t)PyBytes_GET_SIZE(object);
    return (const uint8_t *)PyBytes_AS_STRING(object);
}

PyObject *module_set_passkey(PyObject *self, PyObject *args)
{
    PyObject *object;
    unsigned long long account;
    size_t length;
    if (!PyArg_ParseTuple(args, "OK", &object, &account))
        return NULL;
    const uint8_t *passkey = read_passkey(object, &length);
    if (!passkey)
        return NULL;
    int done = store_set_passkey(of(self), passkey, length, account);
    return done < 0 ? PyErr_NoMemory() : PyBool_FromLong(done);
}

PyObject *module_drop_passkey(PyObject *self, PyObject *object)
{
    size_t length;
    const uint8_t *passkey = read_passkey(object, &length);
    if (!passkey)
        return NULL;
    store_drop_passkey(of(self), passkey, length);
    Py_RETURN_NONE;
}

PyObject *module_account_of(PyObject *self, PyObject *object)
{
    size_t length;
    const uint8_t *passkey = read_passkey(object, &length);
    return passkey ? PyLong_FromUnsignedLongLong(store_account(of(self), passkey, length)) : NULL;
}

/* Sessions. */

static PyObject *show_delta(const struct delta *delta)
{
    const struct last_totals *last = &delta->last;
    return Py_BuildValue("(Ky#y#KKKKK(KKLNN)y#)", (unsigned long long)delta->account, delta->infohash,
                         (Py_ssize_t)INFOHASH, delta->peer_id, (Py_ssize_t)PEER_ID, (unsigned long long)delta->uploaded,
                         (unsigned long long)delta->downloaded, (unsigned long long)delta->seeded,
                         (unsigned long long)delta->completed, (unsigned long long)delta->capped,
                         (unsigned long long)last->uploaded, (unsigned long long)last->downloaded,
                         (long long)last->seen, PyBool_FromLong(last->seeding), PyBool_FromLong(last->completed),
                         (const char *)delta->from.bytes, (Py_ssize_t)delta->from.length);
}

PyObject *module_take_deltas(PyObject *self, PyObject *Py_UNUSED(none))
{
    struct delta *deltas = PyMem_New(struct delta, DELTAS_AT_ONCE);
    if (!deltas)
        return PyErr_NoMemory();
    size_t count = store_take_deltas(of(self), deltas);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t at = 0; list && at < count; at++) {
        PyObject *shown = show_delta(&deltas[at]);
        if (shown)
            PyList_SET_ITEM(list, (Py_ssize_t)at, shown);
        else
            Py_CLEAR(list);
    }
    if (!list)
        store_put_back_deltas(of(self), deltas, count);
    PyMem_Free(deltas);
    return list;
}

static bool set_names(struct delta *delta, const char *infohash, Py_ssize_t infohash_length, const char *peer_id,
                      Py_ssize_t peer_id_length)
{
    if (infohash_length != INFOHASH || peer_id_length != PEER_ID) {
        PyErr_SetString(PyExc_ValueError, "an infohash and a peer id are 20 bytes");
        return false;
    }
    memcpy(delta->infohash, infohash, INFOHASH);
    memcpy(delta->peer_id, peer_id, PEER_ID);
    return true;
}

static void set_last(struct delta *delta, unsigned long long uploaded, unsigned long long downloaded, long long seen,
                     int seeding, int completed)
{
    delta->last = (struct last_totals){uploaded, downloaded, seen, seeding, completed};
}

static bool read_delta(PyObject *object, struct delta *delta)
{
    const char *infohash, *peer_id, *from;
    Py_ssize_t infohash_length, peer_id_length, from_length;
    unsigned long long account, sums[5], uploaded, downloaded;
    long long seen;
    int seeding, completed;
    if (!PyTuple_Check(object)) {
        PyErr_SetString(PyExc_TypeError, "a delta is a tuple");
        return false;
    }
    if (!PyArg_ParseTuple(object, "Ky#y#KKKKK(KKLpp)y#", &account, &infohash, &infohash_length, &peer_id,
                          &peer_id_length, &sums[0], &sums[1], &sums[2], &sums[3], &sums[4], &uploaded, &downloaded,
                          &seen, &seeding, &completed, &from, &from_length))
        return false;
    if (from_length > NETWORK6) {
        PyErr_SetString(PyExc_ValueError, "an address has at most 8 bytes");
        return false;
    }
    *delta = (struct delta){.account = account, .uploaded = sums[0], .downloaded = sums[1], .seeded = sums[2],
                            .completed = sums[3], .capped = sums[4]};
    delta->from.length = (uint8_t)from_length;
    memcpy(delta->from.bytes, from, (size_t)from_length);
    set_last(delta, uploaded, downloaded, seen, seeding, completed);
    return set_names(delta, infohash, infohash_length, peer_id, peer_id_length);
}

static bool read_session(PyObject *object, struct delta *delta)
{
    const char *infohash, *peer_id;
    Py_ssize_t infohash_length, peer_id_length;
    unsigned long long account, uploaded, downloaded;
    long long seen;
    int seeding, completed;
    if (!PyTuple_Check(object)) {
        PyErr_SetString(PyExc_TypeError, "a session is a tuple");
        return false;
    }
    if (!PyArg_ParseTuple(object, "Ky#y#(KKLpp)", &account, &infohash, &infohash_length, &peer_id, &peer_id_length,
                          &uploaded, &downloaded, &seen, &seeding, &completed))
        return false;
    *delta = (struct delta){.account = account};
    set_last(delta, uploaded, downloaded, seen, seeding, completed);
    return set_names(delta, infohash, infohash_length, peer_id, peer_id_length);
}

/* Read a sequence, all of it; returns how many there are, -1 where one cannot be read. */
static Py_ssize_t read_all(PyObject *object, bool (*read_one)(PyObject *, struct delta *), struct delta **deltas)
{
    PyObject *fast = PySequence_Fast(object, "deltas and sessions are a sequence");
    Py_ssize_t count = fast ? PySequence_Fast_GET_SIZE(fast) : 0;
    *deltas = fast ? PyMem_New(struct delta, (size_t)count) : NULL;
    bool read = *deltas != NULL;
    if (fast && !read)
        PyErr_NoMemory();
    for (Py_ssize_t at = 0; at < count && read; at++)
        read = read_one(PySequence_Fast_GET_ITEM(fast, at), *deltas + at);
    Py_XDECREF(fast);
    return read ? count : -1;
}

PyObject *module_put_back_deltas(PyObject *self, PyObject *object)
{
    struct delta *deltas;
    Py_ssize_t count = read_all(object, read_delta, &deltas);
    if (count >= 0)
        store_put_back_deltas(of(self), deltas, (size_t)count);
    PyMem_Free(deltas);
    return count >= 0 ? Py_NewRef(Py_None) : NULL;
}

PyObject *module_restore_sessions(PyObject *self, PyObject *object)
{
    struct delta *sessions;
    Py_ssize_t count = read_all(object, read_session, &sessions);
    for (Py_ssize_t at = 0; at < count; at++)
        store_restore_session(of(self), &sessions[at]);
    PyMem_Free(sessions);
    return count >= 0 ? Py_NewRef(Py_None) : NULL;
}

PyObject *module_session_totals(PyObject *self, PyObject *Py_UNUSED(none))
{
    struct session_totals totals = store_session_totals(of(self));
    return Py_BuildValue("(KKK)", (unsigned long long)totals.sessions, (unsigned long long)totals.deltas,
                         (unsigned long long)totals.lost);
}

/* Changes: (infohash, peer, time, flags), or (infohash, node, completed). */

static PyObject *show_change(const struct change *change)
{
    const char *infohash = (const char *)change->infohash;
    if (!change->length)
        return Py_BuildValue("(y#IK)", infohash, (Py_ssize_t)INFOHASH, (unsigned int)change->node,
                             (unsigned long long)change->value);
    return Py_BuildValue("(y#y#LI)", infohash, (Py_ssize_t)INFOHASH, (const char *)change->peer,
                         (Py_ssize_t)change->length, (long long)(change->value >> RANK_SHIFT) + EPOCH,
                         (unsigned int)(change->value & ((1 << RANK_SHIFT) - 1)));
}

static PyObject *show_changes(const struct changes *changes)
{
    PyObject *list = PyList_New((Py_ssize_t)changes->count);
    for (size_t at = 0; list && at < changes->count; at++) {
        PyObject *shown = show_change(&changes->list[at]);
        if (shown)
            PyList_SET_ITEM(list, (Py_ssize_t)at, shown);
        else
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *show_positions(const struct changes *changes)
{
    PyObject *tuple = PyTuple_New((Py_ssize_t)changes->positions);
    for (size_t at = 0; tuple && at < changes->positions; at++) {
        PyObject *pair = Py_BuildValue("(IK)", (unsigned int)changes->position[at].shard,
                                       (unsigned long long)changes->position[at].sequence);
        if (pair)
            PyTuple_SET_ITEM(tuple, (Py_ssize_t)at, pair);
        else
            Py_CLEAR(tuple);
    }
    return tuple;
}

PyObject *module_open_changes(PyObject *self, PyObject *Py_UNUSED(none))
{
    int consumer = store_open_changes(of(self));
    if (consumer < 0) {
        PyErr_SetString(PyExc_ValueError, "there are as many consumers of changes as there may be");
        return NULL;
    }
    return PyLong_FromLong(consumer);
}

PyObject *module_close_changes(PyObject *self, PyObject *object)
{
    unsigned long consumer = PyLong_AsUnsignedLong(object);
    if (PyErr_Occurred())
        return NULL;
    store_close_changes(of(self), (unsigned)consumer);
    Py_RETURN_NONE;
}

PyObject *module_read_changes(PyObject *self, PyObject *args)
{
    struct changes changes;
    unsigned int consumer;
    Py_ssize_t limit;
    int done;
    if (!PyArg_ParseTuple(args, "In", &consumer, &limit))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    done = store_read_changes(of(self), consumer, limit > 0 ? (size_t)limit : 0, &changes);
    Py_END_ALLOW_THREADS
    PyObject *result = NULL;
    if (done == -2)
        PyErr_Format(PyExc_KeyError, "%u", consumer);
    else if (done < 0)
        PyErr_NoMemory();
    else
        result = Py_BuildValue("(NNN)", show_changes(&changes), show_positions(&changes),
                               PyBool_FromLong(changes.lagged));
    changes_free(&changes);
    return result;
}

PyObject *module_acknowledge_changes(PyObject *self, PyObject *args)
{
    PyObject *pairs;
    unsigned int consumer;
    if (!PyArg_ParseTuple(args, "IO!", &consumer, &PyTuple_Type, &pairs))
        return NULL;
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(pairs); at++) {
        struct reading_position position;
        unsigned long long sequence;
        unsigned int shard;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(pairs, at), "IK", &shard, &sequence))
            return NULL;
        position = (struct reading_position){shard, sequence};
        store_acknowledge_changes(of(self), consumer, &position, 1);
    }
    Py_RETURN_NONE;
}

static uint32_t all_below_zero(long long number)
{
    return number < 0 ? UINT32_MAX : (uint32_t)number;
}

static PyObject *show_place(const struct snapshot_place *place)
{
    if (place->shard >= SHARDS)
        Py_RETURN_NONE;
    return Py_BuildValue("(ILIL)", (unsigned int)place->shard,
                         place->swarm == UINT32_MAX ? -1LL : (long long)place->swarm, (unsigned int)place->pool,
                         place->slot == UINT32_MAX ? -1LL : (long long)place->slot);
}

PyObject *module_snapshot(PyObject *self, PyObject *args)
{
    struct changes changes;
    unsigned int shard, pool;
    long long swarm, slot;
    bool done;
    if (!PyArg_ParseTuple(args, "ILIL", &shard, &swarm, &pool, &slot))
        return NULL;
    struct snapshot_place place = {shard, all_below_zero(swarm), pool, all_below_zero(slot)};
    Py_BEGIN_ALLOW_THREADS
    done = store_snapshot(of(self), &place, &changes);
    Py_END_ALLOW_THREADS
    PyObject *result = done ? Py_BuildValue("(NN)", show_changes(&changes), show_place(&place)) : PyErr_NoMemory();
    changes_free(&changes);
    return result;
}

/* Read a peer's change; one that cannot be written as a rank gets a length that no peer has, and is passed over. */
static bool read_peer_change(PyObject *tuple, struct change *change)
{
    const char *infohash, *peer;
    Py_ssize_t infohash_length, length;
    long long time, flags;
    if (!PyArg_ParseTuple(tuple, "y#y#LL", &infohash, &infohash_length, &peer, &length, &time, &flags))
        return false;
    if (infohash_length != INFOHASH) {
        PyErr_SetString(PyExc_ValueError, "an infohash is 20 bytes");
        return false;
    }
    bool sane = (length == 6 || length == 18) && time >= EPOCH && time - EPOCH <= UINT32_MAX && flags >= 0 &&
                flags < 1 << RANK_SHIFT;
    *change = (struct change){.length = sane ? (uint8_t)length : 1};
    memcpy(change->infohash, infohash, INFOHASH);
    if (sane) {
        memcpy(change->peer, peer, (size_t)length);
        change->value = (uint64_t)(time - EPOCH) << RANK_SHIFT | (uint64_t)flags;
    }
    return true;
}

static bool read_count(PyObject *tuple, struct change *change)
{
    const char *infohash;
    Py_ssize_t infohash_length;
    long long node, completed;
    if (!PyArg_ParseTuple(tuple, "y#LL", &infohash, &infohash_length, &node, &completed))
        return false;
    if (infohash_length != INFOHASH) {
        PyErr_SetString(PyExc_ValueError, "an infohash is 20 bytes");
        return false;
    }
    bool sane = node >= 0 && node <= UINT32_MAX && completed > 0;
    *change = (struct change){.node = sane ? (uint32_t)node : 0, .value = sane ? (uint64_t)completed : 0};
    memcpy(change->infohash, infohash, INFOHASH);
    return true;
}

static bool read_change(PyObject *object, struct change *change)
{
    if (PyTuple_Check(object) && PyTuple_GET_SIZE(object) == 4)
        return read_peer_change(object, change);
    if (PyTuple_Check(object) && PyTuple_GET_SIZE(object) == 3)
        return read_count(object, change);
    PyErr_SetString(PyExc_TypeError, "a change is a tuple of four, or of three for a completed count");
    return false;
}

PyObject *module_apply(PyObject *self, PyObject *args)
{
    PyObject *given;
    long long now;
    if (!PyArg_ParseTuple(args, "OL", &given, &now))
        return NULL;
    PyObject *fast = PySequence_Fast(given, "changes are a sequence");
    size_t count = fast ? (size_t)PySequence_Fast_GET_SIZE(fast) : 0;
    struct change *changes = fast ? PyMem_New(struct change, count) : NULL;
    bool read = changes != NULL;
    int done = 0;
    if (fast && !changes)
        PyErr_NoMemory();
    for (size_t at = 0; at < count && read; at++)
        read = read_change(PySequence_Fast_GET_ITEM(fast, (Py_ssize_t)at), &changes[at]);
    if (read) {
        Py_BEGIN_ALLOW_THREADS
        done = store_apply(of(self), changes, count, now);
        Py_END_ALLOW_THREADS
    }
    PyMem_Free(changes);
    Py_XDECREF(fast);
    return read ? finished(done) : NULL;
}
