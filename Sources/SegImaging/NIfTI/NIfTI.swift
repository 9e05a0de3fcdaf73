import CNIfTI
import Foundation
public import SegCore

/// Reading and writing of NIfTI-1 and NIfTI-2 files: `.nii`, `.nii.gz` and `.hdr`/`.img` pairs.
public enum NIfTI {
    /// Reads a header without its voxels.
    ///
    /// - Throws: `DataError` where the file is not there or not NIfTI.
    public static func readHeader(_ path: String) throws(DataError) -> NIfTIHeader {
        let path = headerPath(of: path)
        return try NIfTIHeader(bytes: ByteSource(path: path).read(upTo: NIfTIHeader.probeSize), path: path)
    }

    /// Reads a file of any dimension; no more than 64 times the file's size is filled before that many bytes have
    /// arrived.
    ///
    /// - Throws: `DataError` where the file is not there, is damaged, holds colour or complex numbers, or needs more
    ///   memory than is free.
    public static func read(_ path: String) throws(DataError) -> NIfTIImage {
        let headerPath = headerPath(of: path)
        var source = try ByteSource(path: headerPath)
        let probe = try source.read(upTo: NIfTIHeader.probeSize)
        let header = try NIfTIHeader(bytes: probe, path: headerPath)
        let layout = try header.layout(path: headerPath)
        let affine = try header.affine(path: headerPath)
        if header.isSingleFile {
            // The probe may have read past the first voxel of a tiny NIfTI-1 file.
            source = try ByteSource(path: headerPath)
        } else {
            source = try ByteSource(path: try dataPath(besideHeader: headerPath))
        }
        let bytes = try StageClock.time("decompress") { () throws(DataError) in
            try readVoxels(from: source, layout: layout, header: header)
        }
        return NIfTIImage(header: header, affine: affine, type: layout.type, bytes: bytes)
    }

    private static func readVoxels(
        from source: ByteSource, layout: NIfTIHeader.Layout, header: NIfTIHeader
    ) throws(DataError) -> [UInt8] {
        let (end, overflow) = layout.offset.addingReportingOverflow(layout.byteCount)
        guard !overflow, end <= source.upperBound else {
            throw tooShort(source, layout: layout, header: header, has: source.isCompressed ? nil : source.storedBytes)
        }
        // The stored bytes, and the voxels laid out anew as 32-bit floats.
        try FreeMemory.check(
            arrays: layout.byteCount + 4 * layout.count, subject: source.path,
            for: "reading its \(header.extents) voxels of \(layout.type.name)",
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
            try source.finish()
            guard bytes.count == layout.byteCount else {
                throw tooShort(source, layout: layout, header: header, has: available)
            }
        }
        if header.endian != hostEndian, layout.type.byteCount > 1 {
            nifti_swap_Nbytes(Int64(layout.count), Int32(layout.type.byteCount), &bytes)
        }
        return bytes
    }

    /// All of a compressed file that ends with its voxels and is not suspiciously small for them.
    private static func wholeFile(_ source: ByteSource, count: Int) -> [UInt8]? {
        guard source.isCompressed, count / 64 <= source.storedBytes else { return nil }
        return Gzip.contents(of: source.path, count: count)
    }

    private static func tooShort(
        _ source: ByteSource, layout: NIfTIHeader.Layout, header: NIfTIHeader, has: Int?
    ) -> DataError {
        let came = has.map { "has \($0) in all" } ?? "has \(source.storedBytes) compressed ones, too few for that"
        return DataError(
            .badData, source.path,
            "its \(header.extents) voxels of \(layout.type.name) need \(layout.byteCount) bytes after the first \(layout.offset), "
                + "but it \(came); the file is cut short or its header is damaged. Copy it again.")
    }

    private static var hostEndian: NIfTIHeader.Endian { 1 == Int32(1).littleEndian ? .little : .big }

    /// The header's file for either name of a pair; any other name is its own.
    static func headerPath(of path: String) -> String {
        for (image, header) in [(".img", ".hdr"), (".img.gz", ".hdr.gz")] where path.hasSuffix(image) {
            let stem = path.dropLast(image.count)
            let candidates = [stem + header, stem + ".hdr", stem + ".hdr.gz"].map(String.init)
            return candidates.first { FileManager.default.fileExists(atPath: $0) } ?? candidates[0]
        }
        return path
    }

    private static func dataPath(besideHeader path: String) throws(DataError) -> String {
        let stem = [".hdr.gz", ".hdr"].first { path.hasSuffix($0) }.map { String(path.dropLast($0.count)) } ?? path
        let candidates = [stem + ".img", stem + ".img.gz"]
        guard let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            throw DataError(
                .noInput, path,
                "is the header of a pair, and \(candidates[0]) (or .gz) with its voxels is not there; put it beside it."
            )
        }
        return found
    }
}
