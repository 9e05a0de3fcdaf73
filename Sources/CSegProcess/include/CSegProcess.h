#pragma once

/// Lets a program that runs out of memory end with a message and exit code 70 instead of a signal.
///
/// Swift cannot throw where an allocation fails: it ends the program by SIGILL, SIGTRAP or SIGABRT. After this call
/// such a signal is answered by one line on standard error and exit code 70, if and only if an allocation failed before
/// or the address space of `ulimit -v` is nearly used up. Any other fault still ends the program by its signal.
/// - Parameter program: The name that begins the line, of at most 63 characters.
void segprocess_end_cleanly_without_memory(const char *program);
