// The CPU's kernels: plain C, no allocation, no threads but the pool's. Layouts are channels-last.
#ifndef CSEGCPU_H
#define CSEGCPU_H

#include "segcpu_bf16.h"
#include "segcpu_conv3d.h"
#include "segcpu_isa.h"
#include "segcpu_loss.h"
#include "segcpu_matrix.h"
#include "segcpu_norm.h"
#include "segcpu_peaks.h"
#include "segcpu_pointwise.h"
#include "segcpu_spatial.h"
#include "segcpu_threads.h"
#include "segcpu_winograd.h"

#endif
