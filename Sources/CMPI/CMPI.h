// The interface of MPI for Swift: transfers bytes between ranks.
//
// MPI's handles are macros whose types differ between Open MPI and MPICH. Therefore `make mpi` compiles shim/mpi.c
// against each library's mpi.h, and SegComm opens the result if a launcher has started several ranks. The programs
// start on a machine without MPI.
#ifndef CMPI_H
#define CMPI_H

#include <stddef.h>

// Incremented with every change of the table below.
#define SEGMPI_VERSION 1

// The name of the only function that a compiled shim exports.
#define SEGMPI_SYMBOL "medseg_mpi_library"

// A message in transfer.
typedef struct segmpi_transfer segmpi_transfer;

// The functions of a compiled shim. The thread that called `start` must make all calls. Functions with a `message`
// parameter write MPI's error text into it if they fail.
typedef struct {
    int version;
    // Initialises MPI. Returns 0, or -1 and a message.
    int (*start)(char *message, size_t size);
    // The name and version of the MPI library, on one line.
    const char *(*name)(void);
    // The number of this rank, and the number of all ranks.
    int (*rank)(void);
    int (*count)(void);
    // The same, but among the ranks of this machine.
    int (*local_rank)(void);
    int (*local_count)(void);
    // The identifier of this machine: the number of its first rank.
    int (*machine)(void);
    // Starts to send or receive at most INT_MAX bytes, whose memory must not move until `is_done`. NULL and a message
    // if that fails.
    segmpi_transfer *(*send)(const void *bytes, size_t count, int peer, int tag, char *message, size_t size);
    segmpi_transfer *(*receive)(void *bytes, size_t count, int peer, int tag, char *message, size_t size);
    // 1 if the message is completely sent or received; the transfer is then freed. 0 if it is in progress. -1 and a
    // message if it failed or another number of bytes arrived.
    int (*is_done)(segmpi_transfer *transfer, char *message, size_t size);
    // Finalises MPI; no transfer may be in progress.
    void (*finish)(void);
    // Ends all ranks with an exit code.
    void (*abort)(int code);
} segmpi_library;

// The function that a compiled shim exports.
typedef const segmpi_library *(*segmpi_entry)(void);

#endif
