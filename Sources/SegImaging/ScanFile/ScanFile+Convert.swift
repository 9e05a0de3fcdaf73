internal import Foundation
public import SegCore

extension ScanFile {
    /// Writes a scan to a new file, in the format of the new name's extension:
    /// `SimpleITK.WriteImage(SimpleITK.ReadImage(…))`.
    ///
    /// Voxels keep their stored type, unless the header scales them: scaled voxels become `float64` if they have more
    /// than 16 bits, else `float32`. The geometry is kept; if the format changes, lengths are in millimetres.
    ///
    /// - Throws: `DataError` as `readVolume` and `write`.
    public static func convert(_ path: String, to target: String, overwrite: Bool) throws(DataError) {
        let scan = try read(path)
        let size = try scan.size3D(path: path)
        let copy = Copy(scan: scan, size: size, target: target, overwrite: overwrite)
        try scan.withStored(copy).get()
    }

    /// Writes voxels of a type that is known only after the header is read.
    private struct Copy: StoredVisitor {
        let scan: StoredScan
        let size: Triple
        let target: String
        let overwrite: Bool

        func visit<Stored: StoredScalar>(_ voxels: UnsafeBufferPointer<Stored>) -> Result<Void, DataError> {
            Result { () throws(DataError) in
                guard let (slope, inter) = scan.scaling else { return try write(voxels) { $0 } }
                if Stored.voxelType.byteCount > 2 {
                    try write(voxels) { $0.asDouble * slope + inter }
                } else {
                    try write(voxels) { Float($0.asDouble * slope + inter) }
                }
            }
        }

        private func write<Stored: StoredScalar, Value: WritableVoxel>(
            _ voxels: UnsafeBufferPointer<Stored>, _ value: (Stored) -> Value
        ) throws(DataError) {
            try FreeMemory.check(
                arrays: size.count * MemoryLayout<Value>.stride, subject: target, for: "converting \(size) voxels",
                advice: "free memory and try again")
            let ordered = [Value](unsafeUninitializedCapacity: size.count) { output, count in
                for i in 0..<size.d {
                    for j in 0..<size.h {
                        for k in 0..<size.w {
                            output.initializeElement(
                                at: (i * size.h + j) * size.w + k,
                                to: value(voxels[(k * size.h + j) * size.d + i]))
                        }
                    }
                }
                count = size.count
            }
            try ScanFile.write(ordered, size: size, like: scan.geometry, to: target, overwrite: overwrite)
        }
    }
}
