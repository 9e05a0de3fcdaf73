// The memory that Winograd convolutions need.
#include "segcpu_kernels.h"

#include "sizes.h"

size_t segcpu_winograd_scratch(const segcpu_winograd *g, ptrdiff_t out_channels) {
    ptrdiff_t points = g->form.points, outputs = g->form.outputs, matrices = 2 * points * points;
    ptrdiff_t pairs_at_once = g->transforms_all ? points / 2 : 1;
    out_channels = round_up(out_channels, segcpu_kernels()->vec_lanes);
    // Transformed inputs and products, sums of the pairs, and a row of zeros.
    return (size_t)(matrices
            * (pairs_at_once * (g->block * g->channels + WINOGRAD_GAP) + g->block * out_channels + WINOGRAD_GAP)
        + g->block * outputs * outputs * outputs * out_channels + points * g->x_pixel);
}

ptrdiff_t segcpu_winograd_panel(void) { return 2 * segcpu_kernels()->vec_lanes; }

size_t segcpu_winograd_gradient_scratch(const segcpu_winograd *g, ptrdiff_t out_channels) {
    ptrdiff_t points = g->form.points, matrices = 2 * points * points;
    // Transformed inputs and gradients, and a row of zeros of each.
    return (size_t)(matrices * (g->block * (g->channels + out_channels) + 2 * WINOGRAD_GAP) + points * g->x_pixel
        + g->form.outputs * g->y_pixel);
}
