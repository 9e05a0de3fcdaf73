// The memory that Winograd convolutions need.
#include "segcpu_kernels.h"

#include "sizes.h"

size_t segcpu_winograd_scratch(const segcpu_winograd *g, ptrdiff_t out_channels) {
    ptrdiff_t points = g->form.points, outputs = g->form.outputs, matrices = 2 * points * points;
    ptrdiff_t pairs_at_once = g->transforms_all ? points / 2 : 1;
    out_channels = round_up(out_channels, segcpu_kernels()->vec_lanes);
    ptrdiff_t inputs = pairs_at_once * (g->block * g->channels + WINOGRAD_GAP);
    ptrdiff_t products = g->block * out_channels + WINOGRAD_GAP;
    ptrdiff_t sums = g->block * outputs * outputs * outputs * out_channels, zeros = points * g->x_pixel;
    return (size_t)(matrices * (inputs + products) + sums + zeros);
}

ptrdiff_t segcpu_winograd_panel(void) { return 2 * segcpu_kernels()->vec_lanes; }

size_t segcpu_winograd_gradient_scratch(const segcpu_winograd *g, ptrdiff_t out_channels) {
    ptrdiff_t points = g->form.points, matrices = 2 * points * points;
    ptrdiff_t inputs = g->block * g->channels + WINOGRAD_GAP, gradients = g->block * out_channels + WINOGRAD_GAP;
    ptrdiff_t zeros = points * g->x_pixel + g->form.outputs * g->y_pixel;
    return (size_t)(matrices * (inputs + gradients) + zeros);
}
