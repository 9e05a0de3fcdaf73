#pragma once

/// Lets a program that runs out of memory end with a message and exit code 70 instead of a signal.
///
/// Swift cannot throw if an allocation fails: it ends the program with SIGILL, SIGTRAP or SIGABRT. After this call, one
/// of these signals, SIGSEGV or SIGBUS leads to one line on standard error and exit code 70 if an allocation failed
/// before or the address space of `ulimit -v` is nearly used up. Without such a reason, the signal still ends the
/// program.
/// - Parameter program: The name at the start of the line, with at most 63 characters.
void segprocess_end_cleanly_without_memory(const char *program);
