internal import Foundation
public import SegCore

/// The interpolation between voxels.
public enum Interpolation: Hashable, Sendable {
    /// Linear interpolation along each axis; MONAI's `bilinear`.
    case trilinear
    /// The nearest voxel, with halves to even; for labels.
    case nearest
}

/// Resamples to voxel edges in mm; MONAI's `Spacing(pixdim=, diagonal=False, padding_mode="border")`.
///
/// The output has round((n − 1) · old / new + 1) voxels along an axis. Axes keep their directions; shear is removed.
public struct Spacing: Hashable, Sendable {
    /// The voxel edges in mm; 0 or less keeps the volume's own.
    public let pixdim: [Double]
    /// The interpolation between voxels.
    public let interpolation: Interpolation
    /// The values outside the volume, MONAI's `padding_mode`.
    public let padding: GridPadding
    /// Whether coordinates are computed in 32 bits, MONAI's `dtype=torch.float32`, else in 64. For labels, rounding
    /// decides which voxel is nearest if a coordinate is halfway between two.
    public let isSingle: Bool
    /// The smallest edge that is kept unchanged, MONAI's `min_pixdim`; nil for `pixdim`.
    public let keptFrom: [Double]?
    /// The largest edge that is kept unchanged, MONAI's `max_pixdim`; nil for `pixdim`.
    public let keptTo: [Double]?

    /// Creates a resampling to three voxel edges.
    ///
    /// - Throws: `DataError` if they are not three finite numbers, or `keptFrom` is larger than `keptTo`.
    public init(
        pixdim: [Double], interpolation: Interpolation, padding: GridPadding = .border, isSingle: Bool = false,
        keptFrom: [Double]? = nil, keptTo: [Double]? = nil
    ) throws(DataError) {
        guard pixdim.count == 3, pixdim.allSatisfy(\.isFinite) else {
            throw DataError(
                .badArgument, "pixdim \(pixdim)", "three voxel edges in mm were expected, such as [1.5, 1.5, 2].")
        }
        for range in [keptFrom, keptTo] {
            guard let range, range.count != 3 || !range.allSatisfy(\.isFinite) else { continue }
            throw DataError(
                .badArgument, "min_pixdim, max_pixdim", "three voxel edges in mm were expected, not \(range)")
        }
        if let keptFrom, let keptTo, zip(keptFrom, keptTo).contains(where: { $0 > $1 }) {
            throw DataError(.badArgument, "min_pixdim \(keptFrom)", "should not be above max_pixdim \(keptTo)")
        }
        self.pixdim = pixdim
        self.interpolation = interpolation
        self.padding = padding
        self.isSingle = isSingle
        self.keptFrom = keptFrom
        self.keptTo = keptTo
    }

    /// The difference in mm within which an axis keeps its spacing; MONAI's `AFFINE_TOL`.
    private static let tolerance = 1e-3

    /// The resampled image; the record is extended by the change of grid.
    ///
    /// - Throws: `DataError` if the affine cannot be inverted, or the result would exceed `Limits` or the free
    ///   memory.
    public func callAsFunction(_ image: ScanImage, record: inout SpatialRecord) throws(DataError) -> ScanImage {
        let map = try gridMap(of: image.size, at: image.affine)
        let result = try image.map { (volume) throws(DataError) in try resampled(volume, map) }
        record.resample(by: map?.map, to: result)
        return result
    }

    /// The resampled volume.
    ///
    /// - Throws: `DataError` if the affine cannot be inverted, or the result would exceed `Limits` or the free
    ///   memory.
    public func callAsFunction(_ volume: Volume) throws(DataError) -> Volume {
        try resampled(volume, gridMap(of: volume.size, at: volume.affine))
    }

    /// The grid of a resampled volume, from the size and the affine alone.
    ///
    /// - Throws: `DataError` if the affine cannot be inverted or the size is larger than `Limits`.
    func destination(of size: Triple, at affine: Affine) throws(DataError) -> (size: Triple, affine: Affine) {
        guard let (map, destination) = try gridMap(of: size, at: affine) else { return (size, affine) }
        return (map.destinationSize, destination)
    }

    private func resampled(_ volume: Volume, _ map: (map: GridMap, affine: Affine)?) throws(DataError) -> Volume {
        guard let (map, affine) = map else { return volume }
        let size = map.destinationSize
        try FreeMemory.check(
            arrays: 4 * size.count, subject: "volume of \(volume.size)", for: "resampling it to \(size) voxels",
            advice: "check the spacing in its header and pixdim")
        return volume.resampled(by: map, affine: affine, interpolation)
    }

