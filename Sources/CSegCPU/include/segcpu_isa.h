// Which instruction set the kernels use: the best of the machine, which is found at the first call.
#pragma once

enum { SEGCPU_PORTABLE = 0, SEGCPU_AVX2 = 1, SEGCPU_AVX512 = 2 };

// The level in use.
int segcpu_isa_level(void);

// Uses a level no higher than the machine's, for tests; returns the level then in use.
int segcpu_isa_set(int level);

// "portable", "AVX2" or "AVX-512".
const char *segcpu_isa_name(void);
