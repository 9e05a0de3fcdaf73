#pragma once

#include <stddef.h>
#include <stdint.h>

/// Writes the cores that this process may run on as bits, the first core lowest, into at most `words` words.
/// - Returns: How many words were written; 0 where the system does not say.
size_t segcores_allowed(uint64_t *bits, size_t words);
