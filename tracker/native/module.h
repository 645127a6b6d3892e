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

/* Where the socket loop is built in, PEERAGE_DOOR is defined, and this adds its types to the module; -1: an error. */
int door_module_add(PyObject *module);

#endif
