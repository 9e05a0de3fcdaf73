// A work-group computes a TILE_M × TILE_N tile of a matrix product from two tiles in local memory. Each has TILE_K
// lines: of TILE_M elements in the left tile, beginning at LINE_M(k), and of TILE_N in the right tile, beginning at
// LINE_N(k). An item keeps ITEM_SUMS results in registers. Result s of an item belongs to row tile_row(item, s) and
// column tile_column(item, s). SPAN results, the first a multiple of SPAN, are neighbours in a row. Values are
// converted by TILE_VALUE when they are stored in a tile.
//
// MATRIX chooses the multiplication: 0 is f32 by the items themselves; 1 and 2 are the matrix units of NVIDIA GPUs of
// compute capability 8.0 or higher, in TF32 and bf16 with f32 sums. EMULATED computes the results of those units with
// ordinary instructions, so that the code that uses the units can be tested on any device.

#ifndef TILE_M
#define TILE_M 64
#endif
#ifndef TILE_N
#define TILE_N 64
#endif
#ifndef TILE_K
#define TILE_K 16
#endif
#ifndef ITEM_M
#define ITEM_M 8
#endif
// ITEM_M and ITEM_N are multiples of 4.
#ifndef ITEM_N
#define ITEM_N 4
#endif
#ifndef MATRIX
#define MATRIX 0
#endif
#ifndef EMULATED
#define EMULATED 0
#endif
#define ITEMS_M (TILE_M / ITEM_M)
#define ITEMS_N (TILE_N / ITEM_N)
#define ITEMS (ITEMS_M * ITEMS_N)
#define ITEM_SUMS (ITEM_M * ITEM_N)

// The local memory that only the emulation needs: 6 words per item.
#define EXCHANGE_WORDS (MATRIX != 0 && EMULATED ? ITEMS * 6 : 1)

#define LINE_M(k) TILE_LINE(k, PITCH_M)
#define LINE_N(k) TILE_LINE(k, PITCH_N)
// After every LINES_APART lines there is a gap of eight elements.
#define TILE_LINE(k, pitch) ((k) * (pitch) + (k) / LINES_APART * 8)
#define LEFT_WORDS LINE_M(TILE_K)
#define RIGHT_WORDS LINE_N(TILE_K)
#define TILE_MEMORY(name, words) __local float name[words] __attribute__((aligned(16)))

// LLVM for AMD would load all lines of a tile into registers before the first multiplication; KEEP_ORDER prevents this.
#define KEEP_ORDER
#if defined(__AMDGCN__) && defined(__has_builtin)
#if __has_builtin(__builtin_amdgcn_sched_barrier)
#undef KEEP_ORDER
#define KEEP_ORDER __builtin_amdgcn_sched_barrier(0)
#endif
#endif

// The number of lines of a tile that are unrolled in a loop. With all 16, LLVM needs twice the registers for gfx942.
#ifdef __AMDGCN__
#define UNROLL_LINES _Pragma("unroll 8")
#else
#define UNROLL_LINES UNROLL
#endif

#if MATRIX == 0

// The pitches align each line for vectors of four. They also spread the stores of a transposition over different banks.
#define PITCH_M (TILE_M + 4)
#define PITCH_N (TILE_N + 4)
#define LINES_APART 8
#define TILE_VALUE(x) (x)
#define SPAN 4
#define span_t float4
#define SPAN_OF(sum, s) vload4(0, (sum) + (s))

// Four rows or columns of an item are neighbours, so the items of a line read neighbouring vectors.
inline int tile_row(const int item, const int s) {
    const int i = s / ITEM_N;
    return (item / ITEMS_N + i / 4 * ITEMS_M) * 4 + i % 4;
}

inline int tile_column(const int item, const int s) {
    const int j = s % ITEM_N;
    return (item % ITEMS_N + j / 4 * ITEMS_N) * 4 + j % 4;
}

