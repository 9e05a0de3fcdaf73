public import SegCore
public import SegImaging

/// Reading class numbers out of volumes.
public enum LabelMap {
    /// The voxels of a label map as class numbers.
    ///
    /// - Parameter file: Its file, for errors.
    /// - Throws: `DataError` where a voxel is not a whole number from 0 to 255.
    public static func classes(of volume: Volume, file: String) throws(DataError) -> [UInt8] {
        if let bad = volume.voxels.first(where: { !($0 >= 0 && $0 <= 255 && $0 == $0.rounded()) }) {
            throw DataError(
                .badData, file, "a label map holds whole numbers from 0 to 255; this one holds \(bad). Is it an image?")
        }
        return volume.voxels.map { UInt8($0) }
    }
}
