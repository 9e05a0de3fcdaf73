internal import Foundation
internal import SegCore

/// NRRD files: `.nrrd`, and `.nhdr` with the voxels in a separate file.
///
/// Raw, gzip and bzip2 are read, gzip is written. https://teem.sourceforge.net/nrrd/format.html
enum NRRD: ScanFormat {
    static let name = "NRRD"
    static let endings = [".nrrd", ".nhdr"]
    static let singleFileEndings = [".nrrd"]
    static let writtenEndings = [".nrrd", ".nhdr"]

    static func begins(_ head: [UInt8]) -> Bool { head.starts(with: Array("NRRD".utf8)) }

    static func layout(of path: String) throws(DataError) -> ScanLayout { try NRRDHeader(path).layout() }

    static func read(_ path: String, limits: ScanLimits) throws(DataError) -> StoredScan {
        let header = try NRRDHeader(path)
        let layout = try header.layout()
        return StoredScan(layout: layout, scaling: nil, bytes: try header.block(limits: limits).read(layout))
    }

    static let holdsSeveralMaps = false

    static func write<Value: WritableVoxel>(
        _ maps: [[Value]], size: Triple, geometry: ScanGeometry, to path: String
    ) throws(DataError) {
        let bytes = StageClock.time("transpose") { FileOrder.bytes(maps[0], size: size) }
        let packed = try StageClock.time("compress") { () throws(DataError) in
            try Deflate.compressed(bytes, as: .gzip, path: path)
        }
        let space =
            (geometry.header as? NRRDHeader)?.writtenSpace ?? NRRDSpace(geometry.affine, isPlaced: geometry.isPlaced)
        var lines = [
            "NRRD0004", "# https://teem.sourceforge.net/nrrd/format.html", NRRDHeader.signature,
            "type: \(NRRDHeader.name(of: Value.voxelType))",
            "dimension: 3",
        ]
        lines += space.lines
        lines += [
            "sizes: \(size.d) \(size.h) \(size.w)", "kinds: domain domain domain",
            "endian: \(ByteOrder.host.rawValue)", "encoding: gzip",
        ]
        guard let voxelFile = voxelFile(of: path) else {
            return try DurableFile.write(Array((lines.joined(separator: "\n") + "\n\n").utf8) + packed, to: path)
        }
        lines.append("data file: \(URL(fileURLWithPath: voxelFile).lastPathComponent)")
        try ScanPair(header: path, voxels: voxelFile).write(lines, packed)
    }

    static func voxelFile(of path: String) -> String? {
        path.hasSuffix(".nhdr") ? path.dropLast(".nhdr".count) + ".raw.gz" : nil
    }
}
