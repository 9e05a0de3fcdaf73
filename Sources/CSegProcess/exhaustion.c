// Ends a program that runs out of memory with a message. See CSegProcess.h.

#include "CSegProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char program_name[64] = "program";
// The size of the last allocation that failed; 0 if none did.
static atomic_size_t refused;

#if defined(__GLIBC__)
// The allocator's own functions; the functions below wrap them to record failed allocations.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static void *noted(void *block, size_t size) {
    if (!block && size) atomic_store_explicit(&refused, size, memory_order_relaxed);
    return block;
}

void *malloc(size_t size) { return noted(__libc_malloc(size), size); }

void *calloc(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) bytes = (size_t)-1;
    return noted(__libc_calloc(count, size), bytes);
}

void *realloc(void *block, size_t size) { return noted(__libc_realloc(block, size), size); }

void *memalign(size_t alignment, size_t size) { return noted(__libc_memalign(alignment, size), size); }

void *aligned_alloc(size_t alignment, size_t size) { return noted(__libc_memalign(alignment, size), size); }

int posix_memalign(void **block, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) || (alignment & (alignment - 1)) || !alignment) return EINVAL;
    int saved = errno;
    void *made = noted(__libc_memalign(alignment, size), size);
    errno = saved;
    if (!made) return ENOMEM;
    *block = made;
    return 0;
}
#endif

// Whether `ulimit -v` is set and leaves less address space than a thread or a library may allocate in one call.
static int address_space_is_used_up(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) || limit.rlim_cur == RLIM_INFINITY) return 0;
    char text[64];
    int file = open("/proc/self/statm", O_RDONLY);
    if (file < 0) return 0;
    ssize_t count = read(file, text, sizeof text - 1);
    close(file);
    unsigned long long pages = 0;
    for (ssize_t i = 0; i < count && text[i] >= '0' && text[i] <= '9'; i++) pages = pages * 10 + (text[i] - '0');
    const unsigned long long margin = 256ull << 20;
    return count > 0 && pages * (unsigned long long)sysconf(_SC_PAGESIZE) + margin > limit.rlim_cur;
}

static void say(const char *text) {
    // Nothing can be done if standard error is closed.
    if (write(STDERR_FILENO, text, strlen(text)) < 0) return;
}

static void say_mebibytes(size_t bytes) {
    char digits[32];
    size_t at = sizeof digits, number = (bytes >> 20) + ((bytes & ((1 << 20) - 1)) != 0);
    digits[--at] = 0;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    say(digits + at);
}

// Calls only functions that are safe in a signal handler.
static void end(int number) {
    size_t size = atomic_load_explicit(&refused, memory_order_relaxed);
    if (!size && !address_space_is_used_up()) {
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    say(program_name);
    say(": out of memory");
    if (size) {
        say(": ");
        say_mebibytes(size);
        say(" MiB more were needed for one allocation");
    }
    say("; allow the process more memory (ulimit -v, the container's limit), use smaller scans, or set --max-memory\n");
    _exit(70);
}

void segprocess_end_cleanly_without_memory(const char *program) {
    strncpy(program_name, program, sizeof program_name - 1);
    // The handler has a separate stack, because the fault may be that the stack cannot grow.
    static char stack[1 << 15];
    stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&own, NULL);
    struct sigaction action = {.sa_handler = end, .sa_flags = SA_ONSTACK | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    const int faults[] = {SIGABRT, SIGILL, SIGTRAP, SIGSEGV, SIGBUS};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigaction(faults[i], &action, NULL);
}
