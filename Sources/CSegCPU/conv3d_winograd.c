// The sizes of the memory that Winograd convolutions need.
#include "segcpu_kernels.h"

#include "sizes.h"

// The number of floats in a plane, which has all points with one place along d; the layout is that of
// conv3d_phase_kernel.h.
static ptrdiff_t phase_plane(const segcpu_winograd *g, ptrdiff_t channels) {
    return g->form.points * g->form.points * g->block * channels + 5 * 5 * WINOGRAD_GAP;
}

// The number of floats in three arrays together: a plane of inputs, a plane of products or gradients, and a row of
// zeros.
static ptrdiff_t phase_planes(const segcpu_winograd *g, ptrdiff_t out_channels) {
    return phase_plane(g, g->channels) + phase_plane(g, out_channels) + g->form.points * g->x_pixel;
}

size_t segcpu_winograd_scratch(const segcpu_winograd *g, ptrdiff_t out_channels) {
    ptrdiff_t points = g->form.points, outputs = g->form.outputs, matrices = 2 * points * points;
    ptrdiff_t pairs_at_once = g->transforms_all ? points / 2 : 1;
    out_channels = round_up(out_channels, segcpu_kernels()->vec_lanes);
    if (segcpu_winograd_by_phases(g->form))
        return (size_t)(phase_planes(g, out_channels) + 3 * outputs * outputs * g->block * out_channels);
    ptrdiff_t inputs = pairs_at_once * (g->block * g->channels + WINOGRAD_GAP);
    ptrdiff_t products = g->block * out_channels + WINOGRAD_GAP;
    ptrdiff_t sums = g->block * outputs * outputs * outputs * out_channels, zeros = points * g->x_pixel;
    return (size_t)(matrices * (inputs + products) + sums + zeros);
}

ptrdiff_t segcpu_winograd_panel(void) { return 2 * segcpu_kernels()->vec_lanes; }

size_t segcpu_winograd_gradient_scratch(const segcpu_winograd *g, ptrdiff_t out_channels) {
    if (segcpu_winograd_by_phases(g->form))
        return (size_t)(phase_planes(g, out_channels) + g->form.outputs * g->y_pixel);
    ptrdiff_t points = g->form.points, matrices = 2 * points * points;
    ptrdiff_t inputs = g->block * g->channels + WINOGRAD_GAP, gradients = g->block * out_channels + WINOGRAD_GAP;
    ptrdiff_t zeros = points * g->x_pixel + g->form.outputs * g->y_pixel;
    return (size_t)(matrices * (inputs + gradients) + zeros);
}
