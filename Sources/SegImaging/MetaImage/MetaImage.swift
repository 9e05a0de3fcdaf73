internal import SegCore

/// MetaImage files: `.mha`, and `.mhd` with the voxels in a separate file.
///
/// Raw and zlib are read, zlib is written. https://itk.org/Wiki/ITK/MetaIO/Documentation
enum MetaImage: TextScanFormat {
    typealias Header = MetaImageHeader
    static let name = "MetaImage"
    static let endings = [".mha", ".mhd"]
    static let singleFileEndings = [".mha"]
    static let writtenEndings = [".mha", ".mhd"]

    static func begins(_ head: [UInt8]) -> Bool {
        let text = String(decoding: head, as: UTF8.self)
        let keys = text.split(whereSeparator: \.isNewline).compactMap { $0.split(separator: "=").first?.trimmingSpaces }
        return keys.first == "ObjectType" || keys.contains("NDims")
    }

    static let compression = Deflate.Wrapper.zlib

    static func lines(
        of type: VoxelType, size: Triple, geometry: ScanGeometry, byteCount: Int, voxelFile: String?
    ) -> [String] {
        let frame = (geometry.header as? MetaImageHeader)?.writtenFrame ?? MetaImageFrame(geometry.affine)
        return [
            "ObjectType = Image", "Comment = \(MetaImageHeader.signature)", "NDims = 3", "BinaryData = True",
            "BinaryDataByteOrderMSB = \(ByteOrder.host == .big ? "True" : "False")", "CompressedData = True",
            "CompressedDataSize = \(byteCount)",
        ] + frame.lines + [
            "DimSize = \(size.d) \(size.h) \(size.w)", "ElementType = \(MetaImageHeader.name(of: type))",
            "ElementDataFile = \(voxelFile ?? "LOCAL")",
        ]
    }

    static func voxelFile(of path: String) -> String? {
        path.hasSuffix(".mhd") ? path.dropLast(".mhd".count) + ".zraw" : nil
    }
}

extension MetaImageHeader: TextScanHeader {}
