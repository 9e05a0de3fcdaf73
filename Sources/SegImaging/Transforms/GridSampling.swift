/// The values outside a grid that is sampled; the `padding_mode` of MONAI's `Spacing`.
public enum GridPadding: String, Hashable, Sendable, CaseIterable {
    /// The border voxels, repeated.
    case border
    /// Zeros.
    case zeros
    /// The grid mirrored at its outer faces.
    case reflection
}

/// The sampling of a grid: the arithmetic of the coordinates, the interpolation and the padding.
struct GridSampling: Hashable, Sendable {
    /// The arithmetic of the source coordinates.
    enum Rule: Hashable, Sendable {
        /// The arithmetic of `affine_grid` and `grid_sample` in 64 bits, or in 32 bits as with MONAI's `dtype=torch.float32`.
        case affine(isSingle: Bool)
        /// The arithmetic of `torch.nn.functional.interpolate`, which depends on the sizes alone.
        case resize(alignsCorners: Bool)
        /// The arithmetic of `skimage.transform.resize` in 64 bits, which depends on the sizes alone and keeps outer faces in
        /// position. Along `nearestAxis`, if given, the nearest voxel is used.
        case centres(nearestAxis: Int?)
    }

    var rule = Rule.affine(isSingle: false)
    /// The interpolation of values when a resampling is undone; labels always use the nearest voxel.
    var interpolation = Interpolation.trilinear
    var padding = GridPadding.border

    /// The source coordinates of `count` destination indices along an axis that has `source` voxels.
    /// - Parameters:
    ///   - axis: The number of the axis.
    ///   - scale: The step of source coordinates, used by the rule `affine`.
    ///   - origin: The first source coordinate, used by the rule `affine`.
    func coordinates(
        along axis: Int, from source: Int, to count: Int, scale: Double, origin: Double,
        _ interpolation: Interpolation
    ) -> [Double] {
        switch rule {
        case .affine(true): affine(AffineGrid<Float>.Row([scale], origin: origin, from: source, to: [count]), count)
        case .affine(false): affine(AffineGrid<Double>.Row([scale], origin: origin, from: source, to: [count]), count)
        case .resize(let alignsCorners):
            Self.resized(source, count, alignsCorners && interpolation != .nearest, interpolation)
        case .centres(let nearestAxis):
            Self.centres(from: source, to: count).map { place in
                let isWhole = axis == nearestAxis || interpolation == .nearest
                return min(max(isWhole ? (place + 0.5).rounded(.down) : place, 0), Double(source - 1))
            }
        }
    }

    /// The source coordinates of the voxel centres along an axis. The axis's outer faces keep their positions, so a
    /// coordinate may be up to half a voxel outside.
    static func centres(from source: Int, to count: Int) -> [Double] {
        (0..<count).map { (Double($0) + 0.5) * Double(source) / Double(count) - 0.5 }
    }

    private func affine<Real>(_ row: AffineGrid<Real>.Row, _ count: Int) -> [Double] {
        AffineGrid<Real>.positions(count).map { Double(row.coordinate($0 * row.factors.0 + row.shift, self)) }
    }

    /// A coordinate after padding: within the grid, unless the padding is zeros.
    func padded<Real: BinaryFloatingPoint>(_ coordinate: Real, _ extent: Real) -> Real {
        var place = coordinate
        switch padding {
        case .zeros: return place
        case .border: break
        case .reflection:
            let distance = Swift.abs(place + 0.5)
            let flips = (distance / extent).rounded(.down)
            let rest = distance - flips * extent
            place = (flips.truncatingRemainder(dividingBy: 2) == 0 ? rest : extent - rest) - 0.5
        }
        return Swift.min(Swift.max(place, 0), extent - 1)
    }

    private static func resized(
        _ source: Int, _ count: Int, _ alignsCorners: Bool, _ interpolation: Interpolation
    ) -> [Double] {
        let last = Float(source - 1)
        let scale = alignsCorners ? (count > 1 ? last / Float(count - 1) : 0) : Float(source) / Float(count)
        return (0..<count).map { index in
            let place: Float
            switch interpolation {
            case .nearest: place = (Float(index) * scale).rounded(.down)
            case .trilinear: place = alignsCorners ? scale * Float(index) : scale * (Float(index) + 0.5) - 0.5
            }
            return Double(min(max(place, 0), last))
        }
    }
}
