/* Access to the table behind a `Files` of this module, for the door. */
#ifndef PEERAGE_MODULE_FILES_H
#define PEERAGE_MODULE_FILES_H

#include "module.h"

#include "kept_files.h"

/* The table behind a `Files`, alive as long as that object is; NULL with TypeError set. */
struct file_table *module_files(PyObject *object);

/* Add the class to the module; -1: an error. */
int files_module_add(PyObject *module);

#endif
