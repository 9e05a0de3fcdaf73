internal import SegCore

/// The fields of a MetaImage header; `layout` checks the fields that reading relies on.
struct MetaImageHeader {
    let path: String
    /// The fields by key.
    let stored: [String: String]
    /// The number of bytes up to the end of the header.
    private let byteCount: Int

    /// Reads a header's lines; the last one names the file of the voxels.
    /// - Throws: `DataError` if the file is missing, is not a MetaImage or has a field twice.
    init(_ path: String) throws(DataError) {
        self.path = path
        let text = try TextHeader(path, endsWithFile: Self.namesVoxels, isLast: Self.namesVoxels)
        var fields: [String: String] = [:]
        for line in text.lines where !line.trimmingSpaces.isEmpty {
            guard let mark = line.firstIndex(where: { $0 == "=" || $0 == ":" }) else {
                throw DataError(
                    .badData, path, "has the line '\(line.beginning(60))' in its header; KEY = VALUE was expected.")
            }
            let (key, value) = (line[..<mark].trimmingSpaces, line[line.index(after: mark)...].trimmingSpaces)
            guard fields.updateValue(value, forKey: key) == nil || key == "Comment" else {
                throw DataError(.badData, path, key: key, "occurs twice in the header.")
            }
        }
        (stored, byteCount) = (fields, text.byteCount)
    }

    private static func namesVoxels(_ line: String) -> Bool { line.trimmingSpaces.hasPrefix("ElementDataFile") }

    func fault(_ key: String, _ message: String) -> DataError { DataError(.badData, path, key: key, message) }

    /// The text of the first of several keys with the same meaning; nil if all are missing.
    /// - Throws: `DataError` if two of the keys have different values.
    private func text(_ keys: [String]) throws(DataError) -> (key: String, text: String)? {
        let found = keys.compactMap { key in stored[key].map { (key: key, text: $0) } }
        if let first = found.first, let other = found.first(where: { $0.text != first.text }) {
            throw fault(other.key, "contradicts \(first.key); remove one of them.")
        }
        return found.first
    }

    /// The numbers of the first of several keys with the same meaning; nil if all are missing.
    func numbers(_ keys: String..., count: Int) throws(DataError) -> [Double]? {
        guard let (key, text) = try text(keys) else { return nil }
        let words = text.split(whereSeparator: \.isWhitespace)
        let numbers = words.compactMap { Double($0) }
        guard words.count == count, numbers.count == count, numbers.allSatisfy(\.isFinite) else {
            throw fault(key, "should be \(count) numbers, not '\(text.beginning(120))'.")
        }
        return numbers
    }

    private func isTrue(_ keys: String...) throws(DataError) -> Bool? {
        guard let key = keys.first(where: { stored[$0] != nil }), let text = stored[key]?.lowercased() else {
            return nil
        }
        if ["true", "t", "1"].contains(text) { return true }
        if ["false", "f", "0"].contains(text) { return false }
        throw fault(key, "should be True or False, not '\(text.beginning(40))'.")
    }

    // MARK: - Voxels

    /// The layout of the voxels that the header describes.
    /// - Throws: `DataError` naming the field that is missing, wrong or not supported.
    func layout() throws(DataError) -> ScanLayout {
        if let kind = stored["ObjectType"], kind.lowercased() != "image" {
            throw fault("ObjectType", "is '\(kind.beginning(40))'; an Image was expected.")
        }
        let dimension = stored["NDims"].flatMap { Int($0) } ?? 0
        guard (1...10).contains(dimension) else { throw fault("NDims", "should be from 1 to 10.") }
        let text = stored["DimSize"] ?? ""
        let shape = text.split(whereSeparator: \.isWhitespace).map { Int($0) ?? 0 }
        guard shape.count == dimension, shape.allSatisfy({ $0 > 0 }) else {
            throw fault("DimSize", "should be \(dimension) positive numbers, not '\(text.beginning(80))'.")
        }
        if let channels = stored["ElementNumberOfChannels"], Int(channels) != 1 {
            throw fault(
                "ElementNumberOfChannels",
                "is '\(channels.beginning(40))'; one value per voxel was expected. Export each "
                    + "channel as a file.")
        }
        let type = try type()
        guard ScanLayout.isPossible(shape, type) else { throw fault("DimSize", "is larger than any possible file.") }
        let block = try block(limits: ScanLimits())
        return ScanLayout(
            shape: shape, type: type, offset: block.offset, files: block.path == path ? [path] : [path, block.path],
            geometry: try geometry(dimension: dimension, shape: shape))
    }

