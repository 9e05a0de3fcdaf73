// The table of one instruction set; included once by each conv3d_kernels_*.c, after the kernels.
const conv3d_kernels KERNELS = {
    .lanes = LANES,
    .tile = direct_tile,
    .gradient_layout = gradient_layout,
    .gradient_tile = gradient_tile,
    .multiply = multiply,
    .winograd_cubes = winograd_cubes,
    .winograd_transform_weights = winograd_transform_weights,
    .winograd_gradient_cubes = winograd_gradient_cubes,
    .winograd_gradient_taps = winograd_gradient_taps,
};
