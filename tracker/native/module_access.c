/* The methods of tracker._native.Store that say who may announce at all, and which swarms are largest. */
#include "module.h"

#include <stdlib.h>

#include "access.h"

static bool set_texts(struct access_table *table, PyObject *texts)
{
    size_t count = (size_t)PyList_GET_SIZE(texts), length = 0;
    for (size_t at = 0; at < count; at++) {
        PyObject *text = PyList_GET_ITEM(texts, (Py_ssize_t)at);
        if (!PyBytes_Check(text) || PyBytes_GET_SIZE(text) > DENIAL_MOST) {
            PyErr_SetString(PyExc_ValueError, "a text has at most 255 bytes");
            return false;
        }
        length += (size_t)PyBytes_GET_SIZE(text);
    }
    table->texts = malloc(length + 1);
    table->ends = malloc((count + 1) * sizeof *table->ends);
    if (!table->texts || !table->ends) {
        PyErr_NoMemory();
        return false;
    }
    uint32_t end = 0;
    for (size_t at = 0; at < count; at++) {
        PyObject *text = PyList_GET_ITEM(texts, (Py_ssize_t)at);
        memcpy(table->texts + end, PyBytes_AS_STRING(text), (size_t)PyBytes_GET_SIZE(text));
        end += (uint32_t)PyBytes_GET_SIZE(text);
        table->ends[at] = end;
    }
    table->text_count = count;
    return true;
}

/* Whether a table of rules can be looked up without reading beyond its end. */
static bool check_clients(const Py_buffer *rows, size_t texts)
{
    const struct client_rule *rules = rows->buf;
    size_t count = (size_t)rows->len / sizeof *rules;
    bool good = (size_t)rows->len % sizeof *rules == 0 && count <= MOST_CLIENT_RULES;
    for (size_t at = 0; good && at < count; at++)
        good = rules[at].length <= PEER_ID && rules[at].style < STYLE_COUNT && rules[at].number < texts &&
               (at == 0 || rules[at].length <= rules[at - 1].length);
    if (!good)
        PyErr_SetString(PyExc_ValueError, "these are no rules on clients");
    return good;
}

static bool set_clients(struct access_table *table, const Py_buffer *rows)
{
    if (!check_clients(rows, table->text_count))
        return false;
    if (access_table_set_clients(table, rows->buf, (size_t)rows->len / sizeof(struct client_rule)))
        return true;
    PyErr_NoMemory();
    return false;
}

static bool set_ranges(struct address_ranges *ranges, size_t width, const Py_buffer *starts, const Py_buffer *numbers,
                       size_t texts)
{
    size_t count = (size_t)numbers->len / sizeof(uint32_t);
    const uint32_t *each = numbers->buf;
    bool good = (size_t)numbers->len % sizeof(uint32_t) == 0 && (size_t)starts->len == count * width &&
                count <= 2 * (size_t)MOST_ADDRESS_RULES + 1;
    for (size_t at = 0; good && at < count; at++)
        good = each[at] < texts;
    if (!good)
        PyErr_SetString(PyExc_ValueError, "these are no ranges of addresses");
    else if (!(good = access_table_set_ranges(ranges, width, starts->buf, each, count)))
        PyErr_NoMemory();
    return good;
}

