// The CPU's kernels: plain C, no allocation, no threads but the pool's. Layouts are channels-last.
#ifndef CSEGCPU_H
#define CSEGCPU_H

#include "segcpu_conv3d.h"
#include "segcpu_threads.h"

#endif