    /// The new grid, nil if it equals the old one to 1e-3.
    private func gridMap(of source: Triple, at old: Affine) throws(DataError) -> (map: GridMap, affine: Affine)? {
        let current = old.spacing
        let wanted = (0..<3).map { axis in
            let asked = pixdim[axis]
            let low = min(keptFrom?[axis] ?? asked, asked) - Self.tolerance
            let high = max(keptTo?[axis] ?? asked, asked) + Self.tolerance
            return asked <= 0 || (low...high).contains(current[axis]) ? current[axis] : asked
        }
        var affine = Self.rotation(of: old)
        for row in 0..<3 { for column in 0..<3 { affine[row, column] *= wanted[column] } }
        guard let outputFromInput = GridMap.solve(affine, old) else {
            throw DataError(
                .badData, "volume of \(source)",
                "its affine cannot be inverted, so it has no spacing; repair the header.")
        }
        let (size, origin) = try Self.extent(of: source, at: old, through: outputFromInput, to: affine)
        try Self.checkOrigin(of: source, at: old)
        for row in 0..<3 { affine[row, 3] = origin[row] }
        let sampling = GridSampling(
            rule: .affine(isSingle: isSingle), interpolation: interpolation, padding: padding)
        guard let map = GridMap(source: (old, source), destination: (affine, size), sampling) else {
            return nil
        }
        return map.isUnchanged ? nil : (map, affine)
    }

    /// Checks that the origin is not so far away that rounding gives neighbouring voxels the same position.
    private static func checkOrigin(of size: Triple, at affine: Affine) throws(DataError) {
        let farthest = (0..<3).map { abs(affine[$0, 3]) }.max() ?? 0
        let edge = affine.spacing.min() ?? 1
        guard farthest.ulp <= 1e-6 * edge else {
            throw DataError(
                .badData, "volume of \(size)",
                "its first voxel lies \(farthest) mm off the origin, too far to distinguish voxels of \(edge) mm; "
                    + "repair the header's offset.")
        }
    }

    /// The affine's columns orthonormalised, first to last (A · R⁻¹, with R the Cholesky factor in AᵀA = RᵀR).
    private static func rotation(of affine: Affine) -> Affine {
        var rotation = Affine.identity
        var basis: [[Double]] = []
        for column in 0..<3 {
            var vector = (0..<3).map { affine[$0, column] }
            for earlier in basis {
                let along = zip(vector, earlier).reduce(0) { $0 + $1.0 * $1.1 }
                for row in 0..<3 { vector[row] -= along * earlier[row] }
            }
            let reciprocal = 1 / vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            vector = vector.map { $0 * reciprocal }
            basis.append(vector)
            for row in 0..<3 { rotation[row, column] = vector[row] }
        }
        return rotation
    }

    /// The size of the new grid and the world position of its first voxel. The position is the corner of the old grid
    /// that is lowest along all new axes. If there is no such corner, the position centres the new grid on the old one.
    private static func extent(
        of source: Triple, at old: Affine, through outputFromInput: Affine, to affine: Affine
    ) throws(DataError) -> (size: Triple, origin: [Double]) {
        let last = (0..<3).map { Double(source[$0] - 1) }
        let corners = (0..<8).map { corner in
            (corner & 4 == 0 ? 0 : last[0], corner & 2 == 0 ? 0 : last[1], corner & 1 == 0 ? 0 : last[2])
        }
        let images = corners.map { corner -> [Double] in
            let image = outputFromInput(corner.0, corner.1, corner.2)
            return [image.x, image.y, image.z]
        }
        let low = (0..<3).map { axis in images.map { $0[axis] }.min() ?? 0 }
        let high = (0..<3).map { axis in images.map { $0[axis] }.max() ?? 0 }
        let extents = (0..<3).map { (high[$0] - low[$0] + 1).rounded(.toNearestOrEven) }
        try check(extents, made: source, at: old, pixdim: affine.spacing)
        let size = Triple(Int(extents[0]), Int(extents[1]), Int(extents[2]))
        if let lowest = images.firstIndex(where: { image in (0..<3).allSatisfy { abs(low[$0] - image[$0]) <= 1e-8 } }) {
            let world = old(corners[lowest].0, corners[lowest].1, corners[lowest].2)
            return (size, [world.x, world.y, world.z])
        }
        let middle = old(Double(source.d) / 2, Double(source.h) / 2, Double(source.w) / 2)
        let half = affine(extents[0] / 2, extents[1] / 2, extents[2] / 2)
        return (size, [middle.x - half.x, middle.y - half.y, middle.z - half.z])
    }

    /// Checks that a grid is within the limits, before anything is allocated.
    private static func check(
        _ extents: [Double], made source: Triple, at old: Affine, pixdim: [Double]
    ) throws(DataError) {
        // An axis that keeps its spacing may be as long as in the scan.
        let most = (0..<3).map { Double(max(Limits.gridAxis, source[$0])) }
        let mostInAll = Double(max(Limits.gridVoxels, source.count))
        guard zip(extents, most).allSatisfy({ $0 >= 1 && $0 <= $1 }), extents.reduce(1, *) <= mostInAll else {
            func list(_ values: [Double]) -> String {
                values.map { String(format: "%.6g", $0) }.joined(separator: "×")
            }
            throw DataError(
                .badData, "volume of \(source)",
                "its voxels of \(list(old.spacing)) mm would become \(list(extents)) voxels of \(list(pixdim)) mm, but at "
                    + "most \(Limits.gridAxis) along an axis and \(Limits.gridVoxels) in all are allowed. Check the spacing "
                    + "and the unit in the header, and pixdim.")
        }
    }
}
