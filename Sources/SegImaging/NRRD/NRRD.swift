internal import SegCore

/// NRRD files: `.nrrd`, and `.nhdr` with the voxels in a separate file.
///
/// Raw, gzip and bzip2 are read, gzip is written. https://teem.sourceforge.net/nrrd/format.html
enum NRRD: TextScanFormat {
    typealias Header = NRRDHeader
    static let name = "NRRD"
    static let endings = [".nrrd", ".nhdr"]
    static let singleFileEndings = [".nrrd"]
    static let writtenEndings = [".nrrd", ".nhdr"]

    static func begins(_ head: [UInt8]) -> Bool { head.starts(with: Array("NRRD".utf8)) }

    static let compression = Deflate.Wrapper.gzip

    static func lines(
        of type: VoxelType, size: Triple, geometry: ScanGeometry, byteCount: Int, voxelFile: String?
    ) -> [String] {
        let space =
            (geometry.header as? NRRDHeader)?.writtenSpace ?? NRRDSpace(geometry.affine, isPlaced: geometry.isPlaced)
        return [
            "NRRD0004", "# https://teem.sourceforge.net/nrrd/format.html", NRRDHeader.signature,
            "type: \(NRRDHeader.name(of: type))",
            "dimension: 3",
        ] + space.lines + [
            "sizes: \(size.d) \(size.h) \(size.w)", "kinds: domain domain domain",
            "endian: \(ByteOrder.host.rawValue)", "encoding: gzip",
            // An empty line ends the header if the voxels follow it.
            voxelFile.map { "data file: \($0)" } ?? "",
        ]
    }

    static func voxelFile(of path: String) -> String? {
        path.hasSuffix(".nhdr") ? path.dropLast(".nhdr".count) + ".raw.gz" : nil
    }
}

extension NRRDHeader: TextScanHeader {}