INLINE void multiply_tiles(
    float *sum, __local const float *left_tile, __local const float *right_tile, const int item,
    __local uint *exchange) {
    const int m_item = item / ITEMS_N * 4, n_item = item % ITEMS_N * 4;
    UNROLL_LINES
    for (int k = 0; k < TILE_K; k++) {
        float left[ITEM_M], right[ITEM_N];
        UNROLL
        for (int i = 0; i < ITEM_M; i += 4)
            vstore4(*(__local const float4 *)(left_tile + LINE_M(k) + m_item + i * ITEMS_M), 0, left + i);
        UNROLL
        for (int j = 0; j < ITEM_N; j += 4)
            vstore4(*(__local const float4 *)(right_tile + LINE_N(k) + n_item + j * ITEMS_N), 0, right + j);
        UNROLL
        for (int i = 0; i < ITEM_M; i++) {
            UNROLL
            for (int j = 0; j < ITEM_N; j++) sum[i * ITEM_N + j] += left[i] * right[j];
        }
        if (k % 2 == 1) KEEP_ORDER;
    }
}

#else

// A matrix unit multiplies 16 rows by 8 columns with the 32 items of a warp: item `lane` holds the rows lane / 4 and
// lane / 4 + 8, and the columns 2 · (lane % 4) and 2 · (lane % 4) + 1. Eight additional elements per line spread a
// fragment over all banks.
#define WARP 32
#define UNIT_M 16
#define UNIT_N 8
#define PITCH_M (TILE_M + 8)
#define PITCH_N (TILE_N + 8)
#define LINES_APART 4
#define SPAN 2
#define span_t float2
#define SPAN_OF(sum, s) vload2(0, (sum) + (s))
#define WARP_N (TILE_N < 32 ? TILE_N : 32)
#define WARPS_N (TILE_N / WARP_N)
#define WARPS_M (ITEMS / WARP / WARPS_N)
#define WARP_M (TILE_M / WARPS_M)
#define UNITS_N (WARP_N / UNIT_N)
#define UNITS_M (WARP_M / UNIT_M)

#if MATRIX == 1
#define UNIT_K 8
// Rounds to ten bits of mantissa, ties away from zero: cvt.rna.tf32.f32.
#define TILE_VALUE(x) as_float((as_uint(x) + 0x1000u) & 0xFFFFE000u)
// One register of a fragment holds one element, (k, i).
#define FRAGMENT(tile, pitch, k, i) as_uint((tile)[TILE_LINE(k, pitch) + (i)])
#define FRAGMENT_K(lane) ((lane) % 4)
#define FRAGMENT_HALF 4
#else
#define UNIT_K 16
// Rounds to seven bits of mantissa, ties to even.
#define TILE_VALUE(x) as_float((as_uint(x) + 0x7FFFu + ((as_uint(x) >> 16) & 1u)) & 0xFFFF0000u)
// One register of a fragment holds two elements, (k, i) in the lower half and (k + 1, i) in the upper.
#define FRAGMENT(tile, pitch, k, i)                                                                                    \
    (as_uint((tile)[TILE_LINE(k, pitch) + (i)]) >> 16 | as_uint((tile)[TILE_LINE((k) + 1, pitch) + (i)]))
#define FRAGMENT_K(lane) ((lane) % 4 * 2)
#define FRAGMENT_HALF 8
#endif

inline int tile_row(const int item, const int s) {
    const int lane = item % WARP, warp = item / WARP, unit = s / 4;
    return warp / WARPS_N * WARP_M + unit / UNITS_N * UNIT_M + lane / 4 + s % 4 / 2 * 8;
}

inline int tile_column(const int item, const int s) {
    const int lane = item % WARP, warp = item / WARP, unit = s / 4;
    return warp % WARPS_N * WARP_N + unit % UNITS_N * UNIT_N + lane % 4 * 2 + s % 2;
}

#if EMULATED

// PoCL gives wrong results if a function with barriers is forced inline into its kernel.
#define INLINE_UNITS inline

// Unrolling would multiply the number of barriers in the exchange, and a compiler for CPUs splits the kernel at each
// barrier.
#define UNROLL_UNITS

// The value of half a register, or of a whole register for TF32.
inline float part_of(const uint word, const int upper) {
    return MATRIX == 1 ? as_float(word) : as_float(upper ? word & 0xFFFF0000u : word << 16);
}

