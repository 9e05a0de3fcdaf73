// A fixed set of threads that share numbered tasks.
#pragma once

#include <stddef.h>

typedef struct segcpu_threads segcpu_threads;

// A task. Its arguments are its number and the number of the thread that runs it, 0 ..< thread count, for scratch
// memory.
typedef void (*segcpu_task)(void *context, size_t task, size_t thread);

// Starts count - 1 threads; the caller of segcpu_threads_run is the remaining one. Returns NULL if resources are
// exhausted.
segcpu_threads *segcpu_threads_create(size_t count);

// Ends the threads.
void segcpu_threads_destroy(segcpu_threads *threads);

// Runs tasks 0 ..< count in any order and returns when all are done. Calls must not overlap, and a task must not call
// this function.
void segcpu_threads_run(segcpu_threads *threads, size_t count, segcpu_task task, void *context);