    private var isSingleFile: Bool { ["LOCAL", "Local", "local"].contains(stored["ElementDataFile"]) }

    private static let types: [(VoxelType, [String])] = [
        (.uint8, ["MET_UCHAR"]), (.int8, ["MET_CHAR"]), (.uint16, ["MET_USHORT"]), (.int16, ["MET_SHORT"]),
        // MetaImage defines a long as four bytes, regardless of the platform.
        (.uint32, ["MET_UINT", "MET_ULONG"]), (.int32, ["MET_INT", "MET_LONG"]), (.uint64, ["MET_ULONG_LONG"]),
        (.int64, ["MET_LONG_LONG"]), (.float32, ["MET_FLOAT"]), (.float64, ["MET_DOUBLE"]),
    ]

    /// The MetaImage name of a type.
    static func name(of type: VoxelType) -> String { types.first { $0.0 == type }?.1.first ?? "MET_NONE" }

    private func type() throws(DataError) -> VoxelType {
        let name = stored["ElementType"] ?? ""
        guard let found = Self.types.first(where: { $0.1.contains(name) }) else {
            throw fault("ElementType", "'\(name.beginning(40))' is not a type of one real number per voxel.")
        }
        return found.0
    }

    /// The block of the voxels' bytes.
    /// - Throws: `DataError` if the voxels are stored in a way that is not supported.
    func block(limits: ScanLimits) throws(DataError) -> VoxelBlock {
        guard try isTrue("BinaryData") ?? true else {
            throw fault("BinaryData", "is False: voxels as text are not supported; export the scan as binary.")
        }
        let isCompressed = try isTrue("CompressedData") ?? false
        let isBig = try isTrue("BinaryDataByteOrderMSB", "ElementByteOrderMSB") ?? false
        let skipped = stored["HeaderSize"].map { Int($0) ?? -2 } ?? 0
        guard (0...limits.headerBytes).contains(skipped) || (skipped == -1 && !isCompressed) else {
            throw fault(
                "HeaderSize",
                "should be from 0 to \(limits.headerBytes), or -1 for raw voxels, not "
                    + "'\(stored["HeaderSize"]?.beginning(40) ?? "")'.")
        }
        let storedBytes = stored["CompressedDataSize"].map { Int($0) ?? -1 }
        guard storedBytes ?? 0 >= 0 else {
            throw fault("CompressedDataSize", "should be a number of bytes from 0.")
        }
        // A HeaderSize above 0 counts from the start of the file, the text included.
        let first = skipped > 0 ? skipped : isSingleFile ? byteCount : 0
        guard first <= limits.headerBytes else {
            throw DataError(.badData, path, "has a header of \(first) bytes; at most \(limits.headerBytes) are read.")
        }
        return VoxelBlock(
            path: try voxelFile(), start: skipped == -1 ? .end : .byte(first),
            encoding: isCompressed ? .zlib : .raw, storedBytes: storedBytes,
            order: isBig ? .big : .little)
    }

    private func voxelFile() throws(DataError) -> String {
        guard !isSingleFile else { return path }
        let name = stored["ElementDataFile"] ?? ""
        guard !TextHeader.namesSeveral(name) else {
            throw fault("ElementDataFile", "names several files, which is not supported; save the scan as one .mha.")
        }
        return try TextHeader.file(name, beside: path, key: "ElementDataFile")
    }
}

extension MetaImageHeader: ScanHeader {
    var title: String { "MetaImage, \((try? block(limits: ScanLimits()).encoding)?.rawValue ?? "raw")" }

    var details: [(name: String, text: String)] { [("axes", stored["AnatomicalOrientation"] ?? "not given")] }

    /// The comment in files that MedSeg writes.
    static let signature = "MedSeg"

    var isOurs: Bool { stored["Comment"] == Self.signature }

    var fields: any Encodable & Sendable { stored }
}
