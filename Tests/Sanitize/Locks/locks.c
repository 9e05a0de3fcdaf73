// Swift's Mutex waits in libswiftSynchronization, which is built without ThreadSanitizer: a lock that was waited for
// would not count as one, and what it guards would be told as a race. Here is the same wait where it is seen.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define SELF __attribute__((swift_context))

/// `_MutexHandle._lockSlow`: waits until nobody holds the lock, and takes it. The handle is one word, the thread that
/// holds it or 0; nobody waits in the kernel, so that it is given back by the part of unlocking that is inlined.
__attribute__((swiftcall)) void lockSlow(uint32_t thread, SELF _Atomic(uint32_t) *handle) __asm__(LOCK_SLOW);

__attribute__((swiftcall)) void lockSlow(uint32_t thread, SELF _Atomic(uint32_t) *handle) {
    for (;;) {
        uint32_t free = 0;
        if (atomic_compare_exchange_weak_explicit(handle, &free, thread, memory_order_acquire, memory_order_relaxed)) {
            return;
        }
        sched_yield();
    }
}

#endif
#endif
