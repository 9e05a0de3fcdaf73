// The functions of CMPI.h with MPI. `make mpi` compiles this file once for each installed MPI library.

#include "../CMPI.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

struct segmpi_transfer {
    MPI_Request request;
    // The number of bytes to receive; -1 for a message to send.
    int expected;
};

static int own_rank, rank_count, own_local_rank, local_rank_count, own_machine;

// Writes MPI's text of an error. Returns whether there is an error.
static int failed(int error, char *message, size_t size) {
    if (error == MPI_SUCCESS) return 0;
    char text[MPI_MAX_ERROR_STRING];
    int length = 0;
    if (MPI_Error_string(error, text, &length) != MPI_SUCCESS) length = 0;
    snprintf(message, size, "%.*s", length, text);
    return 1;
}

static int start(char *message, size_t size) {
    int provided;
    // Only one thread calls MPI: the one that initialised it.
    if (failed(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided), message, size)) return -1;
    if (provided < MPI_THREAD_FUNNELED) {
        snprintf(message, size, "it does not support programs of several threads");
        return -1;
    }
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm local;
    int error = MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &local);
    if (failed(error, message, size)) return -1;
    MPI_Comm_rank(MPI_COMM_WORLD, &own_rank);
    MPI_Comm_size(MPI_COMM_WORLD, &rank_count);
    MPI_Comm_rank(local, &own_local_rank);
    MPI_Comm_size(local, &local_rank_count);
    own_machine = own_rank;
    error = MPI_Bcast(&own_machine, 1, MPI_INT, 0, local);
    MPI_Comm_free(&local);
    if (failed(error, message, size)) return -1;
    return 0;
}

static const char *name(void) {
    static char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    if (MPI_Get_library_version(text, &length) != MPI_SUCCESS) return "MPI";
    for (int i = 0; i < length; i++) {
        // Keeps the name and version: Open MPI's text continues after a comma, and MPICH's after a line break.
        if (text[i] == ',' || text[i] == '\n') text[i] = 0;
        if (text[i] == '\t' || text[i] == '\r') text[i] = ' ';
    }
    return text;
}

static int rank(void) { return own_rank; }
static int count(void) { return rank_count; }
static int local_rank(void) { return own_local_rank; }
static int local_count(void) { return local_rank_count; }
static int machine(void) { return own_machine; }

static segmpi_transfer *begun(segmpi_transfer *transfer, int error, char *message, size_t size) {
    if (!failed(error, message, size)) return transfer;
    free(transfer);
    return NULL;
}

static segmpi_transfer *new_transfer(int expected, char *message, size_t size) {
    segmpi_transfer *transfer = malloc(sizeof *transfer);
    if (transfer) transfer->expected = expected;
    else snprintf(message, size, "there is not enough memory");
    return transfer;
}

static segmpi_transfer *send(const void *bytes, size_t count, int peer, int tag, char *message, size_t size) {
    segmpi_transfer *transfer = new_transfer(-1, message, size);
    if (!transfer) return NULL;
    int error = MPI_Isend(bytes, (int)count, MPI_BYTE, peer, tag, MPI_COMM_WORLD, &transfer->request);
    return begun(transfer, error, message, size);
}

static segmpi_transfer *receive(void *bytes, size_t count, int peer, int tag, char *message, size_t size) {
    segmpi_transfer *transfer = new_transfer((int)count, message, size);
    if (!transfer) return NULL;
    int error = MPI_Irecv(bytes, (int)count, MPI_BYTE, peer, tag, MPI_COMM_WORLD, &transfer->request);
    return begun(transfer, error, message, size);
}

static int is_done(segmpi_transfer *transfer, char *message, size_t size) {
    int done = 0, came = 0;
    MPI_Status status;
    if (failed(MPI_Test(&transfer->request, &done, &status), message, size)) return -1;
    if (!done) return 0;
    int expected = transfer->expected;
    free(transfer);
    if (expected < 0) return 1;
    MPI_Get_count(&status, MPI_BYTE, &came);
    if (came == expected) return 1;
    snprintf(message, size, "%d bytes arrived instead of %d", came, expected);
    return -1;
}

static void finish(void) { MPI_Finalize(); }

static void abort_all(int code) { MPI_Abort(MPI_COMM_WORLD, code); }

const segmpi_library *medseg_mpi_library(void) {
    static const segmpi_library library = {
        SEGMPI_VERSION, start, name,    rank,    count,  local_rank, local_count,
        machine,        send,  receive, is_done, finish, abort_all,
    };
    return &library;
}
