/* The Python class of the tracker over WebSocket, and what it needs of its door. */
#ifndef PEERAGE_MODULE_SOCKETS_H
#define PEERAGE_MODULE_SOCKETS_H

#include "module.h"

#include "loop.h"

/* What a `Door` shares with its sockets; alive as long as that object is. NULL with TypeError set. */
struct door_share {
    const struct rules *rules;
    struct store *store;
    const int64_t *clock;
    struct loop **loop;       /* NULL behind it while there is none */
    struct sockets **sockets; /* that the door's threads give connections to */
};
bool door_share(PyObject *object, struct door_share *out);
/* Join the threads of a door, which may give connections away. */
void door_halt(PyObject *object);

/* Read a sequence of (address, bits, verdict), address of 4 or 16 bytes; the rows are PyMem's. */
bool door_read_networks(PyObject *rows, struct networks *out);

int sockets_module_add(PyObject *module);

#endif
