internal import SegCore

/// The geometry fields of a MetaImage header, in axes that point to the left, posterior and superior (LPS) as in ITK.
struct MetaImageFrame {
    /// The direction of each axis.
    var directions: [[Double]]
    var spacing: [Double]
    /// The centre of the first voxel.
    var origin: [Double]
    /// The stored unit of the lengths; nil if none is stored.
    var unit: String?

    /// The header lines with these fields.
    var lines: [String] {
        func text(_ numbers: [Double]) -> String { numbers.map { "\($0)" }.joined(separator: " ") }
        // Each letter of AnatomicalOrientation gives the side at which an axis begins.
        let opposite: [Character: Character] = ["R": "L", "L": "R", "A": "P", "P": "A", "S": "I", "I": "S"]
        let codes = String(affine.axisCodes.map { opposite[$0] ?? $0 })
        return [
            "TransformMatrix = \(text(directions.flatMap { $0 }))", "Offset = \(text(origin))",
            "CenterOfRotation = 0 0 0", "AnatomicalOrientation = \(codes)", "ElementSpacing = \(text(spacing))",
        ] + (unit.map { ["DistanceUnits = \($0)"] } ?? [])
    }

    /// The affine from voxel index to RAS+ in the stored unit.
    var affine: Affine {
        let steps = (0..<3).map { axis in directions[axis].map { $0 * spacing[axis] } }
        return Affine(steps: steps, origin: origin)
    }
}

extension MetaImageFrame {
    init(_ affine: Affine) {
        let (signs, lengths) = ([-1.0, -1, 1], affine.spacing)
        self.init(
            directions: (0..<3).map { column in (0..<3).map { signs[$0] * affine[$0, column] / lengths[column] } },
            spacing: lengths, origin: (0..<3).map { signs[$0] * affine[$0, 3] }, unit: nil)
    }
}

extension MetaImageHeader {
    /// The frame for writing a file like this one; nil if the header's own frame is damaged.
    var writtenFrame: MetaImageFrame? { try? frame(dimension: stored["NDims"].flatMap { Int($0) } ?? 0) }

    /// The geometry of the voxels.
    /// - Throws: `DataError` if the header contains impossible values.
    func geometry(dimension: Int, shape: [Int]) throws(DataError) -> ScanGeometry {
        let frame = try frame(dimension: dimension)
        let unit = try unit(frame.unit)
        let affine = frame.affine.scaled(by: unit.millimetres)
        if let fault = affine.fault { throw self.fault("TransformMatrix", "\(fault); repair the header.") }
        let intensities = try intensityRemark()
        let remarks = [unit.remarkBesideITK, isPlaced ? nil : Self.unplaced, intensities]
        return ScanGeometry(
            affine: affine, shape: shape, spacing: Array(affine.spacing.prefix(shape.count)), unit: unit,
            isPlaced: isPlaced, remarks: remarks.compactMap { $0 }, header: self)
    }

    /// A sentence about the header's function from stored values to intensities, which ITK ignores too; nil if it changes
    /// nothing.
    private func intensityRemark() throws(DataError) -> String? {
        let slope = try numbers("ElementToIntensityFunctionSlope", count: 1)?[0] ?? 1
        let offset = try numbers("ElementToIntensityFunctionOffset", count: 1)?[0] ?? 0
        guard slope != 1 || offset != 0 else { return nil }
        return "The header gives a function from stored values to intensities (ElementToIntensityFunctionSlope "
            + "\(slope), Offset \(offset)); it is not applied, as in ITK."
    }

    /// Whether the header gives the directions of the axes.
    private var isPlaced: Bool {
        ["TransformMatrix", "Rotation", "Orientation"].contains { stored[$0] != nil }
            || stored["AnatomicalOrientation"].map { !$0.contains("?") } ?? false
    }

    private static let unplaced =
        "The header does not relate its axes to the patient's (no TransformMatrix); they are assumed to point to the left, "
        + "posterior and superior, as in ITK."

    private func unit(_ text: String?) throws(DataError) -> LengthUnit {
        switch text?.lowercased() {
        case nil, "", "?": return .unknown
        case "mm": return .millimetre
        case "um": return .micrometre
        case "cm": return .centimetre
        case let other?: throw fault("DistanceUnits", "is '\(other.beginning(40))'; um, mm or cm was expected.")
        }
    }

    private func frame(dimension: Int) throws(DataError) -> MetaImageFrame {
        let matrix = try numbers("TransformMatrix", "Rotation", "Orientation", count: dimension * dimension)
        let spacing = try numbers("ElementSpacing", "ElementSize", count: dimension)
        let origin = try numbers("Origin", "Offset", "Position", count: dimension)
        let used = min(3, dimension)
        // An axis that a 2-D file lacks is parallel to a world axis, with a spacing of 1 mm.
        func row(_ axis: Int) -> [Double] {
            (0..<3).map { world in
                guard let matrix, axis < used, world < used else { return world == axis ? 1 : 0 }
                return matrix[axis * dimension + world]
            }
        }
        return MetaImageFrame(
            directions: (0..<3).map(row), spacing: (0..<3).map { $0 < used ? spacing?[$0] ?? 1 : 1 },
            origin: (0..<3).map { $0 < used ? origin?[$0] ?? 0 : 0 }, unit: stored["DistanceUnits"])
    }
}
