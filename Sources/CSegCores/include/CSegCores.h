#pragma once

#include <stddef.h>
#include <stdint.h>

/// Writes the cores that this process may run on as bits, the first core in the lowest bit, to at most `words` words.
/// - Returns: The number of words that were written; 0 if the system does not provide the cores.
size_t segcores_allowed(uint64_t *bits, size_t words);
