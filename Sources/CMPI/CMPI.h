// What Swift sees of MPI: bytes that go from one rank to another.
//
// MPI's handles are macros, and their types differ between Open MPI and MPICH. So shim/mpi.c is compiled against each
// library's mpi.h by `make mpi`, and SegComm opens the result when a launcher has started several ranks. The programs
// start on a machine without MPI.
#ifndef CMPI_H
#define CMPI_H

#include <stddef.h>

// Goes up with every change of the table below.
#define SEGMPI_VERSION 1

// The name of the one function that a compiled shim exports.
#define SEGMPI_SYMBOL "medseg_mpi_library"

// A message on its way.
typedef struct segmpi_transfer segmpi_transfer;

// The functions of a compiled shim. All are called by the thread that called `start`. Those that take a message write
// MPI's own sentence into it where they fail.
typedef struct {
    int version;
    // Begins MPI. Returns 0, or -1 and a message.
    int (*start)(char *message, size_t size);
    // Name and version of the MPI library, in one line.
    const char *(*name)(void);
    // This rank, and the number of all ranks.
    int (*rank)(void);
    int (*count)(void);
    // The same among the ranks of this machine.
    int (*local_rank)(void);
    int (*local_count)(void);
    // What tells this machine from others: the rank that is the first of it.
    int (*machine)(void);
    // Begins to send or to receive at most INT_MAX bytes, which must stay where they are until `is_done`. NULL and a
    // message where that fails.
    segmpi_transfer *(*send)(const void *bytes, size_t count, int peer, int tag, char *message, size_t size);
    segmpi_transfer *(*receive)(void *bytes, size_t count, int peer, int tag, char *message, size_t size);
    // 1 where a message has gone or has come whole, and the transfer is no more; 0 where it is on its way; -1 and a
    // message where it failed, or where another number of bytes came.
    int (*is_done)(segmpi_transfer *transfer, char *message, size_t size);
    // Ends MPI when nothing is on its way.
    void (*finish)(void);
    // Ends all ranks with an exit code.
    void (*abort)(int code);
} segmpi_library;

// The function that a compiled shim exports.
typedef const segmpi_library *(*segmpi_entry)(void);

#endif
