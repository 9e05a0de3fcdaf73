internal import Foundation
internal import SegCore

/// MetaImage files: `.mha`, and `.mhd` with the voxels in a separate file.
///
/// Raw and zlib are read, zlib is written. https://itk.org/Wiki/ITK/MetaIO/Documentation
enum MetaImage: ScanFormat {
    static let name = "MetaImage"
    static let endings = [".mha", ".mhd"]
    static let singleFileEndings = [".mha"]
    static let writtenEndings = [".mha", ".mhd"]

    static func begins(_ head: [UInt8]) -> Bool {
        let text = String(decoding: head, as: UTF8.self)
        let keys = text.split(whereSeparator: \.isNewline).compactMap { $0.split(separator: "=").first?.trimmingSpaces }
        return keys.first == "ObjectType" || keys.contains("NDims")
    }

    static func layout(of path: String) throws(DataError) -> ScanLayout { try MetaImageHeader(path).layout() }

    static func read(_ path: String, limits: ScanLimits) throws(DataError) -> StoredScan {
        let header = try MetaImageHeader(path)
        let layout = try header.layout()
        return StoredScan(layout: layout, scaling: nil, bytes: try header.block(limits: limits).read(layout))
    }

    static let holdsSeveralMaps = false

    static func write<Value: WritableVoxel>(
        _ maps: [[Value]], size: Triple, geometry: ScanGeometry, to path: String
    ) throws(DataError) {
        let bytes = StageClock.time("transpose") { FileOrder.bytes(maps[0], size: size) }
        let packed = try StageClock.time("compress") { () throws(DataError) in
            try Deflate.compressed(bytes, as: .zlib, path: path)
        }
        let frame = (geometry.header as? MetaImageHeader)?.writtenFrame ?? MetaImageFrame(geometry.affine)
        var lines = [
            "ObjectType = Image", "Comment = \(MetaImageHeader.signature)", "NDims = 3", "BinaryData = True",
            "BinaryDataByteOrderMSB = \(ByteOrder.host == .big ? "True" : "False")", "CompressedData = True",
            "CompressedDataSize = \(packed.count)",
        ]
        lines += frame.lines
        lines += [
            "DimSize = \(size.d) \(size.h) \(size.w)", "ElementType = \(MetaImageHeader.name(of: Value.voxelType))",
        ]
        guard let voxelFile = voxelFile(of: path) else {
            lines.append("ElementDataFile = LOCAL\n")
            return try DurableFile.write(Array(lines.joined(separator: "\n").utf8) + packed, to: path)
        }
        lines.append("ElementDataFile = \(URL(fileURLWithPath: voxelFile).lastPathComponent)")
        try ScanPair(header: path, voxels: voxelFile).write(lines, packed)
    }

    static func voxelFile(of path: String) -> String? {
        path.hasSuffix(".mhd") ? path.dropLast(".mhd".count) + ".zraw" : nil
    }
}