// Every lane writes its registers to local memory for its warp. Each result is a sum over k of products of a row's and
// a column's elements. Four lanes hold the elements of a row or column, `pair` elements in a register, in the layout of
// the PTX manual: element k is in lane k / pair % 4 of the four, and in the later registers if k is in the second half.
inline void multiply_unit(float *sum, const uint *a, const uint *b, __local uint *exchange) {
    __local uint(*shown)[6] = (__local uint(*)[6])exchange;
    const int item = get_local_id(0), lane = item % WARP, warp = item - lane;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int r = 0; r < 4; r++) shown[item][r] = a[r];
    for (int r = 0; r < 2; r++) shown[item][4 + r] = b[r];
    barrier(CLK_LOCAL_MEM_FENCE);
    const int pair = UNIT_K / 8;
    for (int s = 0; s < 4; s++)
        for (int k = 0; k < UNIT_K; k++) {
            const int row = lane / 4, column = lane % 4 * 2 + s % 2, quad = k / pair % 4, late = k / (UNIT_K / 2);
            sum[s] += part_of(shown[warp + row * 4 + quad][s / 2 + 2 * late], k % pair)
                * part_of(shown[warp + column * 4 + quad][4 + late], k % pair);
        }
}

#else

#define UNROLL_UNITS UNROLL
#define INLINE_UNITS INLINE

INLINE void multiply_unit(float *sum, const uint *a, const uint *b, __local uint *exchange) {
#if MATRIX == 1
    __asm__ volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
                     "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                     : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __asm__ volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                     "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                     : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

#endif

INLINE_UNITS void multiply_tiles(
    float *sum, __local const float *left_tile, __local const float *right_tile, const int item,
    __local uint *exchange) {
    const int lane = item % WARP, warp = item / WARP;
    const int m_first = warp / WARPS_N * WARP_M + lane / 4, n_first = warp % WARPS_N * WARP_N + lane / 4;
    for (int k_first = 0; k_first < TILE_K; k_first += UNIT_K) {
        const int k = k_first + FRAGMENT_K(lane);
        uint a[UNITS_M][4], b[UNITS_N][2];
        UNROLL
        for (int i = 0; i < UNITS_M; i++) {
            UNROLL
            for (int r = 0; r < 4; r++)
                a[i][r] = FRAGMENT(left_tile, PITCH_M, k + r / 2 * FRAGMENT_HALF, m_first + i * UNIT_M + r % 2 * 8);
        }
        UNROLL
        for (int j = 0; j < UNITS_N; j++) {
            UNROLL
            for (int r = 0; r < 2; r++)
                b[j][r] = FRAGMENT(right_tile, PITCH_N, k + r * FRAGMENT_HALF, n_first + j * UNIT_N);
        }
        UNROLL_UNITS
        for (int i = 0; i < UNITS_M; i++) {
            UNROLL_UNITS
            for (int j = 0; j < UNITS_N; j++) multiply_unit(sum + (i * UNITS_N + j) * 4, a[i], b[j], exchange);
        }
    }
}

#endif

// Converts four values, which are stored along a line of a tile or across four lines from k on.
inline float4 tile_values(const float4 v) {
    return (float4)(TILE_VALUE(v.x), TILE_VALUE(v.y), TILE_VALUE(v.z), TILE_VALUE(v.w));
}

inline void put_along(__local float *tile, const float4 v) { *(__local float4 *)tile = tile_values(v); }

inline void put_across(__local float *tile, const int pitch, const float4 v) {
    const float4 value = tile_values(v);
    tile[0] = value.x;
    tile[pitch] = value.y;
    tile[2 * pitch] = value.z;
    tile[3 * pitch] = value.w;
}

// LOADS: the number of vectors of four that an item loads if the work-group loads `vectors`. IS_LOAD: whether load i of
// an item is one of these `vectors` loads.
#define LOADS(vectors) (((vectors) + ITEMS - 1) / ITEMS)
#define IS_LOAD(i, vectors) ((vectors) % ITEMS == 0 || get_local_id(0) + (i)*ITEMS < (vectors))
#define LEFT_VECTORS (TILE_M * TILE_K / 4)
#define RIGHT_VECTORS (TILE_N * TILE_K / 4)
