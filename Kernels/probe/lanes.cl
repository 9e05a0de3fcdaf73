// The reductions of common/reduce.cl, applied to integers, whose sum does not depend on the order.

// y [2, GROUP]: for each work-item, the sum and the maximum over its run of `lanes` work-items.
// NDRange: one work-group.
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void sums_of_lanes(OUT(y), const uint lanes) {
    __local float lane[GROUP];
    ENTER(y);
    const uint item = get_local_id(0);
    const float value = (float)(item * 37 % 101);
    y[item] = sum_over_lanes(lane, value, lanes);
    y[GROUP + item] = max_over_lanes(lane, value, lanes);
}
