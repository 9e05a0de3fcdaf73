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

    /// The extents of a scan once it is oriented and resampled, before any crop, by its header alone.
    ///
    /// - Parameters:
    ///   - size: The scan's extents.
    ///   - affine: Its voxel index → RAS+ mm.
    ///   - name: The scan's file, for errors.
    /// - Throws: `DataError` where the extents are beyond `Limits`, or a setting or the affine makes no sense.
    public func destinationSize(of size: Size3, at affine: Affine, name: String) throws(DataError) -> Size3 {
        var (size, affine) = (size, affine)
        if let orientation {
            let permutation = try Orientation(axisCodes: orientation).permutation(for: affine)
            (size, affine) = (permutation.size(of: size), permutation.affine(of: size, at: affine))
        }
        guard let pixdim else { return size }
        do {
            return try Spacing(pixdim: pixdim, interpolation: .nearest).destinationSize(of: size, at: affine)
        } catch {
            throw Self.named(error, name)
        }
    }

    /// Sentences about settings that do something other than they seem to; one for each.
    public var remarks: [String] {
        guard let intensity, intensity.aMin == intensity.aMax else { return [] }
        return [
            "a_min and a_max of the intensity window are both \(intensity.aMin): as in MONAI, "
                + "b_min - a_min is added to every intensity, and nothing is scaled or clipped."
        ]
    }

    /// Refuses, before anything of it is made, a grid beyond the limits or more volumes than the memory holds.
    private func checkPlan(of scan: Volume, name: String) throws(DataError) {
        let size = try destinationSize(of: scan.size, at: scan.affine, name: name)
        // The oriented scan lives until it is resampled, the resampled one until it is cropped.
        let volumes = (orientation == nil ? 0 : scan.size.count) + size.count * (cropForeground ? 2 : 1)
        try FreeMemory.check(
            arrays: 4 * volumes, subject: name, for: "preparing it as \(size) voxels",
            advice: "check the spacing in its header, cut the scan, or free memory")
    }

    /// Prepares a scan: orientation, spacing (trilinear), intensity, foreground crop.
    ///
    /// - Parameter name: The scan's file, for errors.
    /// - Throws: `DataError` where the scan has NaN or infinite voxels or no foreground, a setting makes no sense, or
    ///   the grid would be beyond `Limits` or the memory.
    public func callAsFunction(_ scan: Volume, name: String) throws(DataError) -> Prepared {
        try checkPlan(of: scan, name: name)
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
            throw Self.named(error, name)
        }
    }

    /// The transform knows its volume's extents, a user the file's name.
    private static func named(_ error: DataError, _ name: String) -> DataError {
        DataError(error.kind, name, "\(error.subject): \(error.message)")
    }
}
