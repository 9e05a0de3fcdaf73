// The instruction set of the kernels: the best one of the machine, which is detected at the first call.
#pragma once

enum { SEGCPU_PORTABLE = 0, SEGCPU_AVX2 = 1, SEGCPU_AVX512 = 2 };

// The level in use.
int segcpu_isa_level(void);

// Sets a level, at most the machine's, for tests; returns the level then in use.
int segcpu_isa_set(int level);

// The name of the level in use: "portable", "AVX2" or "AVX-512".
const char *segcpu_isa_name(void);
