public import SegCore

extension ScanFile {
    /// Reads the scans of a case as one image; MONAI's `LoadImaged` with `EnsureChannelFirstd`.
    ///
    /// Several files are the channels of the image, in their order; files on a different grid than the first are
    /// resampled onto its grid. A single file with four dimensions, as in the Decathlon, contains the channels along
    /// its last dimension.
    /// - Parameters:
    ///   - files: The scans, at least one.
    ///   - note: Called with the file and a sentence about it.
    /// - Returns: The image, and the geometry of each file.
    /// - Throws: `DataError` as `read`, and if a file has another number of dimensions or does not fit the first.
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

    /// The number of channels of a file from its header: the size of its fourth dimension.
    /// - Throws: `DataError` as `layout`.
    public static func channelCount(of path: String) throws(DataError) -> Int {
        let shape = try layout(of: path).shape
        return shape.count == 4 ? shape[3] : 1
    }
}
