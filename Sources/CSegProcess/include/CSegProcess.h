#pragma once

/// Lets a program that runs out of memory end with a message and exit code 70 instead of a signal.
///
/// Swift cannot throw if an allocation fails: it ends the program with SIGILL, SIGTRAP or SIGABRT. This call installs a
/// handler for these signals, SIGSEGV and SIGBUS. If an allocation of the same thread failed just before, or the
/// address space of `ulimit -v` is nearly used up, the handler writes one line to standard error and ends the program
/// with exit code 70. Otherwise the signal ends the program as usual.
/// A thread that cannot be started for lack of address space also ends the program with exit code 70. Under `ulimit
/// -v`, the program ends without the destructors of libraries, which may wait for ever for such a thread.
/// - Parameter program: The name at the start of the line, with at most 63 characters.
void segprocess_end_cleanly_without_memory(const char *program);
