internal import CNIfTI
internal import Foundation
package import SegCore

/// NIfTI-1 and NIfTI-2 files: `.nii`, `.nii.gz` and `.hdr`/`.img` pairs.
package enum NIfTI {
    /// Reads a header as it is stored, without the voxels.
    ///
    /// - Throws: `DataError` if the file is missing or not NIfTI.
    package static func readHeader(_ path: String) throws(DataError) -> NIfTIHeader {
        let path = headerPath(of: path)
        return try NIfTIHeader(bytes: ByteSource(path: path).read(upTo: NIfTIHeader.probeSize), path: path)
    }
}

extension NIfTI: ScanFormat {
    static let name = "NIfTI"
    static let endings = [".nii.gz", ".hdr.gz", ".img.gz", ".nii", ".hdr", ".img"]
    static let singleFileEndings = [".nii.gz", ".nii"]
    static let writtenEndings = [".nii.gz", ".nii"]

    static func begins(_ head: [UInt8]) -> Bool {
        guard head.count >= 348 else { return false }
        let size = head.withUnsafeBytes { $0.loadUnaligned(as: Int32.self) }
        return [348, 540].contains(size) || [348, 540].contains(size.byteSwapped)
    }

    static func layout(of path: String) throws(DataError) -> ScanLayout {
        let path = headerPath(of: path)
        return try readHeader(path).layout(path: path, limits: ScanLimits())
    }

    static func voxelFile(of path: String) -> String? { nil }

    /// Reads a file. If a gzip file claims more than 64 times its stored bytes, it is read in chunks: memory is filled
    /// only as decompressed bytes arrive.
    static func read(_ path: String, limits: ScanLimits) throws(DataError) -> StoredScan {
        let headerPath = headerPath(of: path)
        var source = try ByteSource(path: headerPath)
        let header = try NIfTIHeader(bytes: source.read(upTo: NIfTIHeader.probeSize), path: headerPath)
        let layout = try header.layout(path: headerPath, limits: limits)
        // The voxels are read from the start of the file, because the probe may have read past the first voxel of a
        // tiny NIfTI-1 file.
        source = try ByteSource(path: layout.files.last ?? headerPath)
        var bytes = try StageClock.time("decompress") { () throws(DataError) in
            try readVoxels(from: source, layout: layout, limits: limits)
        }
        if header.endian != .host, layout.type.byteCount > 1 {
            nifti_swap_Nbytes(Int64(layout.count), Int32(layout.type.byteCount), &bytes)
        }
        return StoredScan(layout: layout, scaling: header.scaling, bytes: bytes)
    }

    private static func readVoxels(
        from source: ByteSource, layout: ScanLayout, limits: ScanLimits
    ) throws(DataError) -> [UInt8] {
        let (end, overflow) = layout.offset.addingReportingOverflow(layout.byteCount)
        guard !overflow, end <= source.upperBound else {
            throw tooShort(source, layout: layout, has: source.isCompressed ? nil : source.storedBytes)
        }
        // Memory for the stored bytes, and for the voxels converted to 32-bit floats.
        try FreeMemory.check(
            arrays: layout.byteCount + 4 * layout.count, subject: source.path,
            for: "reading its \(layout.extents) voxels of \(layout.type.name)",
            advice: "the header may be damaged; else free memory or cut the scan")
        var bytes =
            wholeFile(source, count: end).map { whole -> [UInt8] in
                var bytes = whole
                bytes.removeFirst(layout.offset)
                return bytes
            } ?? []
        if bytes.isEmpty {
            try source.skip(to: layout.offset)
            bytes = try source.read(upTo: layout.byteCount)
            let available = source.position
            try source.finish(trailerBytes: limits.trailerBytes)
            guard bytes.count == layout.byteCount else {
                throw tooShort(source, layout: layout, has: available)
            }
        }
        return bytes
    }

    /// The whole contents of a compressed file that ends with its voxels. Nil if the file is not compressed, or is
    /// suspiciously small for `count` bytes.
    private static func wholeFile(_ source: ByteSource, count: Int) -> [UInt8]? {
        guard source.isCompressed, count / 64 <= source.storedBytes else { return nil }
        return Deflate.gzipContents(of: source.path, count: count)
    }

    private static func tooShort(
        _ source: ByteSource, layout: ScanLayout, has: Int?
    ) -> DataError {
        let came = has.map { "has \($0) in all" } ?? "has \(source.storedBytes) compressed ones, too few for that"
        return DataError(
            .badData, source.path,
            "its \(layout.extents) voxels of \(layout.type.name) need \(layout.byteCount) bytes after the first "
                + "\(layout.offset), but it \(came); the file is cut short or its header is damaged. Copy it again.")
    }

    /// The header file of a pair, given either file of the pair; any other path is returned as it is.
    static func headerPath(of path: String) -> String {
        for (image, header) in [(".img", ".hdr"), (".img.gz", ".hdr.gz")] where path.hasSuffix(image) {
            let stem = path.dropLast(image.count)
            let candidates = [stem + header, stem + ".hdr", stem + ".hdr.gz"].map(String.init)
            return candidates.first { FileManager.default.fileExists(atPath: $0) } ?? candidates[0]
        }
        return path
    }

    static func dataPath(besideHeader path: String) throws(DataError) -> String {
        let stem = [".hdr.gz", ".hdr"].first { path.hasSuffix($0) }.map { String(path.dropLast($0.count)) } ?? path
        let candidates = [stem + ".img", stem + ".img.gz"]
        guard let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            throw DataError(
                .noInput, path,
                "is the header of a pair, but \(candidates[0]) (or .gz) with its voxels is missing; put it next to the header."
            )
        }
        return found
    }
}
