public import SegCore

extension ScanFile {
    /// Reads the scans of a case as one image; MONAI's `LoadImaged` with `EnsureChannelFirstd`.
    ///
    /// Several files are its channels, in their order; those on another grid than the first are resampled onto it. One file
    /// of four dimensions, as the Decathlon's, holds the channels along the last of them.
    /// - Parameters:
    ///   - files: The scans, at least one.
    ///   - note: Called with the file and a sentence on it.
    /// - Returns: The image, and where the voxels of each file lie.
    /// - Throws: `DataError` as `read`, and where a file has other dimensions or does not fit the first.
    public static func readImage(
        _ files: [String], limits: ScanLimits = ScanLimits(), note: (_ file: String, String) -> Void = { _, _ in }
    ) throws(DataError) -> (image: ScanImage, geometries: [ScanGeometry]) {
        precondition(!files.isEmpty, "an image needs a scan")
        guard files.count > 1 else {
            let scan = try read(files[0], limits: limits)
            return (try scan.image(path: files[0]), [scan.geometry])
        }
        var volumes: [Volume] = []
        var geometries: [ScanGeometry] = []
        for file in files {
            let (volume, geometry) = try readVolume(file, limits: limits)
            volumes.append(volume)
            geometries.append(geometry)
        }
        return (try ScanImage(volumes, names: files, note: note), geometries)
    }

    /// How many channels a file holds, by its header: the extent of its fourth dimension.
    /// - Throws: `DataError` as `layout`.
    public static func channelCount(of path: String) throws(DataError) -> Int {
        let shape = try layout(of: path).shape
        return shape.count == 4 ? shape[3] : 1
    }
}
