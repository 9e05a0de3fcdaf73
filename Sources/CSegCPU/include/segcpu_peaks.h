// The peak rate of a core: multiply-adds in registers, without loads.
#pragma once

// The floating-point operations per second of the calling thread's CPU time, a multiply-add counted as two; 0 if the
// machine lacks the instruction.
double segcpu_peak_fma(void);  // VFMADD231PS on 512 bits
double segcpu_peak_bf16(void); // VDPBF16PS on 512 bits, pairs of bfloat16 added to f32
