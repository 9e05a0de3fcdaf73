internal import Foundation

/// The last resort where memory runs out in spite of `FreeMemory`: a line and exit code 70 in place of a signal.
///
/// Swift, its runtime and the system's libraries end a program by a signal where they get no memory. Only a program may
/// ask for this, not a library, and a fault while memory is not short ends the program as before.
public enum OutOfMemory {
    /// A fault is taken for one of memory where less than this much more can be had.
    fileprivate static let probe = 1 << 30

    /// Makes the program end so.
    public static func endsWithMessage() {
        for fault in [SIGABRT, SIGILL, SIGTRAP] { signal(fault, endWhereMemoryIsShort) }
    }
}

/// Runs in a signal handler, where nothing may be allocated.
private func endWhereMemoryIsShort(_ fault: Int32) {
    let flags = MAP_PRIVATE | MAP_ANON | MAP_NORESERVE
    let block = mmap(nil, OutOfMemory.probe, PROT_READ | PROT_WRITE, flags, -1, 0)
    guard block == MAP_FAILED else {
        signal(fault, SIG_DFL)
        raise(fault)
        return
    }
    let message: StaticString = """
        out of memory: the program was stopped where less than 1 GiB more could be had. Raise its limit (ulimit -v), free \
        memory, or take a smaller scan, window or network.

        """
    write(STDERR_FILENO, message.utf8Start, message.utf8CodeUnitCount)
    _exit(ExitStatus.software.rawValue)
}
