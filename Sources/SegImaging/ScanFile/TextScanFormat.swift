internal import Foundation
internal import SegCore

/// A format with a header of text, before the voxels or in a file of its own.
protocol TextScanFormat: ScanFormat {
    /// The header of a file that is read.
    associatedtype Header: TextScanHeader
    /// The compression of voxels that are written.
    static var compression: Deflate.Wrapper { get }
    /// The lines of a header that is written.
    /// - Parameters:
    ///   - byteCount: The number of bytes of the compressed voxels.
    ///   - voxelFile: The name of the separate file of the voxels; nil if they follow the header.
    static func lines(
        of type: VoxelType, size: Triple, geometry: ScanGeometry, byteCount: Int, voxelFile: String?
    ) -> [String]
}

/// A header of text.
protocol TextScanHeader {
    /// Reads the header of a file.
    /// - Throws: `DataError` if the file is missing or its header is not valid.
    init(_ path: String) throws(DataError)
    /// The layout of the voxels.
    /// - Throws: `DataError` if the voxels cannot be read as a scan.
    func layout() throws(DataError) -> ScanLayout
    /// The place of the voxels.
    /// - Throws: `DataError` if the header does not say where they are.
    func block(limits: ScanLimits) throws(DataError) -> VoxelBlock
}

extension TextScanFormat {
    static var holdsSeveralMaps: Bool { false }

    static func layout(of path: String) throws(DataError) -> ScanLayout { try Header(path).layout() }

    static func read(_ path: String, limits: ScanLimits) throws(DataError) -> StoredScan {
        let header = try Header(path)
        let layout = try header.layout()
        return StoredScan(layout: layout, scaling: nil, bytes: try header.block(limits: limits).read(layout))
    }

    static func write<Value: WritableVoxel>(
        _ maps: [[Value]], size: Triple, geometry: ScanGeometry, to path: String
    ) throws(DataError) {
        let bytes = StageClock.time("transpose") { FileOrder.bytes(maps[0], size: size) }
        let packed = try StageClock.time("compress") { () throws(DataError) in
            try Deflate.compressed(bytes, as: compression, path: path)
        }
        let voxelFile = voxelFile(of: path)
        let lines = lines(
            of: Value.voxelType, size: size, geometry: geometry, byteCount: packed.count,
            voxelFile: voxelFile.map { URL(fileURLWithPath: $0).lastPathComponent })
        guard let voxelFile else {
            return try DurableFile.write(Array((lines.joined(separator: "\n") + "\n").utf8) + packed, to: path)
        }
        try ScanPair(header: path, voxels: voxelFile).write(lines, packed)
    }
}
