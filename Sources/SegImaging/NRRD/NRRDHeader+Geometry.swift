internal import SegCore

/// How an NRRD header says where its voxels lie.
struct NRRDSpace {
    /// The world's axes, such as `left-posterior-superior`; nil where the header does not name them.
    var name: String?
    /// A step along each of the first three axes.
    var directions: [[Double]]
    /// The centre of the first voxel.
    var origin: [Double]
    /// The unit of the world's axes as it is stored; nil where it is not.
    var unit: String?

    /// The lines of a header that say this.
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
    /// An affine in 3D Slicer's and ITK's axes, which run to the left, posterior and superior.
    init(_ affine: Affine) {
        let signs = [-1.0, -1, 1]
        func column(_ number: Int) -> [Double] { (0..<3).map { signs[$0] * affine[$0, number] } }
        self.init(
            name: "left-posterior-superior", directions: (0..<3).map(column), origin: column(3), unit: "mm")
    }

    /// The world's axes by the names that say how a patient lies, each with its signs in RAS.
    private static let patientAxes: [String: [Double]] = [
        "right-anterior-superior": [1, 1, 1], "ras": [1, 1, 1],
        "left-anterior-superior": [-1, 1, 1], "las": [-1, 1, 1],
        "left-posterior-superior": [-1, -1, 1], "lps": [-1, -1, 1],
    ]

    /// Every name of axes without time, in lower case.
    static let names = Set(patientAxes.keys).union([
        "scanner-xyz", "3d-right-handed", "3dr", "3d-left-handed", "3dl",
    ])

    /// Whether the world's axes are the patient's.
    var isPlaced: Bool { name.map { Self.patientAxes[$0.lowercased()] != nil } ?? false }

    /// Voxel index → RAS+ in the stored unit. Axes that are not the patient's are taken for LPS, as ITK does.
    var affine: Affine {
        let signs = name.flatMap { Self.patientAxes[$0.lowercased()] } ?? [-1, -1, 1]
        var affine = Affine.identity
        for row in 0..<3 {
            for column in 0..<3 { affine[row, column] = signs[row] * directions[column][row] }
            affine[row, 3] = signs[row] * origin[row]
        }
        return affine
    }
}

extension NRRDHeader {
    /// The space that a file like this one is written with; nil where the header's own is damaged.
    var writtenSpace: NRRDSpace? {
        guard let sizes = try? sizes(), let axes = try? spatialAxes(sizes) else { return nil }
        return try? space(axes: axes)
    }

    /// The axes that lie in space.
    /// - Throws: `DataError` where another axis has several values.
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
                "give \(sizes[axis]) values for each voxel (axis \(axis)); one was expected. Layers of segments that "
                    + "overlap are exported from 3D Slicer as one label map, channels each as a file.")
        }
        return axes
    }

    /// Where the voxels lie.
    /// - Throws: `DataError` where the header does not say it, or says what no scan can be.
    func geometry(axes: [Int], shape: [Int]) throws(DataError) -> ScanGeometry {
        let space = try space(axes: axes)
        var (unit, remarks): (LengthUnit, [String]) = (.unknown, [])
        if let text = space.unit, let known = Self.units[text.lowercased()] {
            unit = known
        } else if let text = space.unit, !["", "???"].contains(text) {
            remarks.append(
                "The unit of the header's lengths, '\(text.prefix(40))', is not known; they are taken for mm.")
        }
        let scale = unit.millimetres
        let affine = Affine(
            elements: space.affine.elements.enumerated().map { $0.offset < 12 ? $0.element * scale : $0.element })
        if let fault = affine.fault { throw self.fault("space directions", "\(fault); repair the header.") }
        if !space.isPlaced {
            remarks.append(
                "The header does not say how the scan lies in the patient (space: \(space.name ?? "none")); its axes are "
                    + "taken to run to the left, posterior and superior, as ITK takes them.")
        }
        return ScanGeometry(
            affine: affine, shape: shape, spacing: Array(affine.spacing.prefix(shape.count)), unit: unit,
            isPlaced: space.isPlaced, remarks: (unit.remark.map { [$0] } ?? []) + remarks, header: self)
    }

    private static let units: [String: LengthUnit] = [
        "mm": .millimetre, "millimeter": .millimetre, "millimetre": .millimetre, "millimeters": .millimetre,
        "m": .metre, "meter": .metre, "metre": .metre, "um": .micrometre, "µm": .micrometre, "μm": .micrometre,
        "micron": .micrometre, "microns": .micrometre, "micrometer": .micrometre, "micrometre": .micrometre,
    ]

    private func space(axes: [Int]) throws(DataError) -> NRRDSpace {
        let name = stored["space"]
        if let name, !NRRDSpace.names.contains(name.lowercased()) {
            throw fault("space", "is '\(name.prefix(60))', which is not known or has a time.")
        }
        let dimension = stored["dimension"].flatMap { Int($0) } ?? 0
        let unit = try unit(axes: axes)
        if let directions = try directions(count: dimension) {
            var steps = axes.prefix(3).compactMap { directions[$0] }
            // The axes that a slice lacks.
            while steps.count < 3 { steps.append((0..<3).map { $0 == steps.count ? 1 : 0 }) }
            return NRRDSpace(name: name, directions: steps, origin: try spaceOrigin() ?? [0, 0, 0], unit: unit)
        }
        let spacings = try numbers("spacings", count: dimension)
        let used = (0..<3).map { axis -> Double in
            let spacing = axes.indices.contains(axis) ? spacings?[axes[axis]] ?? .nan : .nan
            return spacing.isFinite && spacing != 0 ? spacing : 1
        }
        let directions = (0..<3).map { axis in (0..<3).map { $0 == axis ? used[axis] : 0 } }
        var origin = try spaceOrigin()
        if origin == nil { origin = try axisOrigin(axes: axes, spacings: spacings) }
        return NRRDSpace(name: name, directions: directions, origin: origin ?? [0, 0, 0], unit: unit)
    }

    /// A vector for each axis, nil for an axis that does not lie in space; nil where the header has none.
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

    /// The centre of the first voxel by the axes' own beginnings; nil where one is not said. Voxels whose centering is
    /// not said are cells, as for ITK.
    private func axisOrigin(axes: [Int], spacings: [Double]?) throws(DataError) -> [Double]? {
        let dimension = stored["dimension"].flatMap { Int($0) } ?? 0
        guard let minima = try numbers("axis mins", count: dimension), let spacings, axes.count >= 3 else { return nil }
        let centerings = stored["centerings"]?.lowercased().split(whereSeparator: \.isWhitespace) ?? []
        let origin = axes.prefix(3).map { axis in
            let isNode = centerings.indices.contains(axis) && centerings[axis] == "node"
            return minima[axis] + (isNode ? 0 : spacings[axis] / 2)
        }
        return origin.allSatisfy(\.isFinite) ? origin : nil
    }

    /// The one unit of all axes.
    private func unit(axes: [Int]) throws(DataError) -> String? {
        if let text = stored["space units"] { return try oneUnit(of: Self.quoted(text), "space units") }
        guard let text = stored["units"] else { return nil }
        let units = Self.quoted(text)
        return try oneUnit(of: axes.prefix(3).compactMap { units.indices.contains($0) ? units[$0] : nil }, "units")
    }

    private func oneUnit(of units: [String], _ key: String) throws(DataError) -> String? {
        guard Set(units).count <= 1 else { throw fault(key, "should be the same for all axes, not \(units).") }
        return units.first
    }

    /// Numbers, one for each axis; those that are not said are NaN. Nil where the header has none.
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

    /// Words that spaces part, outside of brackets.
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
