// The kernels of the CPU backend in plain C. They do not allocate memory, and start no threads except those of the
// pool. Layouts are channels-last.
#pragma once

#include "segcpu_isa.h"
#include "segcpu_kernels.h"
#include "segcpu_peaks.h"
#include "segcpu_threads.h"
