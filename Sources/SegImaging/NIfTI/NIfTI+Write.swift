import CNIfTI
import Foundation
public import SegCore

/// A number type that volumes are written in.
public protocol NIfTIWritable: Sendable {
    /// The stored type.
    static var niftiType: NIfTIDataType { get }
}

extension UInt8: NIfTIWritable {
    /// Masks.
    public static var niftiType: NIfTIDataType { .uint8 }
}

extension UInt16: NIfTIWritable {
    /// Masks of many labels, scaled probabilities.
    public static var niftiType: NIfTIDataType { .uint16 }
}

extension Int16: NIfTIWritable {
    /// CT.
    public static var niftiType: NIfTIDataType { .int16 }
}

extension Float: NIfTIWritable {
    /// Probabilities and uncertainty.
    public static var niftiType: NIfTIDataType { .float32 }
}

extension NIfTI {
    /// Writes voxels on a scan's grid, with its geometry; gzip where the name ends in `.gz`.
    ///
    /// The scan's forms, codes, voxel sizes and spatial unit are kept; type and scaling are the voxels' own and header
    /// extensions are dropped. The file appears whole or not at all.
    ///
    /// - Parameters:
    ///   - voxels: `size.count` values, axis 2 fastest, as in `Volume`.
    ///   - header: The scan's header; its first three extents must be `size`.
    /// - Throws: `DataError` where the file exists and `overwrite` is false, or where writing fails.
    public static func write<Value: NIfTIWritable>(
        _ voxels: [Value], size: Size3, like header: NIfTIHeader, to path: String, overwrite: Bool
    ) throws(DataError) {
        let extents = (0..<3).map { $0 < header.dim[0] ? header.dim[$0 + 1] : 1 }
        guard extents == [size.i, size.j, size.k] else {
            let scan = extents.map(String.init).joined(separator: " x ")
            throw DataError(
                .badArgument, path,
                "a volume of \(size) cannot take the geometry of a scan of \(scan); bring it to the scan's grid first.")
        }
        let geometry = NIfTIGeometry(header: header, affine: try header.affine(path: path))
        try write(voxels, size: size, version: header.version, geometry: geometry, to: path, overwrite: overwrite)
    }

    /// Writes voxels with an affine: as sform, and as qform unless its axes are sheared.
    ///
    /// - Throws: `DataError` where the file exists and `overwrite` is false, or where writing fails.
    public static func write<Value: NIfTIWritable>(
        _ voxels: [Value], size: Size3, affine: Affine, to path: String, overwrite: Bool
    ) throws(DataError) {
        guard affine.elements.allSatisfy(\.isFinite), affine.inverse != nil else {
            throw DataError(.badArgument, path, "the affine \(affine.elements) is not finite or cannot be inverted.")
        }
        let version = [size.i, size.j, size.k].allSatisfy { $0 <= Int(Int16.max) } ? 1 : 2
        let geometry = NIfTIGeometry(affine: affine)
        try write(voxels, size: size, version: version, geometry: geometry, to: path, overwrite: overwrite)
    }

    private static func write<Value: NIfTIWritable>(
        _ voxels: [Value], size: Size3, version: Int, geometry: NIfTIGeometry, to path: String, overwrite: Bool
    ) throws(DataError) {
        precondition(voxels.count == size.count, "a volume of \(size) needs \(size.count) voxels, not \(voxels.count)")
        guard size.count > 0 else {
            throw DataError(.badArgument, path, "a volume of \(size) has no voxels; nothing was written.")
        }
        guard path.hasSuffix(".nii") || path.hasSuffix(".nii.gz") else {
            throw DataError(.badArgument, path, "names ending in .nii or .nii.gz can be written; change the name.")
        }
        let sink = try ByteSink(path: path, overwrite: overwrite)
        let header = encodeHeader(version: version, size: size, type: Value.niftiType, geometry: geometry)
        let bytes = StageClock.time("transpose") { inFileOrder(voxels, size: size, after: header) }
        try StageClock.time("compress") { () throws(DataError) in
            try sink.write(path.hasSuffix(".gz") ? packed(bytes, path: path) : bytes)
            try sink.commit()
        }
    }

