internal import CNIfTI
internal import Foundation
internal import HTTPTypes
internal import SegCore
internal import SegImaging
internal import SegInference

/// Reads scans that strangers sent, one at a time, so that the memory this takes is one scan's.
actor ScanReader {
    private let thread = SerialThread("medseg.scans")
    private let limits: ServerLimits

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(limits: ServerLimits) { self.limits = limits }

    /// Checks and measures a scan, and writes its voxels as the page fetches them beside it.
    /// - Throws: `Refusal` or `DataError` where the file is no scan or larger than allowed.
    func inspect(_ path: String, voxels: String) throws -> ScanFacts {
        try ScanCheck.size(of: path, limits: limits)
        let (scan, header) = try NIfTI.readVolume(path)
        guard scan.nonFiniteCount == 0 else {
            throw Refusal(
                .badRequest, "the scan cannot be used: voxels are NaN or infinite; replace them, for a CT by -1024")
        }
        let facts = ScanFacts(scan, header: header)
        switch facts.voxelType {
        case .int16: try VoxelFile.write(scan.voxels.map { Int16($0) }, to: voxels)
        case .float32: try VoxelFile.write(scan.voxels, to: voxels)
        }
        return facts
    }

    /// Checks a label map against the grid of its image.
    /// - Throws: `Refusal` or `DataError` where the file is none, larger than allowed or on another grid, or holds what
    ///   is no number of a label.
    func inspectLabel(_ path: String, imageSize: [Int]) throws {
        try ScanCheck.size(of: path, limits: limits)
        let size = try LabelMap.whole(NIfTI.readVolume(path).volume, file: "the label map").size
        guard [size.i, size.j, size.k] == imageSize else {
            let image = imageSize.map(String.init).joined(separator: " x ")
            throw Refusal(
                .badRequest, "the label map is \(size) voxels, its image \(image); save it on the image's grid")
        }
    }

    /// The first three extents by a file's header alone.
    /// - Throws: `DataError` where the file is no scan.
    func size(of path: String) throws -> [Int] { try Array(NIfTI.readHeader(path).shape.prefix(3)) }
}

/// Checks that cost no memory and are made before any voxel is read.
package enum ScanCheck {
    /// Extents by the header, once they and the decompressed length are known to be allowed.
    /// - Throws: `Refusal` or `DataError` where the file is no scan or larger than allowed.
    @discardableResult
    package static func size(of path: String, limits: ServerLimits) throws -> [Int] {
        let header = try NIfTI.readHeader(path)
        guard header.isSingleFile else {
            throw Refusal(.badRequest, "the scan is half of an .hdr/.img pair; send one .nii or .nii.gz file")
        }
        let shape = header.shape
        guard shape.count >= 3, shape[3...].allSatisfy({ $0 == 1 }), shape.allSatisfy({ $0 > 0 }) else {
            let extents = shape.map(String.init).joined(separator: " x ")
            throw Refusal(
                .badRequest, "the scan should have three dimensions, not \(extents.isEmpty ? "none" : extents)")
        }
        let size = Array(shape[..<3])
        if let longest = size.max(), longest > Limits.scanAxis {
            throw Refusal(
                .contentTooLarge, "the scan has \(longest) voxels along an axis; \(Limits.scanAxis) are read at most")
        }
        // In Double, whatever the header says cannot overflow.
        guard size.map(Double.init).reduce(1, *) <= Double(limits.voxels) else {
            let extents = size.map(String.init).joined(separator: " x ")
            throw Refusal(
                .contentTooLarge, "the scan has \(extents) voxels; this server takes \(limits.voxels) at most")
        }
        guard header.voxOffset.isFinite, header.voxOffset >= 0, (8...64).contains(header.bitpix) else {
            throw Refusal(.badRequest, "the scan cannot be used: its header is damaged")
        }
        let slack = ByteCount(bytes: limits.scanSlack)
        guard header.voxOffset <= Double(slack.bytes) else {
            throw Refusal(
                .contentTooLarge, "the scan's voxels begin after more than the \(slack) bytes that this server takes")
        }
        let bytes = size.reduce(1, *) * header.bitpix / 8 + Int(header.voxOffset)
        guard isWithin(bytes + slack.bytes, path) else {
            throw Refusal(
                .contentTooLarge,
                "the scan decompresses to more than the \(bytes) bytes that its header announces and the \(slack) "
                    + "that this server takes after them")
        }
        return size
    }

    /// Decompresses a file without keeping anything, and says whether that ends within a limit.
    private static func isWithin(_ limit: Int, _ path: String) -> Bool {
        guard Scan.fileExtension(of: path) == ".nii.gz" else { return true }
        var stream: znzFile? = znzopen(path, "rb", 1)
        defer { if stream != nil { _ = Xznzclose(&stream) } }
        var chunk = [UInt8](repeating: 0, count: 1 << 20)
        var count = 0
        while true {
            let received = znzread(&chunk, 1, chunk.count, stream)
            guard (1...chunk.count).contains(received) else { return true }
            count += received
            guard count <= limit else { return false }
        }
    }
}

/// Voxels as a page fetches them: numbers of one type, little-endian, axis 2 fastest, in a gzip stream.
enum VoxelFile {
    /// Writes the file under a temporary name, then renames it.
    /// - Throws: `Refusal` where the disk is full.
    static func write<Value>(_ voxels: [Value], to path: String) throws {
        let temporary = path + ".part"
        var stream: znzFile? = znzopen(temporary, "wb1", 1)
        defer { if stream != nil { _ = Xznzclose(&stream) } }
        guard stream != nil else { throw failed(temporary) }
        let whole = voxels.withUnsafeBytes { bytes in
            // zlib takes at most 4 GiB at a time.
            stride(from: 0, to: bytes.count, by: 1 << 28).allSatisfy { start in
                let count = min(1 << 28, bytes.count - start)
                return znzwrite(bytes.baseAddress! + start, 1, count, stream) == count
            }
        }
        let status = Xznzclose(&stream)
        stream = nil
        guard whole, status == 0, rename(temporary, path) == 0 else { throw failed(temporary) }
    }

    private static func failed(_ temporary: String) -> Refusal {
        unlink(temporary)
        return Refusal(.serverIsFull, "the voxels cannot be stored; the server's disk may be full")
    }
}
