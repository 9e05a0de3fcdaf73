// Every kernel but the convolutions, compiled once for each instruction set: KERNEL(name) names this set's version.
#include "segcpu_loss.h"
#include "segcpu_norm.h"
#include "segcpu_pointwise.h"
#include "segcpu_spatial.h"

#include <math.h>

#include "simd.h"

#include "activation.h"

#include "philox_kernel.h"

#include "norm_kernel.h"

#include "layer_kernel.h"

#include "elementwise_kernel.h"
#include "pointwise_kernel.h"

#include "softmax_kernel.h"

#include "loss_kernel.h"
#include "focal_kernel.h"

#include "spatial_kernel.h"
