// The CPU's kernels: plain C, no allocation, no threads but the pool's. Layouts are channels-last.
#pragma once

#include "segcpu_isa.h"
#include "segcpu_kernels.h"
#include "segcpu_peaks.h"
#include "segcpu_threads.h"
