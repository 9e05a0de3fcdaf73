internal import SegCore

/// The source coordinates of a grid by the floating-point steps of PyTorch's `affine_grid` and `grid_sample` (align_corners
/// false), in 32 or 64 bits.
///
/// Labels at twice the resolution fall halfway between voxels everywhere. The rounding of these steps decides which
/// neighbour MONAI uses there.
struct AffineGrid<Real: BinaryFloatingPoint & Sendable>: Sendable {
    /// A source coordinate as a function of positions along the destination axes; -1 and 1 are the outer faces of the source.
    struct Row: Sendable {
        /// The factors of the positions along the destination axes.
        var factors: (Real, Real, Real) = (0, 0, 0)
        var shift: Real = 0
        /// The number of voxels of the source axis.
        var extent: Real

        /// Creates the row of the source axis with `source` voxels.
        /// - Parameters:
        ///   - steps: The steps of the source coordinate in voxels for each destination axis.
        ///   - origin: The source coordinate of the first destination voxel.
        ///   - counts: The number of voxels of each destination axis.
        init(_ steps: [Double], origin: Double, from source: Int, to counts: [Int]) {
            extent = Real(source)
            for (axis, (step, count)) in zip(steps, counts).enumerated() {
                let edge = Real(2 / Double(source)) * Real(step)
                let (unit, back) = (Real(2 / Double(count)), -Real(1 / Double(count) - 1))
                let factor = edge * (1 / unit)
                switch axis {
                case 0: factors.0 = factor
                case 1: factors.1 = factor
                default: factors.2 = factor
                }
                // LAPACK's inverse divides in 32 bits but multiplies by the reciprocal in 64 bits.
                shift = sum(shift, edge, Real.self == Float.self ? back / unit : back * (1 / unit))
            }
            shift += Real(2 / Double(source)) * Real(origin) + Real(1 / Double(source) - 1)
        }

        /// The coordinate in voxels, padded.
        @inline(__always)
        func coordinate(_ normalised: Real, _ sampling: GridSampling) -> Real {
            sampling.padded(((normalised + 1) * extent - 1) / 2, extent)
        }
    }

    /// For each destination axis the positions of its indices.
    private let positions: [[Real]]
    private let rows: [Row]
    private let sampling: GridSampling

    /// Creates the grid of a map whose rule is `affine`.
    init(_ map: GridMap) {
        let (source, target) = (map.sourceSize, map.destinationSize)
        positions = (0..<3).map { Self.positions(target[$0]) }
        rows = (0..<3).map { row in
            Row(
                (0..<3).map { map.matrix[row, $0] }, origin: map.matrix[row, 3], from: source[row],
                to: (0..<3).map { target[$0] })
        }
        sampling = map.sampling
    }

    /// The source coordinate of a destination voxel.
    func callAsFunction(_ i: Int, _ j: Int, _ k: Int) -> (x: Double, y: Double, z: Double) {
        let place = (positions[0][i], positions[1][j], positions[2][k])
        return (coordinate(0, place), coordinate(1, place), coordinate(2, place))
    }

    @inline(__always)
    private func coordinate(_ axis: Int, _ place: (Real, Real, Real)) -> Double {
        let row = rows[axis]
        // PyTorch adds the products of the last axis first.
        let products = sum(sum(place.2 * row.factors.2, place.1, row.factors.1), place.0, row.factors.0)
        return Double(row.coordinate(products + row.shift, sampling))
    }

    /// The positions of the indices of an axis: -1 and 1 are its outer faces. `torch.linspace(-1, 1, count)`, which counts
    /// from the nearer end with fused multiply-adds, times (count - 1) / count; 0 if `count` is 1.
    static func positions(_ count: Int) -> [Real] {
        guard count > 1 else { return [0] }
        let step = 2 / Real(count - 1)
        return (0..<count).map { index in
            let place =
                index < count / 2
                ? (-1 as Real).addingProduct(step, Real(index))
                : (1 as Real).addingProduct(-step, Real(count - 1 - index))
            return place * (Real(count) - 1) / Real(count)
        }
    }
}

/// a + b · c as in PyTorch's products of small matrices on a CPU, which are fused in 32 bits only.
@inline(__always)
private func sum<Real: BinaryFloatingPoint>(_ a: Real, _ b: Real, _ c: Real) -> Real {
    Real.self == Float.self ? a.addingProduct(b, c) : a + b * c
}

/// The source coordinates of a map that is not separable.
enum ObliqueCoordinates: Sendable {
    case single(AffineGrid<Float>)
    case double(AffineGrid<Double>)

    init(_ map: GridMap) {
        self = map.sampling.rule == .affine(isSingle: true) ? .single(AffineGrid(map)) : .double(AffineGrid(map))
    }

    /// The source coordinate of a destination voxel, clamped to the source unless the padding is zeros.
    @inline(__always)
    func callAsFunction(_ i: Int, _ j: Int, _ k: Int) -> (x: Double, y: Double, z: Double) {
        switch self {
        case .single(let grid): grid(i, j, k)
        case .double(let grid): grid(i, j, k)
        }
    }
}
