internal import SegCore

/// The geometry fields of an NRRD header.
struct NRRDSpace {
    /// The name of the world's axes, such as `left-posterior-superior`; nil if the header does not name them.
    var name: String?
    /// The step vector along each of the first three axes.
    var directions: [[Double]]
    /// The centre of the first voxel.
    var origin: [Double]
    /// The stored unit of the world's axes; nil if none is stored.
    var unit: String?

    /// The header lines with these fields.
    var lines: [String] {
        func text(_ vector: [Double]) -> String { "(" + vector.map { "\($0)" }.joined(separator: ",") + ")" }
        var lines = [name.map { "space: \($0)" } ?? "space dimension: 3"]
        lines.append("space directions: \(directions.map(text).joined(separator: " "))")
        lines.append("space origin: \(text(origin))")
        if let unit {
            lines.append("space units: " + [String](repeating: "\"\(unit)\"", count: 3).joined(separator: " "))
        }
        return lines
    }
}

extension NRRDSpace {
    /// Creates a space from an affine, in the axes of 3D Slicer and ITK (LPS). The axes have no name if the scan's
    /// orientation in the patient is unknown.
    init(_ affine: Affine, isPlaced: Bool) {
        let signs = [-1.0, -1, 1]
        func column(_ number: Int) -> [Double] { (0..<3).map { signs[$0] * affine[$0, number] } }
        self.init(
            name: isPlaced ? "left-posterior-superior" : nil, directions: (0..<3).map(column), origin: column(3),
            unit: "mm")
    }

    /// The world's axes by the names that describe the patient, each with its signs in RAS.
    private static let patientAxes: [String: [Double]] = [
        "right-anterior-superior": [1, 1, 1], "ras": [1, 1, 1],
        "left-anterior-superior": [-1, 1, 1], "las": [-1, 1, 1],
        "left-posterior-superior": [-1, -1, 1], "lps": [-1, -1, 1],
    ]

    /// All names of axes without time, in lower case.
    static let names = Set(patientAxes.keys).union([
        "scanner-xyz", "3d-right-handed", "3dr", "3d-left-handed", "3dl",
    ])

    /// Whether the world's axes are the patient's axes.
    var isPlaced: Bool { name.map { Self.patientAxes[$0.lowercased()] != nil } ?? false }

    /// The affine from voxel index to RAS+ in the stored unit. Axes that are not the patient's are assumed to be LPS,
    /// as in ITK.
    var affine: Affine {
        Affine(
            steps: directions, origin: origin,
            signs: name.flatMap { Self.patientAxes[$0.lowercased()] } ?? [-1, -1, 1])
    }
}

extension NRRDHeader {
    /// The space for writing a file like this one; nil if the header's own space is damaged.
    var writtenSpace: NRRDSpace? {
        guard let sizes = try? sizes(), let axes = try? spatialAxes(sizes) else { return nil }
        return try? space(axes: axes)
    }

    /// The indices of the spatial axes.
    /// - Throws: `DataError` if an axis that is not spatial has a size above 1.
    func spatialAxes(_ sizes: [Int]) throws(DataError) -> [Int] {
        let axes: [Int]
        if let directions = try directions(count: sizes.count) {
            axes = directions.indices.filter { directions[$0] != nil }
        } else if let kinds = stored["kinds"]?.split(whereSeparator: \.isWhitespace), kinds.count == sizes.count {
            axes = kinds.indices.filter { ["domain", "space", "none", "???"].contains(kinds[$0].lowercased()) }
        } else {
            axes = Array(sizes.indices)
        }
        for axis in sizes.indices where !axes.contains(axis) && sizes[axis] > 1 {
            throw fault(
                "sizes",
                "give \(sizes[axis]) values for each voxel (axis \(axis)); one was expected. Export segments that "
                    + "overlap from 3D Slicer as one label map, and each channel as a file.")
        }
        return axes
    }

    /// The geometry of the voxels.
    /// - Throws: `DataError` if the header does not give the geometry, or contains impossible values.
    func geometry(axes: [Int], shape: [Int]) throws(DataError) -> ScanGeometry {
        let space = try space(axes: axes)
        let unit = try unit(named: space.unit ?? "")
        let affine = space.affine.scaled(by: unit.millimetres)
        if let fault = affine.fault { throw self.fault("space directions", "\(fault); repair the header.") }
        let axes = """
            The header does not relate its axes (space: \(space.name ?? "none")) to the patient's; they are assumed to point \
            to the left, posterior and superior, as in ITK.
            """
        return ScanGeometry(
            affine: affine, shape: shape, spacing: Array(affine.spacing.prefix(shape.count)), unit: unit,
            isPlaced: space.isPlaced,
            remarks: (unit.remarkBesideITK.map { [$0] } ?? []) + (space.isPlaced ? [] : [axes]), header: self)
    }

