public import SegCore

/// What is done to a scan before the network sees it, in MONAI's order: orientation, spacing, intensity, crop.
public struct Preprocessing: Hashable, Sendable {
    /// The window of intensities that becomes 0 to 1 or another range, `ScaleIntensityRange`.
    public struct Intensity: Hashable, Sendable {
        /// Intensity that becomes `bMin`.
        public var aMin: Double
        /// Intensity that becomes `bMax`.
        public var aMax: Double
        /// Lower end of the result.
        public var bMin: Double
        /// Upper end of the result.
        public var bMax: Double
        /// Intensities outside become the ends.
        public var clip: Bool

        /// Makes a window.
        public init(aMin: Double, aMax: Double, bMin: Double, bMax: Double, clip: Bool) {
            self.aMin = aMin
            self.aMax = aMax
            self.bMin = bMin
            self.bMax = bMax
            self.clip = clip
        }
    }

    /// Axis codes the scan is turned to, such as RAS; nil leaves it.
    public var orientation: String?
    /// Voxel extents in mm the scan is resampled to; nil leaves them.
    public var pixdim: [Double]?
    /// The intensity window; nil leaves intensities.
    public var intensity: Intensity?
    /// Crop to the box of voxels above 0.
    public var cropForeground: Bool

    /// Describes a preprocessing.
    public init(orientation: String?, pixdim: [Double]?, intensity: Intensity?, cropForeground: Bool) {
        self.orientation = orientation
        self.pixdim = pixdim
        self.intensity = intensity
        self.cropForeground = cropForeground
    }
}

extension Preprocessing {
    /// A scan on the network's grid, and the way back.
    public struct Prepared: Sendable {
        /// What the network sees.
        public let image: Volume
        /// What was done to the grid.
        public let record: SpatialRecord
    }

    /// Prepares a scan: orientation, spacing (trilinear), intensity, foreground crop.
    ///
    /// - Parameter name: The scan's file, for errors.
    /// - Throws: `DataError` where the scan has NaN or infinite voxels or no foreground, or a setting makes no sense.
    public func callAsFunction(_ scan: Volume, name: String) throws(DataError) -> Prepared {
        let broken = StageClock.time("check") { scan.nonFiniteCount }
        guard broken == 0 else {
            throw DataError(
                .badData, name,
                "\(broken) voxels are NaN or infinite; replace them, for a CT by -1024, and try again"
            )
        }
        var record = SpatialRecord(of: scan)
        var image = try placed(scan, .trilinear, name: name, record: &record)
        if let intensity {
            let range = try ScaleIntensityRange(
                aMin: intensity.aMin, aMax: intensity.aMax, bMin: intensity.bMin, bMax: intensity.bMax,
                clip: intensity.clip)
            StageClock.time("intensity") { range.apply(to: &image.voxels) }
        }
        if cropForeground {
            image = try StageClock.time("crop") { () throws(DataError) in
                try CropForeground(margin: 0, divisor: 1, allowSmaller: false)(image, name: name, record: &record)
            }
        }
        return Prepared(image: image, record: record)
    }

    /// Brings a label map to the grid of its prepared image: nearest voxels, the image's crop.
    ///
    /// - Parameter name: The label map's file, for errors.
    /// - Throws: `DataError` where the label map is not on the scan's grid.
    public func labels(_ labels: Volume, for prepared: Prepared, name: String) throws(DataError) -> Volume {
        guard labels.size == prepared.record.scanSize else {
            throw DataError(
                .badData, name,
                "the label map is \(labels.size) voxels, its image \(prepared.record.scanSize); they must share a grid")
        }
        // One grid: small differences of the two headers must not move the label against its image.
        let aligned = Volume(voxels: labels.voxels, size: labels.size, affine: prepared.record.scanAffine)
        var record = SpatialRecord(of: aligned)
        return try placed(aligned, .nearest, name: name, record: &record).cut(prepared.record.networkBox, fill: 0)
    }

    private func placed(
        _ volume: Volume, _ interpolation: Interpolation, name: String, record: inout SpatialRecord
    ) throws(DataError) -> Volume {
        var volume = volume
        if let orientation {
            volume = try StageClock.time("orient") { () throws(DataError) in
                try Orientation(axisCodes: orientation)(volume, record: &record)
            }
        }
        guard let pixdim else { return volume }
        do {
            return try StageClock.time("resample") { () throws(DataError) in
                try Spacing(pixdim: pixdim, interpolation: interpolation)(volume, record: &record)
            }
        } catch {
            // The transform knows its volume's extents, a user the file's name.
            throw DataError(error.kind, name, "\(error.subject): \(error.message)")
        }
    }
}
