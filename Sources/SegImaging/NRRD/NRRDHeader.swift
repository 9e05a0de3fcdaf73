internal import SegCore

/// The fields of an NRRD header; `layout` checks the fields that reading relies on.
struct NRRDHeader {
    let path: String
    /// The first line, such as `NRRD0004`.
    private let magic: String
    /// The fields by name in lower case.
    let stored: [String: String]
    /// The number of bytes up to the end of the header.
    private let byteCount: Int
    /// Whether MedSeg wrote the file.
    let isOurs: Bool
    /// The comment in files that MedSeg writes.
    static let signature = "# MedSeg"
    /// The key/value pairs that programs added, such as the segments of 3D Slicer.
    private let notes: [String: String]

    /// Reads a header's lines.
    /// - Throws: `DataError` if the file is missing, is not an NRRD, has a field twice, or has a field that NRRD does
    ///   not define.
    init(_ path: String) throws(DataError) {
        self.path = path
        let text = try TextHeader(path, endsWithFile: { $0.hasPrefix("data file:") || $0.hasPrefix("datafile:") }) {
            $0.isEmpty
        }
        magic = text.lines.first ?? ""
        guard ["NRRD0001", "NRRD0002", "NRRD0003", "NRRD0004", "NRRD0005"].contains(magic) else {
            throw DataError(.badData, path, "begins with '\(magic.beginning(12))'; NRRD0001 to NRRD0005 were expected.")
        }
        var (fields, notes): ([String: String], [String: String]) = ([:], [:])
        for line in text.lines.dropFirst() where !line.isEmpty && !line.hasPrefix("#") {
            let field = line.firstRange(of: ": ").map { (line[..<$0.lowerBound], line[$0.upperBound...]) }
            let note = line.firstRange(of: ":=").map { (line[..<$0.lowerBound], line[$0.upperBound...]) }
            if let note, field.map({ note.0.count < $0.0.count }) ?? true {
                notes[String(note.0)] = String(note.1)
                continue
            }
            guard let field, let name = Self.name(String(field.0)) else {
                throw DataError(
                    .badData, path, "has the line '\(line.beginning(60))' in its header, which is not an NRRD field.")
            }
            let value = field.1.trimmingSpaces
            guard fields.updateValue(value, forKey: name) == nil else {
                throw DataError(.badData, path, key: name, "occurs twice in the header.")
            }
            // A list of files extends to the end of the header.
            if name == "data file", TextHeader.namesSeveral(value) { break }
        }
        (stored, self.notes, byteCount) = (fields, notes, text.byteCount)
        isOurs = text.lines.contains(Self.signature)
    }

    /// The fields of the format, each by its usual name. Fields that affect neither the voxels nor their positions are
    /// not used.
    private static let names: Set<String> = [
        "dimension", "type", "block size", "encoding", "endian", "content", "min", "max", "old min", "old max",
        "data file", "line skip", "byte skip", "number", "sample units", "sizes", "spacings", "thicknesses",
        "axis mins", "axis maxs", "centerings", "labels", "units", "kinds", "space", "space dimension", "space units",
        "space origin", "space directions", "measurement frame",
    ]

    /// The usual name of a field; nil if NRRD does not define the field.
    private static func name(_ text: String) -> String? {
        let name = text.lowercased()
        if names.contains(name) { return name }
        let joined = name.filter { $0 != " " }
        if joined == "centers" { return "centerings" }
        return names.first { $0.filter { $0 != " " } == joined }
    }

    func fault(_ key: String, _ message: String) -> DataError { DataError(.badData, path, key: key, message) }

    /// The value of a field that must exist.
    private func required(_ key: String) throws(DataError) -> String {
        guard let value = stored[key], !value.isEmpty else { throw fault(key, "is missing in the header.") }
        return value
    }

    /// The integer of a field; nil if the field is missing.
    private func wholeNumber(_ key: String) throws(DataError) -> Int? {
        guard let text = stored[key] else { return nil }
        guard let number = Int(text) else { throw fault(key, "should be an integer, not '\(text.beginning(40))'.") }
        return number
    }

    // MARK: - Voxels

    /// The checked sizes of all axes.
    func sizes() throws(DataError) -> [Int] {
        let dimension = try wholeNumber("dimension") ?? 0
        guard (1...16).contains(dimension) else { throw fault("dimension", "should be from 1 to 16.") }
        let text = try required("sizes")
        let sizes = text.split(whereSeparator: \.isWhitespace).map { Int($0) ?? 0 }
        guard sizes.count == dimension, sizes.allSatisfy({ $0 > 0 }) else {
            throw fault("sizes", "should be \(dimension) positive numbers, not '\(text.beginning(80))'.")
        }
        return sizes
    }

