// Work-groups that reduce the columns of an array [outer, rows, channels].
//
// NDRange: dimension 0 tiles of columns, dimension 1 chunks of rows, dimension 2 outer. A work-group is `width` columns
// wide and reads `subs` rows at a time, so its items read contiguous elements for any number of channels. Sums are
// added in a fixed order: an item's own rows, then a tree over the group, then the chunks; the driver sets the order
// within a sub-group.

// SUB_GROUPS: runs of items that consist of whole sub-groups are reduced by sub-group functions. The host has checked
// that the device numbers the items of sub-groups in the same order as the items of the group.

#ifndef SUB_GROUPS
#define SUB_GROUPS 0
#endif
#if SUB_GROUPS
#ifdef cl_khr_subgroups
#pragma OPENCL EXTENSION cl_khr_subgroups : enable
#endif
#endif

typedef struct {
    uint column; // column of this item; may be past the last
    uint width;  // columns of the group
    uint sub;    // index of this item's row among the rows that are read together
    uint subs;   // number of rows that are read together
    uint first;  // first row of this item
    uint end;    // row after the last of the chunk
    uint chunk;
    uint chunks;
    uint outer;
    int active; // whether the item has a column and a row slot
} columns_t;

inline columns_t columns_of_item(const uint channels, const uint rows, const uint chunk_rows) {
    columns_t c;
    const uint item = get_local_id(0);
    c.width = min(channels, (uint)GROUP);
    c.subs = GROUP / c.width;
    c.sub = item / c.width;
    c.column = get_group_id(0) * c.width + item % c.width;
    c.active = c.sub < c.subs && c.column < channels;
    c.chunk = get_group_id(1);
    c.chunks = get_num_groups(1);
    c.outer = get_group_id(2);
    c.first = c.chunk * chunk_rows + c.sub;
    c.end = min(rows, (c.chunk + 1) * chunk_rows);
    return c;
}

#if SUB_GROUPS

// Whether runs of `lanes` items are whole sub-groups, which is the same for all items of a group.
inline int is_whole_sub_groups(const uint lanes) {
    return lanes % get_max_sub_group_size() == 0 && get_sub_group_size() == get_max_sub_group_size();
}

// The result of a run, joined from the results of its sub-groups in order.
#define RUN_OF_SUB_GROUPS(result, join)                                                                                \
    const uint parts = lanes / get_max_sub_group_size(), first = get_local_id(0) / lanes * parts;                      \
    barrier(CLK_LOCAL_MEM_FENCE);                                                                                      \
    if (get_sub_group_local_id() == 0) lane[get_sub_group_id()] = result;                                              \
    barrier(CLK_LOCAL_MEM_FENCE);                                                                                      \
    result = lane[first];                                                                                              \
    for (uint part = 1; part < parts; part++) result = join(result, lane[first + part]);                               \
    return result;

#define ADD(a, b) ((a) + (b))

inline float sum_of_sub_groups(__local float *lane, const float value, const uint lanes) {
    float result = sub_group_reduce_add(value);
    RUN_OF_SUB_GROUPS(result, ADD)
}

inline float max_of_sub_groups(__local float *lane, const float value, const uint lanes) {
    float result = sub_group_reduce_max(value);
    RUN_OF_SUB_GROUPS(result, fmax)
}

#endif

// Σ over the row slots of a group; the items of slot 0 return their column's sum. All items must call this function.
inline float sum_over_subs(__local float *lane, const float value, const columns_t c) {
#if SUB_GROUPS
    // A single column is one run of the whole group.
    if (c.width == 1 && is_whole_sub_groups(GROUP)) return sum_of_sub_groups(lane, value, GROUP);
#endif
    const uint item = get_local_id(0);
    barrier(CLK_LOCAL_MEM_FENCE);
    lane[item] = value;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint count = c.subs; count > 1;) {
        const uint half_count = (count + 1) / 2;
        if (c.sub + half_count < count) lane[item] += lane[item + half_count * c.width];
        barrier(CLK_LOCAL_MEM_FENCE);
        count = half_count;
    }
    return lane[item];
}

// The larger of two numbers. If either is NaN the result is NaN, unlike in fmax and the reductions of sub-groups.
inline float larger(const float a, const float b) { return isnan(a) || a > b ? a : b; }

// The maximum over the row slots of a group, in the manner of sum_over_subs; NaN if any value is NaN.
inline float max_over_subs(__local float *lane, const float value, const columns_t c) {
    const uint item = get_local_id(0);
    barrier(CLK_LOCAL_MEM_FENCE);
    lane[item] = value;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint count = c.subs; count > 1;) {
        const uint half_count = (count + 1) / 2;
        if (c.sub + half_count < count) lane[item] = larger(lane[item], lane[item + half_count * c.width]);
        barrier(CLK_LOCAL_MEM_FENCE);
        count = half_count;
    }
    return lane[item];
}

// Σ over runs of `lanes` items, a power of two; every item returns the sum of its run. All items must call this
// function.
inline float sum_over_lanes(__local float *lane, const float value, const uint lanes) {
#if SUB_GROUPS
    if (is_whole_sub_groups(lanes)) return sum_of_sub_groups(lane, value, lanes);
#endif
    const uint item = get_local_id(0), at = item % lanes;
    barrier(CLK_LOCAL_MEM_FENCE);
    lane[item] = value;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint step = lanes / 2; step > 0; step /= 2) {
        if (at < step) lane[item] += lane[item + step];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    return lane[item - at];
}

// The maximum over runs of `lanes` items, in the manner of sum_over_lanes.
inline float max_over_lanes(__local float *lane, const float value, const uint lanes) {
#if SUB_GROUPS
    if (is_whole_sub_groups(lanes)) return max_of_sub_groups(lane, value, lanes);
#endif
    const uint item = get_local_id(0), at = item % lanes;
    barrier(CLK_LOCAL_MEM_FENCE);
    lane[item] = value;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint step = lanes / 2; step > 0; step /= 2) {
        if (at < step) lane[item] = fmax(lane[item], lane[item + step]);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    return lane[item - at];
}