    private func unit(named text: String) throws(DataError) -> LengthUnit {
        if ["", "???"].contains(text) { return .unknown }
        guard let unit = Self.units[text.lowercased()] else {
            throw fault("space units", "'\(text.prefix(40))' is not a known unit of length (um, mm, cm or m).")
        }
        return unit
    }

    private static let units: [String: LengthUnit] = [
        "mm": .millimetre, "millimeter": .millimetre, "millimetre": .millimetre, "millimeters": .millimetre,
        "cm": .centimetre, "centimeter": .centimetre, "centimetre": .centimetre, "m": .metre, "meter": .metre,
        "metre": .metre, "um": .micrometre, "µm": .micrometre, "μm": .micrometre,
        "micron": .micrometre, "microns": .micrometre, "micrometer": .micrometre, "micrometre": .micrometre,
    ]

    private func space(axes: [Int]) throws(DataError) -> NRRDSpace {
        let name = stored["space"]
        if let name, !NRRDSpace.names.contains(name.lowercased()) {
            throw fault("space", "is '\(name.prefix(60))', which is unknown or includes time.")
        }
        let dimension = stored["dimension"].flatMap { Int($0) } ?? 0
        let unit = try unit(axes: axes)
        if let directions = try directions(count: dimension) {
            if let spacings = try numbers("spacings", count: dimension), axes.contains(where: { spacings[$0].isFinite })
            {
                throw fault("spacings", "are given in addition to space directions; remove one of the two.")
            }
            var steps = axes.prefix(3).compactMap { directions[$0] }
            if steps.count == 2 { steps.append(Self.normal(of: steps)) }
            while steps.count < 3 { steps.append((0..<3).map { $0 == steps.count ? 1 : 0 }) }
            return NRRDSpace(name: name, directions: steps, origin: try spaceOrigin() ?? [0, 0, 0], unit: unit)
        }
        if let edges = try numbers("spacings", count: dimension),
            let edge = axes.prefix(3).map({ edges[$0] }).first(where: { $0 == 0 || $0.isInfinite })
        {
            throw fault("spacings", "has a voxel edge of \(edge); a length was expected, or nan if it is unknown.")
        }
        let spacings = try axisSpacings(count: dimension)
        let used = (0..<3).map { axis -> Double in
            let spacing = axes.indices.contains(axis) ? spacings[axes[axis]] : .nan
            return spacing.isFinite && spacing != 0 ? spacing : 1
        }
        let directions = (0..<3).map { axis in (0..<3).map { $0 == axis ? used[axis] : 0 } }
        var origin = try spaceOrigin()
        if origin == nil { origin = try axisOrigin(axes: axes, spacings: spacings) }
        return NRRDSpace(name: name, directions: directions, origin: origin ?? [0, 0, 0], unit: unit)
    }

    /// A vector for each axis, nil for an axis that is not spatial; nil if the header has no directions.
    private func directions(count: Int) throws(DataError) -> [[Double]?]? {
        guard let text = stored["space directions"] else { return nil }
        let words = Self.words(text)
        guard words.count == count else {
            throw fault("space directions", "should be \(count) vectors, not '\(text.prefix(120))'.")
        }
        var directions: [[Double]?] = []
        for word in words { directions.append(word == "none" ? nil : try vector(word, "space directions")) }
        return directions
    }

    private func spaceOrigin() throws(DataError) -> [Double]? {
        guard let text = stored["space origin"] else { return nil }
        return try vector(text, "space origin")
    }

    /// Whether the first and last voxel centres lie at the ends of an axis (centering `node`), rather than half a voxel
    /// inside (`cell`).
    private func isNode(_ axis: Int) -> Bool {
        let centerings = stored["centerings"]?.lowercased().split(whereSeparator: \.isWhitespace) ?? []
        return centerings.indices.contains(axis) && centerings[axis] == "node"
    }

