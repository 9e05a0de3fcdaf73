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
        let geometry = NIfTIGeometry(header: header, affine: try header.storedAffine(path: path))
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
        try checkTarget(path, overwrite: overwrite)
        // The file in its order, and as much again where it is compressed.
        let count = size.count * MemoryLayout<Value>.stride
        try FreeMemory.check(
            arrays: path.hasSuffix(".gz") ? 2 * count : count, subject: path, for: "writing \(size) voxels",
            advice: "free memory and try again")
        let header = encodeHeader(version: version, size: size, type: Value.niftiType, geometry: geometry)
        let bytes = StageClock.time("transpose") { inFileOrder(voxels, size: size, after: header) }
        try StageClock.time("compress") { () throws(DataError) in
            try DurableFile.write(path.hasSuffix(".gz") ? packed(bytes, path: path) : bytes, to: path)
        }
    }

    /// Checks that a file may be written, before its bytes are made.
    private static func checkTarget(_ path: String, overwrite: Bool) throws(DataError) {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
            throw DataError(.cannotWrite, path, "its folder does not exist; make it first.")
        }
        guard overwrite || !FileManager.default.fileExists(atPath: path) else {
            throw DataError(
                .cannotWrite, path, "exists already; remove it, choose another name or allow overwriting.")
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
