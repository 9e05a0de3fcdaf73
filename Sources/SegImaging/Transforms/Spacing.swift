public import SegCore

/// How values between voxels are made.
public enum Interpolation: Hashable, Sendable {
    /// Linear along each axis; MONAI's `bilinear`.
    case trilinear
    /// The nearest voxel, halves to even; for labels.
    case nearest
}

/// Resamples to voxel edges in mm, borders repeated; MONAI's `Spacing(pixdim=, diagonal=False, padding_mode="border")`.
///
/// The output has round((n − 1) · old / new + 1) voxels along an axis. Axes keep their directions; shear is removed.
public struct Spacing: Hashable, Sendable {
    /// Voxel edges in mm; 0 or less keeps the volume's own.
    public let pixdim: [Double]
    /// How values between voxels are made.
    public let interpolation: Interpolation

    /// Takes three voxel edges.
    ///
    /// - Throws: `DataError` where they are not three finite numbers.
    public init(pixdim: [Double], interpolation: Interpolation) throws(DataError) {
        guard pixdim.count == 3, pixdim.allSatisfy(\.isFinite) else {
            throw DataError(
                .badArgument, "pixdim \(pixdim)", "three voxel edges in mm were expected, such as [1.5, 1.5, 2].")
        }
        self.pixdim = pixdim
        self.interpolation = interpolation
    }

    /// Spacing within which an axis keeps its own; MONAI's `AFFINE_TOL`.
    private static let tolerance = 1e-3
    /// A grid above this many voxels is a wrong unit, not a scan: 32 GiB in float32.
    private static let mostVoxels = 1 << 33

    /// The resampled volume; the record learns the grids.
    ///
    /// - Throws: `DataError` where the affine cannot be inverted or the result would be absurdly large.
    public func callAsFunction(_ volume: Volume, record: inout SpatialRecord) throws(DataError) -> Volume {
        let map = try gridMap(for: volume)
        let result = map.map { volume.resampled(by: $0.map, affine: $0.affine, interpolation) } ?? volume
        try record.resample(by: map?.map, to: result)
        return result
    }

    /// The resampled volume.
    ///
    /// - Throws: `DataError` where the affine cannot be inverted or the result would be absurdly large.
    public func callAsFunction(_ volume: Volume) throws(DataError) -> Volume {
        guard let (map, affine) = try gridMap(for: volume) else { return volume }
        return volume.resampled(by: map, affine: affine, interpolation)
    }

    /// The new grid, nil where it is the old one to 1e-3.
    private func gridMap(for volume: Volume) throws(DataError) -> (map: GridMap, affine: Affine)? {
        let current = volume.affine.spacing
        let wanted = (0..<3).map { axis in
            pixdim[axis] <= 0 || abs(pixdim[axis] - current[axis]) <= Self.tolerance ? current[axis] : pixdim[axis]
        }
        var affine = Self.rotation(of: volume.affine)
        for row in 0..<3 { for column in 0..<3 { affine[row, column] *= wanted[column] } }
        guard let outputFromInput = GridMap.solve(affine, volume.affine) else {
            throw DataError(
                .badData, "volume of \(volume.size)",
                "its affine cannot be inverted, so it has no spacing; repair the header.")
        }
        let (size, origin) = try Self.extent(of: volume, through: outputFromInput, to: affine)
        for row in 0..<3 { affine[row, 3] = origin[row] }
        guard let map = GridMap(source: (volume.affine, volume.size), destination: (affine, size)) else { return nil }
        return map.isUnchanged ? nil : (map, affine)
    }

    /// The affine's columns made perpendicular and of length 1, first to last (A · R⁻¹ of AᵀA = RᵀR).
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

    /// Extents of the new grid and the world position of its first voxel: the corner that maps lowest, else centred.
    private static func extent(
        of volume: Volume, through outputFromInput: Affine, to affine: Affine
    ) throws(DataError) -> (size: Size3, origin: [Double]) {
        let last = (0..<3).map { Double(volume.size[$0] - 1) }
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
        guard extents.reduce(1, *) <= Double(mostVoxels) else {
            let voxels = extents.map { String(Int64(min($0, 1e15))) }.joined(separator: " x ")
            throw DataError(
                .badData, "volume of \(volume.size)",
                "resampled it would be \(voxels) voxels; check pixdim and the header's units.")
        }
        let size = Size3(Int(extents[0]), Int(extents[1]), Int(extents[2]))
        if let lowest = images.firstIndex(where: { image in (0..<3).allSatisfy { abs(low[$0] - image[$0]) <= 1e-8 } }) {
            let world = volume.affine(corners[lowest].0, corners[lowest].1, corners[lowest].2)
            return (size, [world.x, world.y, world.z])
        }
        let middle = volume.affine(Double(volume.size.i) / 2, Double(volume.size.j) / 2, Double(volume.size.k) / 2)
        let half = affine(extents[0] / 2, extents[1] / 2, extents[2] / 2)
        return (size, [middle.x - half.x, middle.y - half.y, middle.z - half.z])
    }
}
