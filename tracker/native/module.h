/* Access to the store behind a Python object, for the other C files of this extension. */
#ifndef PEERAGE_MODULE_H
#define PEERAGE_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "store.h"

/* The store behind a `Store` of this module, alive as long as that object is; NULL with TypeError set. */
struct store *module_store(PyObject *object);

/* The random numbers of its calls from Python, to be used with the GIL; `object` is such a store. */
struct rng *module_rng(PyObject *object);

/* Methods of the store that are not in module.c. */
PyObject *module_set_passkey(PyObject *self, PyObject *args);
PyObject *module_drop_passkey(PyObject *self, PyObject *passkey);
PyObject *module_account_of(PyObject *self, PyObject *passkey);
PyObject *module_deny(PyObject *self, PyObject *args);
PyObject *module_explain(PyObject *self, PyObject *args);
PyObject *module_set_denial_text(PyObject *self, PyObject *args);
PyObject *module_largest(PyObject *self, PyObject *count);
PyObject *module_set_access(PyObject *self, PyObject *args);
PyObject *module_check_access(PyObject *self, PyObject *args);
PyObject *module_take_deltas(PyObject *self, PyObject *none);
PyObject *module_put_back_deltas(PyObject *self, PyObject *deltas);
PyObject *module_restore_sessions(PyObject *self, PyObject *object);
PyObject *module_session_totals(PyObject *self, PyObject *none);
PyObject *module_open_changes(PyObject *self, PyObject *none);
PyObject *module_close_changes(PyObject *self, PyObject *consumer);
PyObject *module_read_changes(PyObject *self, PyObject *args);
PyObject *module_acknowledge_changes(PyObject *self, PyObject *args);
PyObject *module_snapshot(PyObject *self, PyObject *args);
PyObject *module_apply(PyObject *self, PyObject *args);

/* Where the socket loop is built in, PEERAGE_DOOR is defined, and this adds its types to the module; -1: an error. */
int door_module_add(PyObject *module);

#endif
