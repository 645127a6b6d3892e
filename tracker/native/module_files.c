/* The Python class of the table of finished answers for stored files, tracker._native.Files. */
#include "module_files.h"

#include <fcntl.h>
#include <unistd.h>

enum { ENDING_MOST = 1024 };

typedef struct {
    PyObject_HEAD
    struct file_table *table;
    int root; /* the folder of stored files, or -1 */
} Files;

static PyObject *files_new(PyTypeObject *type, PyObject *args, PyObject *named)
{
    static char *names[] = {"capacity", "secret", "root", NULL};
    Py_ssize_t capacity, length;
    const char *given;
    int root = -1;
    uint64_t secret[2];
    if (!PyArg_ParseTupleAndKeywords(args, named, "ny#|i:Files", names, &capacity, &given, &length, &root))
        return NULL;
    if (capacity < 1 || length != sizeof secret) {
        PyErr_SetString(PyExc_ValueError, "a table has a capacity, and a secret of 16 bytes");
        return NULL;
    }
    Files *files = (Files *)type->tp_alloc(type, 0);
    if (!files)
        return NULL;
    memcpy(secret, given, sizeof secret);
    files->root = root < 0 ? -1 : fcntl(root, F_DUPFD_CLOEXEC, 0);
    if (root >= 0 && files->root < 0) {
        Py_DECREF(files);
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    files->table = file_table_new((size_t)capacity, secret, files->root);
    if (!files->table) {
        Py_DECREF(files);
        return PyErr_NoMemory();
    }
    return (PyObject *)files;
}

static void files_dealloc(Files *files)
{
    PyTypeObject *type = Py_TYPE(files);
    if (files->table)
        file_table_free(files->table);
    if (files->root >= 0)
        close(files->root);
    type->tp_free((PyObject *)files);
    Py_DECREF(type);
}

static const uint8_t *infohash_of(PyObject *object)
{
    if (!PyBytes_Check(object) || PyBytes_GET_SIZE(object) != INFOHASH) {
        PyErr_SetString(PyExc_ValueError, "an infohash is 20 bytes");
        return NULL;
    }
    return (const uint8_t *)PyBytes_AS_STRING(object);
}

static PyObject *files_generation(Files *files, PyObject *object)
{
    const uint8_t *infohash = infohash_of(object);
    return infohash ? PyLong_FromUnsignedLongLong(file_table_generation(files->table, infohash)) : NULL;
}

static PyObject *files_put(Files *files, PyObject *args)
{
    PyObject *object;
    int packed;
    unsigned long long generation;
    const char *head, *unchanged, *etag, *body;
    Py_ssize_t head_length, unchanged_length, etag_length, body_length;
    long long until, changed = 0;
    unsigned long long inode = 0;
    int apart = 0;
    if (!PyArg_ParseTuple(args, "OpKy#y#y#y#L|KLp:put", &object, &packed, &generation, &head, &head_length, &unchanged,
                          &unchanged_length, &etag, &etag_length, &body, &body_length, &until, &inode, &changed,
                          &apart))
        return NULL;
    const uint8_t *infohash = infohash_of(object);
    if (!infohash)
        return NULL;
    if (etag_length < 2) {
        PyErr_SetString(PyExc_ValueError, "a tag has its quotation marks");
        return NULL;
    }
    if (apart && (!inode || files->root < 0)) {
        PyErr_SetString(PyExc_ValueError, "what is apart has a stamp, and a folder that it is stored in");
        return NULL;
    }
    const struct file_stamp stamp = {files->root < 0 ? 0 : inode, changed};
    const struct file_parts parts = {{(const uint8_t *)head, (size_t)head_length},
                                     {(const uint8_t *)unchanged, (size_t)unchanged_length},
                                     {(const uint8_t *)etag, (size_t)etag_length},
                                     {apart ? NULL : (const uint8_t *)body, (size_t)body_length}};
    return PyBool_FromLong(file_table_put(files->table, infohash, packed != 0, generation, &parts, until, &stamp));
}

static PyObject *files_drop(Files *files, PyObject *object)
{
    const uint8_t *infohash = infohash_of(object);
    if (!infohash)
        return NULL;
    file_table_drop(files->table, infohash);
    Py_RETURN_NONE;
}

static PyObject *files_clear(Files *files, PyObject *Py_UNUSED(none))
{
    file_table_clear(files->table);
    Py_RETURN_NONE;
}

/* [(infohash, packed)] */
static PyObject *files_ending(Files *files, PyObject *args)
{
    unsigned shard;
    long long until;
    Py_ssize_t most;
    if (!PyArg_ParseTuple(args, "ILn:ending", &shard, &until, &most))
        return NULL;
    if (most < 1 || most > ENDING_MOST) {
        PyErr_SetString(PyExc_ValueError, "1 to 1024 at once");
        return NULL;
    }
    struct file_name *names = PyMem_Calloc((size_t)most, sizeof *names);
    if (!names)
        return PyErr_NoMemory();
    size_t count = file_table_ending(files->table, shard, until, names, (size_t)most);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t at = 0; list && at < count; at++) {
        PyObject *row = Py_BuildValue("y#N", (const char *)names[at].infohash, (Py_ssize_t)INFOHASH,
                                      PyBool_FromLong(names[at].packed));
        if (!row)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)at, row);
    }
    PyMem_Free(names);
    return list;
}

