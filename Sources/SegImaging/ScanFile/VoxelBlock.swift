internal import CNIfTI
internal import Foundation
internal import SegCore

/// The stored voxels of a file with a text header: after the header, or in a separate file.
struct VoxelBlock {
    /// The compression of the bytes.
    enum Encoding: String {
        case raw, gzip, zlib, bzip2
    }

    /// The start of the block.
    enum Start {
        /// A byte offset from the start of the file.
        case byte(Int)
        /// The position from which the voxels extend to the end of the file.
        case end
    }

    /// The file of the voxels.
    var path: String
    var start: Start
    var encoding: Encoding
    /// The number of decompressed bytes to skip before the voxels.
    var skipped = 0
    /// The number of bytes of the compressed voxels if the header gives it; otherwise the rest of the file is used.
    var storedBytes: Int?
    var order: ByteOrder

    /// The number of bytes before the voxels, as far as the header gives it.
    var offset: Int {
        if encoding != .raw { return skipped }
        if case .byte(let byte) = start { return byte }
        return 0
    }

    /// The maximum number of bytes to which a compressed byte expands; unlimited for bzip2.
    private var largestExpansion: Int { encoding == .raw ? 1 : encoding == .bzip2 ? .max : 1032 }

    /// The voxels, in this machine's byte order.
    /// - Throws: `DataError` if the file is missing, is damaged, ends before its voxels, or needs more memory than is
    ///   free.
    func read(_ layout: ScanLayout) throws(DataError) -> [UInt8] {
        let fileSize = try ByteSource.size(of: path)
        let (wanted, overflow) = layout.byteCount.addingReportingOverflow(skipped)
        let first: Int
        switch start {
        case .byte(let byte): first = byte
        case .end: first = max(0, fileSize - (overflow ? 0 : wanted))
        }
        let rest = max(0, fileSize - first)
        let stored = min(rest, storedBytes ?? rest)
        let most = stored.multipliedReportingOverflow(by: largestExpansion)
        guard !overflow, fileSize >= first, most.overflow || wanted <= most.partialValue else {
            throw tooShort(layout, stored: stored)
        }
        // Memory for the stored bytes, the voxels converted to 32-bit floats, and the file if it is compressed.
        try FreeMemory.check(
            arrays: wanted + 4 * layout.count + (encoding == .raw ? 0 : stored), subject: path,
            for: "reading its \(layout.extents) voxels of \(layout.type.name)",
            advice: "the header may be damaged; else free memory or cut the scan")
        var bytes = try StageClock.time("decompress") { () throws(DataError) in
            try decompressed(layout, first: first, stored: stored, wanted: wanted)
        }
        if skipped > 0 { bytes.removeFirst(skipped) }
        if order != .host, layout.type.byteCount > 1 {
            nifti_swap_Nbytes(Int64(layout.count), Int32(layout.type.byteCount), &bytes)
        }
        return bytes
    }

    private func decompressed(
        _ layout: ScanLayout, first: Int, stored: Int, wanted: Int
    ) throws(DataError) -> [UInt8] {
        guard encoding != .raw else { return try ByteSource.bytes(of: path, from: first, count: wanted) }
        let packed = try ByteSource.bytes(of: path, from: first, count: stored)
        // Some writers use gzip where the format specifies zlib; the first bytes of the data distinguish the two.
        let wrapper: Deflate.Wrapper = packed.starts(with: [0x1f, 0x8b]) ? .gzip : .zlib
        let bytes = packed.withUnsafeBytes { packed in
            encoding == .bzip2
                ? Bzip2.contents(of: packed, count: wanted)
                : Deflate.contents(of: packed, as: wrapper, count: wanted, toTheEnd: false)
        }
        guard let bytes else {
            throw DataError(
                .badData, path,
                "its \(encoding.rawValue) data is damaged, or lacks the \(wanted) bytes of \(layout.extents) "
                    + "voxels of \(layout.type.name) that its header announces; copy or export the file again.")
        }
        return bytes
    }

    private func tooShort(_ layout: ScanLayout, stored: Int) -> DataError {
        DataError(
            .badData, path,
            "its \(layout.extents) voxels of \(layout.type.name) need \(layout.byteCount) bytes, but "
                + (encoding == .raw ? "it has \(stored)" : "\(stored) compressed ones are too few for that")
                + "; the file is cut short or its header is damaged. Copy it again.")
    }
}
