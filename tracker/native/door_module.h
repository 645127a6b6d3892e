/* Hides the native doors from the module that offers the store. */
#ifndef PEERAGE_DOOR_MODULE_H
#define PEERAGE_DOOR_MODULE_H

#include <Python.h>

#include "store.h"

/* Add the type `Door` and what its tests call; -1 with a Python error where that fails. */
int door_module_add(PyObject *module);

/* The store inside the module's own store object; NULL with a TypeError for any other. */
struct store *store_of(PyObject *object);

#endif