static PyObject *files_most(Files *files, PyObject *Py_UNUSED(none))
{
    return PyLong_FromSize_t(file_table_most(files->table));
}

static PyObject *files_numbers(Files *files, PyObject *Py_UNUSED(none))
{
    struct file_numbers numbers;
    file_table_read(files->table, &numbers);
    return Py_BuildValue("{s:K,s:K,s:K,s:K,s:K,s:K}", "count", (unsigned long long)numbers.count, "bytes",
                         (unsigned long long)numbers.bytes, "stored", (unsigned long long)numbers.stored, "evicted",
                         (unsigned long long)numbers.evicted, "expired", (unsigned long long)numbers.expired,
                         "refused", (unsigned long long)numbers.refused);
}

static PyMethodDef files_methods[] = {
    {"generation", (PyCFunction)files_generation, METH_O, "Read what put has to bring."},
    {"put", (PyCFunction)files_put, METH_VARARGS, "Keep a file; False where that is refused."},
    {"drop", (PyCFunction)files_drop, METH_O, "Drop a file in both codings."},
    {"clear", (PyCFunction)files_clear, METH_NOARGS, "Drop every file."},
    {"ending", (PyCFunction)files_ending, METH_VARARGS, "Tell files of a shard that are in use and end soon."},
    {"most", (PyCFunction)files_most, METH_NOARGS, "The bytes of the largest file that is kept."},
    {"numbers", (PyCFunction)files_numbers, METH_NOARGS, "Read all counters."},
    {NULL, NULL, 0, NULL},
};

/* ISO C does not know functions behind void pointers, on which Python's slots rest. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
static PyType_Slot files_slots[] = {
    {Py_tp_new, files_new},
    {Py_tp_dealloc, files_dealloc},
    {Py_tp_methods, files_methods},
    {Py_tp_doc, "Finished answers for stored files, bounded in bytes."},
    {0, NULL},
};
#pragma GCC diagnostic pop

static PyType_Spec files_spec = {
    .name = "tracker._native.Files",
    .basicsize = sizeof(Files),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = files_slots,
};

struct file_table *module_files(PyObject *object)
{
    if (Py_TYPE(object)->tp_dealloc != (destructor)files_dealloc) {
        PyErr_SetString(PyExc_TypeError, "a tracker._native.Files is wanted");
        return NULL;
    }
    return ((Files *)object)->table;
}

int files_module_add(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &files_spec, NULL);
    int done = type ? PyModule_AddType(module, (PyTypeObject *)type) : -1;
    Py_XDECREF(type);
    return done;
}