    /// The voxel edges of all axes, from `spacings` or from the axes' minima and maxima; NaN if the header has neither.
    private func axisSpacings(count: Int) throws(DataError) -> [Double] {
        var spacings = try numbers("spacings", count: count) ?? [Double](repeating: .nan, count: count)
        guard let (minima, maxima) = try ends(count: count), let sizes = try? sizes() else { return spacings }
        for axis in spacings.indices where !spacings[axis].isFinite {
            let steps = isNode(axis) ? sizes[axis] - 1 : sizes[axis]
            spacings[axis] = (maxima[axis] - minima[axis]) / Double(steps)
        }
        return spacings
    }

    private func ends(count: Int) throws(DataError) -> ([Double], [Double])? {
        guard let minima = try numbers("axis mins", count: count), let maxima = try numbers("axis maxs", count: count)
        else { return nil }
        return (minima, maxima)
    }

    /// The vector of length 1 perpendicular to two others.
    private static func normal(of steps: [[Double]]) -> [Double] {
        let cross = (0..<3).map { row in
            let (r, q) = ((row + 1) % 3, (row + 2) % 3)
            return steps[0][r] * steps[1][q] - steps[0][q] * steps[1][r]
        }
        let length = cross.map { $0 * $0 }.reduce(0, +).squareRoot()
        return cross.map { length > 0 ? $0 / length : 0 }
    }

    /// The centre of the first voxel from the axes' minima; nil if one is missing. Voxels without a centering are
    /// cells, as in ITK.
    private func axisOrigin(axes: [Int], spacings: [Double]) throws(DataError) -> [Double]? {
        guard let minima = try numbers("axis mins", count: spacings.count), axes.count >= 3 else { return nil }
        let origin = axes.prefix(3).map {
            minima[$0] + (isNode($0) ? 0 : (spacings[$0].isFinite ? spacings[$0] : 1) / 2)
        }
        return origin.allSatisfy(\.isFinite) ? origin : nil
    }

    /// The common unit of all axes.
    private func unit(axes: [Int]) throws(DataError) -> String? {
        if let text = stored["space units"] { return try oneUnit(of: Self.quoted(text), "space units") }
        guard let text = stored["units"] else { return nil }
        let units = Self.quoted(text)
        return try oneUnit(of: axes.prefix(3).compactMap { units.indices.contains($0) ? units[$0] : nil }, "units")
    }

    private func oneUnit(of units: [String], _ key: String) throws(DataError) -> String? {
        guard Set(units).count <= 1 else {
            throw fault(key, "should be the same for all axes, not \("\(units)".prefix(80)).")
        }
        return units.first
    }

    /// The numbers of a key, one for each axis, NaN for unknown ones; nil if the header lacks the key.
    private func numbers(_ key: String, count: Int) throws(DataError) -> [Double]? {
        guard let text = stored[key] else { return nil }
        let numbers = text.split(whereSeparator: \.isWhitespace).map { Double($0) }
        guard numbers.count == count, !numbers.contains(nil) else {
            throw fault(key, "should be \(count) numbers, not '\(text.prefix(80))'.")
        }
        return numbers.compactMap { $0 }
    }

    private func vector(_ text: String, _ key: String) throws(DataError) -> [Double] {
        let words = text.hasPrefix("(") && text.hasSuffix(")") ? text.dropFirst().dropLast().split(separator: ",") : []
        let numbers = words.compactMap { Double($0.trimmingSpaces) }
        guard words.count == 3, numbers.count == 3, numbers.allSatisfy(\.isFinite) else {
            throw fault(key, "should be vectors of three numbers, as (1,0,0), not '\(text.prefix(80))'.")
        }
        return numbers
    }

    /// The words of a text separated by white space outside brackets.
    private static func words(_ text: String) -> [String] {
        var (words, word, isInside) = ([String](), "", false)
        for character in text {
            if character == "(" { isInside = true }
            if character == ")" { isInside = false }
            if character.isWhitespace, !isInside {
                if !word.isEmpty { words.append(word) }
                word = ""
            } else if !character.isWhitespace {
                word.append(character)
            }
        }
        return word.isEmpty ? words : words + [word]
    }

    /// The texts between quotation marks.
    private static func quoted(_ text: String) -> [String] {
        let parts = text.split(separator: "\"", omittingEmptySubsequences: false)
        return parts.indices.filter { !$0.isMultiple(of: 2) }.map { String(parts[$0]) }
    }
}
