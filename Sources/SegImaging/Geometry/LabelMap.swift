public import SegCore

/// Reading label numbers out of volumes: the one rule of all commands and of the server.
///
/// A voxel is the whole number that it is within 0.05 of. Resampling and float scaling leave 0.9999999 or 0.988 where 1
/// was meant; what lies farther off is an image.
public enum LabelMap {
    /// The largest number of a label.
    public static let largest: Float = 65_535
    /// How far a voxel may be off its number.
    private static let tolerance: Float = 0.05

    /// A label map whose voxels are whole numbers from 0 to 65535.
    ///
    /// - Parameter file: Its file, for errors.
    /// - Throws: `DataError` where a voxel is no number of a label.
    public static func whole(_ volume: Volume, file: String) throws(DataError) -> Volume {
        var volume = volume
        let odd = volume.voxels.withUnsafeMutableBufferPointer { voxels -> Float? in
            for voxel in voxels.indices {
                guard let number = number(of: voxels[voxel]) else { return voxels[voxel] }
                voxels[voxel] = number
            }
            return nil
        }
        if let odd {
            throw DataError(
                .badData, file,
                "a label map holds whole numbers from 0 to \(Int(largest)); this one holds \(odd). Is it an image?")
        }
        return volume
    }

    /// The number that a value means; nil where it means none.
    @inline(__always)
    private static func number(of value: Float) -> Float? {
        guard value >= -tolerance, value <= largest + tolerance else { return nil }
        let number = Float(Int32(value + 0.5))
        return abs(value - number) <= tolerance ? number : nil
    }

    /// The label numbers of the voxels.
    ///
    /// - Parameter file: The file, for errors.
    /// - Throws: `DataError` where a voxel is no number of a label.
    public static func numbers(of volume: Volume, file: String) throws(DataError) -> [UInt16] {
        try whole(volume, file: file).voxels.map { UInt16($0) }
    }

    /// The voxels as classes of a network, which are at most 255.
    ///
    /// - Parameter file: The file, for errors.
    /// - Throws: `DataError` where a voxel is no number of a label, or one above 255.
    public static func classes(of volume: Volume, file: String) throws(DataError) -> [UInt8] {
        let whole = try whole(volume, file: file)
        if let large = whole.voxels.first(where: { $0 > 255 }) {
            throw DataError(
                .badData, file, "holds label \(Int(large)); a network's classes are 0 to 255. Number the labels anew.")
        }
        return whole.voxels.map { UInt8($0) }
    }
}
