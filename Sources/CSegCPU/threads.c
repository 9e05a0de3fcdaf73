#include "segcpu_threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

// The number of checks for a new run before a thread sleeps; networks start runs microseconds apart.
enum { SPIN_LIMIT = 4000 };

struct segcpu_threads {
    pthread_mutex_t mutex;
    pthread_cond_t wake, done;
    pthread_t *handles;
    size_t count; // threads besides the caller
    segcpu_task task;
    void *context;
    size_t tasks;
    atomic_size_t next;       // next task that no thread has started
    atomic_size_t generation; // number of runs started
    atomic_size_t busy;       // threads that have not finished the run
    bool quit;
};

typedef struct {
    segcpu_threads *threads;
    size_t number;
} worker_argument;

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

static void take_tasks(segcpu_threads *t, size_t thread) {
    for (;;) {
        size_t task = atomic_fetch_add_explicit(&t->next, 1, memory_order_relaxed);
        if (task >= t->tasks) return;
        t->task(t->context, task, thread);
    }
}

static void *worker(void *argument) {
    worker_argument own = *(worker_argument *)argument;
    free(argument);
    segcpu_threads *t = own.threads;
    size_t seen = 0;
    for (;;) {
        for (int spin = 0; spin < SPIN_LIMIT && atomic_load_explicit(&t->generation, memory_order_acquire) == seen;
             spin++)
            relax();
        pthread_mutex_lock(&t->mutex);
        while (atomic_load(&t->generation) == seen && !t->quit) pthread_cond_wait(&t->wake, &t->mutex);
        seen = atomic_load(&t->generation);
        bool quit = t->quit;
        pthread_mutex_unlock(&t->mutex);
        if (quit) return NULL;
        take_tasks(t, own.number);
        if (atomic_fetch_sub_explicit(&t->busy, 1, memory_order_acq_rel) == 1) {
            pthread_mutex_lock(&t->mutex);
            pthread_cond_signal(&t->done);
            pthread_mutex_unlock(&t->mutex);
        }
    }
}

segcpu_threads *segcpu_threads_create(size_t count) {
    segcpu_threads *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    pthread_mutex_init(&t->mutex, NULL);
    pthread_cond_init(&t->wake, NULL);
    pthread_cond_init(&t->done, NULL);
    t->handles = calloc(count, sizeof *t->handles);
    for (size_t i = 1; t->handles && i < count; i++) {
        worker_argument *argument = malloc(sizeof *argument);
        if (!argument) break;
        *argument = (worker_argument){t, i};
        if (pthread_create(&t->handles[t->count], NULL, worker, argument)) {
            free(argument);
            break;
        }
        t->count++;
    }
    if (!t->handles || t->count + 1 < count) {
        segcpu_threads_destroy(t);
        return NULL;
    }
    return t;
}

void segcpu_threads_destroy(segcpu_threads *t) {
    pthread_mutex_lock(&t->mutex);
    t->quit = true;
    pthread_cond_broadcast(&t->wake);
    pthread_mutex_unlock(&t->mutex);
    for (size_t i = 0; i < t->count; i++) pthread_join(t->handles[i], NULL);
    pthread_cond_destroy(&t->wake);
    pthread_cond_destroy(&t->done);
    pthread_mutex_destroy(&t->mutex);
    free(t->handles);
    free(t);
}

void segcpu_threads_run(segcpu_threads *t, size_t count, segcpu_task task, void *context) {
    if (t->count == 0 || count <= 1) {
        for (size_t i = 0; i < count; i++) task(context, i, 0);
        return;
    }
    pthread_mutex_lock(&t->mutex);
    t->task = task;
    t->context = context;
    t->tasks = count;
    atomic_store(&t->next, 0);
    atomic_store(&t->busy, t->count);
    atomic_fetch_add(&t->generation, 1);
    pthread_cond_broadcast(&t->wake);
    pthread_mutex_unlock(&t->mutex);
    take_tasks(t, 0);
    for (int spin = 0; spin < SPIN_LIMIT && atomic_load_explicit(&t->busy, memory_order_acquire); spin++) relax();
    pthread_mutex_lock(&t->mutex);
    while (atomic_load(&t->busy)) pthread_cond_wait(&t->done, &t->mutex);
    pthread_mutex_unlock(&t->mutex);
}