    /// The layout of the voxels over the spatial axes, from the header.
    /// - Throws: `DataError` naming the field that is missing, wrong or not supported.
    func layout() throws(DataError) -> ScanLayout {
        let (type, sizes) = (try type(), try sizes())
        guard ScanLayout.isPossible(sizes, type) else { throw fault("sizes", "are larger than any possible file.") }
        let axes = try spatialAxes(sizes)
        let shape = axes.map { sizes[$0] }
        let block = try block(limits: ScanLimits())
        return ScanLayout(
            shape: shape, type: type, offset: block.offset, files: block.path == path ? [path] : [path, block.path],
            geometry: try geometry(axes: axes, shape: shape))
    }

    /// The names of the types; the first name of each is the one that is written.
    private static let types: [(type: VoxelType, names: [String])] = [
        (.int8, ["int8", "int8_t", "signed char"]), (.uint8, ["uint8", "uint8_t", "uchar", "unsigned char"]),
        (.int16, ["int16", "int16_t", "short", "short int", "signed short", "signed short int"]),
        (.uint16, ["uint16", "uint16_t", "ushort", "unsigned short", "unsigned short int"]),
        (.int32, ["int32", "int32_t", "int", "signed int"]), (.uint32, ["uint32", "uint32_t", "uint", "unsigned int"]),
        (
            .int64,
            ["int64", "int64_t", "longlong", "long long", "long long int", "signed long long", "signed long long int"]
        ),
        (.uint64, ["uint64", "uint64_t", "ulonglong", "unsigned long long", "unsigned long long int"]),
        (.float32, ["float"]), (.float64, ["double"]),
    ]

    /// The NRRD name of a type.
    static func name(of type: VoxelType) -> String { types.first { $0.type == type }?.names.first ?? "block" }

    private func type() throws(DataError) -> VoxelType {
        let name = try required("type")
        guard let found = Self.types.first(where: { $0.names.contains(name.lowercased()) }) else {
            throw fault("type", "'\(name.beginning(40))' is not a type of one real number per voxel.")
        }
        return found.type
    }

    /// The block of the voxels' bytes.
    /// - Throws: `DataError` if the voxels are stored in a way that is not supported.
    func block(limits: ScanLimits) throws(DataError) -> VoxelBlock {
        let encodings: [String: VoxelBlock.Encoding] = [
            "raw": .raw, "gzip": .gzip, "gz": .gzip, "bzip2": .bzip2, "bz2": .bzip2,
        ]
        let name = try required("encoding")
        guard let encoding = encodings[name.lowercased()] else {
            throw fault("encoding", "'\(name.beginning(40))' is not supported; supported: raw, gzip, bzip2.")
        }
        let (lines, bytes) = (try wholeNumber("line skip") ?? 0, try wholeNumber("byte skip") ?? 0)
        guard lines == 0 else { throw fault("line skip", "is not supported; save the file without it.") }
        guard bytes >= 0 || (bytes == -1 && encoding == .raw), bytes <= limits.headerBytes else {
            throw fault("byte skip", "should be from 0 to \(limits.headerBytes), or -1 for raw voxels, not \(bytes).")
        }
        let first = stored["data file"] == nil ? byteCount : 0
        guard first <= limits.headerBytes else {
            throw DataError(.badData, path, "has a header of \(first) bytes; at most \(limits.headerBytes) are read.")
        }
        return VoxelBlock(
            path: try voxelFile(), start: bytes == -1 ? .end : .byte(encoding == .raw ? first + bytes : first),
            encoding: encoding, skipped: encoding == .raw ? 0 : bytes, order: try order())
    }

    private func order() throws(DataError) -> ByteOrder {
        guard let text = stored["endian"] else {
            guard try type().byteCount == 1 else { throw fault("endian", "is missing: little or big.") }
            return .host
        }
        guard let order = ByteOrder(rawValue: text.lowercased()) else {
            throw fault("endian", "should be little or big, not '\(text.beginning(40))'.")
        }
        return order
    }

    private func voxelFile() throws(DataError) -> String {
        guard let name = stored["data file"] else { return path }
        guard !TextHeader.namesSeveral(name) else {
            throw fault("data file", "names several files, which is not supported; save the scan as one .nrrd.")
        }
        return try TextHeader.file(name, beside: path, key: "data file")
    }
}

extension NRRDHeader: ScanHeader {
    var title: String { "\(magic), \(stored["encoding"] ?? "raw")" }

    var details: [(name: String, text: String)] {
        let segments = notes.filter { $0.key.hasPrefix("Segment") && $0.key.hasSuffix("_Name") }
        let names = segments.sorted { $0.key < $1.key }.map { segment in
            let label = notes[segment.key.dropLast("_Name".count) + "_LabelValue"]
            return (label.map { "\($0): " } ?? "") + segment.value
        }
        return [("space", stored["space"] ?? "not given")]
            + (names.isEmpty ? [] : [("segments", names.joined(separator: ", "))])
    }

    var fields: any Encodable & Sendable { stored }
}

extension StringProtocol {
    /// The text without white space at its ends.
    var trimmingSpaces: String {
        String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}
