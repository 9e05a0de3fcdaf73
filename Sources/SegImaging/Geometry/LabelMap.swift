public import SegCore

/// Reads label numbers from volumes, by the one rule that all commands and the server use.
///
/// A voxel's label is the integer within 0.05 of its value. Resampling and float scaling leave 0.9999999 or 0.988
/// instead of 1; a volume with values farther from an integer is probably an image.
public enum LabelMap {
    /// The largest label number.
    public static let largest: Float = 65_535
    /// The largest distance of a voxel from its label number.
    private static let tolerance: Float = 0.05

    /// The label map with each voxel rounded to its integer from 0 to 65535.
    ///
    /// - Parameter file: The file of the volume, for errors.
    /// - Throws: `DataError` if a voxel is not a label number.
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
                "a label map contains integers from 0 to \(Int(largest)); this one contains \(odd). Is it an image?")
        }
        return volume
    }

    /// The label number for a value; nil if there is none.
    @inline(__always)
    private static func number(of value: Float) -> Float? {
        guard value >= -tolerance, value <= largest + tolerance else { return nil }
        let number = Float(Int32(value + 0.5))
        return abs(value - number) <= tolerance ? number : nil
    }

    /// The label numbers of the voxels.
    ///
    /// - Parameter file: The file, for errors.
    /// - Throws: `DataError` if a voxel is not a label number.
    public static func numbers(of volume: Volume, file: String) throws(DataError) -> [UInt16] {
        try whole(volume, file: file).voxels.map { UInt16($0) }
    }

    /// The voxels as classes of a network, from 0 to 255.
    ///
    /// - Parameter file: The file, for errors.
    /// - Throws: `DataError` if a voxel is not a label number, or a label number above 255.
    public static func classes(of volume: Volume, file: String) throws(DataError) -> [UInt8] {
        let whole = try whole(volume, file: file)
        if let large = whole.voxels.first(where: { $0 > 255 }) {
            throw DataError(
                .badData, file, "contains label \(Int(large)); a network's classes are 0 to 255. Renumber the labels.")
        }
        return whole.voxels.map { UInt8($0) }
    }
}