PyObject *module_set_access(PyObject *self, PyObject *args)
{
    PyObject *texts;
    Py_buffer clients, starts4, numbers4, starts6, numbers6;
    if (!PyArg_ParseTuple(args, "O!y*y*y*y*y*:set_access", &PyList_Type, &texts, &clients, &starts4, &numbers4,
                          &starts6, &numbers6))
        return NULL;
    struct access_table *table = access_table_new();
    bool good = table && set_texts(table, texts) && set_clients(table, &clients) &&
                set_ranges(&table->v4, 4, &starts4, &numbers4, table->text_count) &&
                set_ranges(&table->v6, 16, &starts6, &numbers6, table->text_count);
    bool empty = clients.len == 0 && starts4.len == 0 && starts6.len == 0;
    if (!table)
        PyErr_NoMemory();
    PyBuffer_Release(&clients);
    PyBuffer_Release(&starts4);
    PyBuffer_Release(&numbers4);
    PyBuffer_Release(&starts6);
    PyBuffer_Release(&numbers6);
    if (!good || empty) {
        access_table_free(table);
        if (!good)
            return NULL;
        table = NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    access_replace(store_access(module_store(self)), table);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

PyObject *module_check_access(PyObject *self, PyObject *args)
{
    const char *address, *peer_id;
    Py_ssize_t length, id_length;
    struct denial denial;
    if (!PyArg_ParseTuple(args, "y#y#:check_access", &address, &length, &peer_id, &id_length))
        return NULL;
    if ((length != 4 && length != 16) || (id_length != 0 && id_length != PEER_ID)) {
        PyErr_SetString(PyExc_ValueError, "an address is 4 or 16 bytes, a peer id 20 or none");
        return NULL;
    }
    enum refusal refusal = access_check(store_access(module_store(self)), (const uint8_t *)address, (size_t)length,
                                        id_length ? (const uint8_t *)peer_id : NULL, &denial);
    if (refusal == NOT_REFUSED)
        Py_RETURN_NONE;
    return Py_BuildValue("Oy#", refusal == REFUSED_ADDRESS_DENIED ? Py_True : Py_False, (const char *)denial.text,
                         (Py_ssize_t)denial.length);
}

PyObject *module_deny(PyObject *self, PyObject *args)
{
    const char *infohash;
    Py_ssize_t length;
    int denied;
    unsigned int told;
    int64_t before;
    if (!PyArg_ParseTuple(args, "y#pI:deny", &infohash, &length, &denied, &told))
        return NULL;
    if (length != INFOHASH) {
        PyErr_SetString(PyExc_ValueError, "an infohash is 20 bytes");
        return NULL;
    }
    if (store_deny(module_store(self), (const uint8_t *)infohash, denied, told, &before) < 0)
        return PyErr_NoMemory();
    return PyLong_FromLongLong(before < 0 ? 0 : before);
}

PyObject *module_explain(PyObject *self, PyObject *args)
{
    Py_buffer hashes;
    unsigned int told;
    if (!PyArg_ParseTuple(args, "y*I:explain", &hashes, &told))
        return NULL;
    PyObject *found = NULL;
    size_t count = (size_t)hashes.len / INFOHASH, known = 0;
    uint32_t *numbers = PyMem_New(uint32_t, count + 1);
    if (hashes.len % INFOHASH) {
        PyErr_SetString(PyExc_ValueError, "infohashes are of 20 bytes each");
    } else if (!numbers) {
        PyErr_NoMemory();
    } else {
        for (size_t at = 0; at < count; at++) {
            int64_t before = store_explain(module_store(self), (const uint8_t *)hashes.buf + at * INFOHASH, told);
            if (before >= 0)
                numbers[known++] = (uint32_t)before;
        }
        found = PyBytes_FromStringAndSize((const char *)numbers, (Py_ssize_t)(known * sizeof *numbers));
    }
    PyMem_Free(numbers);
    PyBuffer_Release(&hashes);
    return found;
}

PyObject *module_set_denial_text(PyObject *self, PyObject *args)
{
    const char *text;
    Py_ssize_t length;
    unsigned int number;
    if (!PyArg_ParseTuple(args, "Iy#:set_denial_text", &number, &text, &length))
        return NULL;
    if (!number || number >= MOST_REASONS || length > DENIAL_MOST) {
        PyErr_SetString(PyExc_ValueError, "a text has a number below 65536 and at most 255 bytes");
        return NULL;
    }
    if (!store_set_denial_text(module_store(self), number, (const uint8_t *)text, (size_t)length))
        return PyErr_NoMemory();
    Py_RETURN_NONE;
}

PyObject *module_largest(PyObject *self, PyObject *given)
{
    struct large_swarm list[MOST_LARGEST];
    long most = PyLong_AsLong(given);
    if (most == -1 && PyErr_Occurred())
        return NULL;
    size_t count;
    struct store *store = module_store(self);
    Py_BEGIN_ALLOW_THREADS
    count = store_largest(store, list, most < 0 ? 0 : most > MOST_LARGEST ? MOST_LARGEST : (size_t)most);
    Py_END_ALLOW_THREADS
    PyObject *rows = PyList_New((Py_ssize_t)count);
    for (size_t at = 0; rows && at < count; at++) {
        const struct counts *counts = &list[at].counts;
        PyObject *row = Py_BuildValue("y#KKKK", (const char *)list[at].infohash, (Py_ssize_t)INFOHASH,
                                      (unsigned long long)counts->complete, (unsigned long long)counts->downloaded,
                                      (unsigned long long)counts->incomplete, (unsigned long long)counts->downloaders);
        if (row)
            PyList_SET_ITEM(rows, (Py_ssize_t)at, row);
        else
            Py_CLEAR(rows);
    }
    return rows;
}
