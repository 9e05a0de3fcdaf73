/// What lies beside a grid that is sampled; the `padding_mode` of MONAI's `Spacing`.
public enum GridPadding: String, Hashable, Sendable, CaseIterable {
    /// The border voxels, repeated.
    case border
    /// Zeros.
    case zeros
    /// The grid mirrored at its outer faces.
    case reflection
}

/// How a grid is sampled: by which arithmetic, with what between its voxels and beside them.
struct GridSampling: Hashable, Sendable {
    /// By which arithmetic source coordinates are found.
    enum Rule: Hashable, Sendable {
        /// `affine_grid` and `grid_sample` in 64 bits, or in 32 as with MONAI's `dtype=torch.float32`.
        case affine(isSingle: Bool)
        /// `torch.nn.functional.interpolate`, by the extents alone.
        case resize(alignsCorners: Bool)
        /// By the extents alone, outer faces kept in place, in 64 bits: `skimage.transform.resize`. Along one axis, where
        /// it is given, the nearest voxel alone counts.
        case centres(nearestAxis: Int?)
    }

    var rule = Rule.affine(isSingle: false)
    /// How values come back; labels always by nearest voxels.
    var interpolation = Interpolation.trilinear
    var padding = GridPadding.border

    /// The source coordinate of each of `count` destination indices along an axis of `source` voxels.
    /// - Parameters:
    ///   - axis: The number of the axis.
    ///   - scale: The step of source coordinates, where the rule is of affines.
    ///   - origin: The first source coordinate, likewise.
    func coordinates(
        along axis: Int, from source: Int, to count: Int, scale: Double, origin: Double,
        _ interpolation: Interpolation
    ) -> [Double] {
        switch rule {
        case .affine(true): affine(source, count, scale, origin, in: Float.self).map(Double.init)
        case .affine(false): affine(source, count, scale, origin, in: Double.self)
        case .resize(let alignsCorners):
            Self.resized(source, count, alignsCorners && interpolation != .nearest, interpolation)
        case .centres(let nearestAxis):
            Self.centres(from: source, to: count).map { place in
                let isWhole = axis == nearestAxis || interpolation == .nearest
                return min(max(isWhole ? (place + 0.5).rounded(.down) : place, 0), Double(source - 1))
            }
        }
    }

    /// The source coordinate of the middle of each voxel of an axis whose outer faces stay in place, which may lie half a
    /// voxel outside.
    static func centres(from source: Int, to count: Int) -> [Double] {
        (0..<count).map { (Double($0) + 0.5) * Double(source) / Double(count) - 0.5 }
    }

    /// Labels at twice the resolution fall halfway between voxels everywhere, and which neighbour MONAI takes there is
    /// decided by the rounding of `affine_grid` and `grid_sample` (align_corners false). Their steps are repeated here.
    private func affine<Real: BinaryFloatingPoint>(
        _ sourceCount: Int, _ destinationCount: Int, _ scale: Double, _ origin: Double, in type: Real.Type
    ) -> [Real] {
        let (source, count) = (Double(sourceCount), Double(destinationCount))
        let (extent, steps) = (Real(source), Real(count))
        let unit = Real(2 / count)
        let edge = Real(2 / source) * Real(scale)
        let step = edge * (1 / unit)
        let normalised = Real(2 / source) * Real(origin) + Real(1 / source - 1)
        // LAPACK's inverse divides in 32 bits, and multiplies by the reciprocal in 64.
        let back = -Real(1 / count - 1)
        let shift = edge * (rule == .affine(isSingle: true) ? back / unit : back * (1 / unit)) + normalised
        return (0..<destinationCount).map { index in
            let base = Self.symmetricStep(index, of: destinationCount, in: Real.self) * (steps - 1) / steps
            return padded((((base * step + shift) + 1) * extent - 1) / 2, extent)
        }
    }

    /// A coordinate as the padding has it: within the grid but where zeros lie beside it.
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

    /// `torch.linspace(-1, 1, count)[index]`, which counts from the nearer end with fused multiply-adds; 0 for one
    /// step.
    private static func symmetricStep<Real: BinaryFloatingPoint>(
        _ index: Int, of count: Int, in type: Real.Type
    ) -> Real {
        guard count > 1 else { return 0 }
        let step = 2 / Real(count - 1)
        return index < count / 2
            ? (-1 as Real).addingProduct(step, Real(index)) : (1 as Real).addingProduct(-step, Real(count - 1 - index))
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