    private static func packed(_ bytes: [UInt8], path: String) throws(DataError) -> [UInt8] {
        guard let packed = Gzip.compressed(bytes) else {
            throw DataError(.cannotWrite, path, "there is no memory to compress \(bytes.count) bytes; free some.")
        }
        return packed
    }

    /// A header and the voxels after it, axis 0 fastest.
    private static func inFileOrder<Value: NIfTIWritable>(
        _ voxels: [Value], size: Size3, after header: [UInt8]
    ) -> [UInt8] {
        let count = header.count + size.count * MemoryLayout<Value>.stride
        return [UInt8](unsafeUninitializedCapacity: count) { bytes, initialised in
            _ = bytes.initialize(from: header)
            nonisolated(unsafe) let output = UnsafeMutableRawBufferPointer(
                rebasing: UnsafeMutableRawBufferPointer(bytes)[header.count...]
            )
            .bindMemory(to: Value.self)
            voxels.withUnsafeBufferPointer { voxels in
                nonisolated(unsafe) let voxels = voxels
                // Tiles over i and k keep both sides within cache lines that are used whole.
                let tile = 32
                concurrently((size.k + tile - 1) / tile) { tiles in
                    for firstK in tiles.map({ $0 * tile }) {
                        for firstI in stride(from: 0, to: size.i, by: tile) {
                            for j in 0..<size.j {
                                for k in firstK..<min(firstK + tile, size.k) {
                                    for i in firstI..<min(firstI + tile, size.i) {
                                        output[(k * size.j + j) * size.i + i] = voxels[(i * size.j + j) * size.k + k]
                                    }
                                }
                            }
                        }
                    }
                }
            }
            initialised = count
        }
    }
}

/// A file under a temporary name that gets its own once it is whole.
private final class ByteSink {
    private let path: String
    private let temporary: String
    private let overwrite: Bool
    private var stream: znzFile?

    init(path: String, overwrite: Bool) throws(DataError) {
        let url = URL(fileURLWithPath: path)
        self.path = path
        self.overwrite = overwrite
        temporary = url.deletingLastPathComponent().path + "/.\(url.lastPathComponent).\(UUID().uuidString).part"
        var isFolder: ObjCBool = false
        let folder = url.deletingLastPathComponent().path
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
            throw DataError(.cannotWrite, path, "its folder does not exist; make it first.")
        }
        try refuseToOverwrite()
        stream = znzopen(temporary, "wb", 0)
        guard stream != nil else {
            throw DataError(.cannotWrite, path, "the folder \(folder) cannot be written to; check its permissions.")
        }
    }

    deinit { abandon() }

    private func refuseToOverwrite() throws(DataError) {
        guard overwrite || !FileManager.default.fileExists(atPath: path) else {
            throw DataError(
                .cannotWrite, path, "exists already; remove it, choose another name or allow overwriting.")
        }
    }

    func write<Value>(_ values: [Value]) throws(DataError) {
        let written = values.withUnsafeBytes { znzwrite($0.baseAddress, 1, $0.count, stream) }
        guard written == values.count * MemoryLayout<Value>.stride else { throw failed() }
    }

    /// Closes the file, waits until it is on the disk and gives it its name.
    func commit() throws(DataError) {
        let status = Xznzclose(&stream)
        stream = nil
        guard status == 0, isOnDisk() else { throw failed() }
        try refuseToOverwrite()
        guard rename(temporary, path) == 0 else { throw failed() }
    }

    private func isOnDisk() -> Bool {
        let descriptor = open(temporary, O_RDONLY)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return fsync(descriptor) == 0
    }

    private func failed() -> DataError {
        let reason = String(cString: strerror(errno))
        return DataError(
            .cannotWrite, path,
            "writing failed (\(reason)); check the free space and permissions. Nothing of it was left behind.")
    }

    private func abandon() {
        if stream != nil { _ = Xznzclose(&stream) }
        unlink(temporary)
    }
}
