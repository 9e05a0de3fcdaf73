internal import SegCore

/// A step of the preprocessing of a scan; each case is a transform of MONAI or of nnU-Net.
public enum PreprocessingStep: Hashable, Sendable {
    /// Permutes and flips axes.
    case orientation(Orientation)
    /// Resamples to given voxel edges.
    case spacing(Spacing)
    /// Resamples to a given size in voxels.
    case resize(Resize)
    /// Maps a window of intensities to a range.
    case scaleIntensityRange(ScaleIntensityRange)
    /// Maps the minimum and maximum of the intensities to a range.
    case scaleIntensity(MinMaxScale)
    /// Maps percentiles of the intensities to a range.
    case scaleIntensityRangePercentiles(PercentileScale)
    /// Subtracts a mean and divides by a standard deviation.
    case normalizeIntensity(NormalizeIntensity)
    /// Maps intensities through a curve.
    case intensityCurve(IntensityCurve)
    /// Changes intensities by one rule for all channels, or by one for each.
    case intensity(IntensityRules)
    /// Crops to the bounding box of the foreground.
    case cropForeground(CropForeground)
    /// Crops a box around the centre.
    case centerSpatialCrop(CenterSpatialCrop)
    /// Pads to at least a given size.
    case spatialPad(SpatialPad)
    /// Pads to multiples of a number.
    case divisiblePad(DivisiblePad)
    /// Joins scans as channels, voxel by voxel; they must share one grid. MONAI's `ConcatItemsd`.
    case concatItems
    /// Reorders axes as an nnU-Net plan specifies.
    case nnUNetTranspose(NNUNetTranspose)
    /// Crops to the bounding box of the voxels that are not 0, as nnU-Net does.
    case nnUNetCrop(NNUNetCrop)
    /// Normalises each channel as an nnU-Net plan specifies.
    case nnUNetNormalization(NNUNetNormalization)
    /// Resamples to the spacing of an nnU-Net plan.
    case nnUNetResampling(NNUNetResampling)
}

extension PreprocessingStep {
    /// The name of the step's stage in the stage clock.
    private var stage: String {
        switch self {
        case .orientation, .nnUNetTranspose: "orient"
        case .spacing, .resize, .nnUNetResampling: "resample"
        case .scaleIntensityRange, .scaleIntensity, .scaleIntensityRangePercentiles, .normalizeIntensity,
            .intensityCurve, .intensity, .nnUNetNormalization, .concatItems:
            "intensity"
        case .cropForeground, .centerSpatialCrop, .nnUNetCrop: "crop"
        case .spatialPad, .divisiblePad: "pad"
        }
    }

    /// Whether the step sorts a copy of all voxels, of one channel or of all.
    var sortsVoxels: Bool {
        switch self {
        case .scaleIntensityRangePercentiles: true
        case .intensity(let rules): rules.rules.contains { if case .percentiles = $0 { true } else { false } }
        default: false
        }
    }

    /// Whether only intensities change, in place.
    package var keepsGrid: Bool { stage == "intensity" }

    /// Applies the step; the record is extended by the change of grid.
    ///
    /// - Parameter name: The case's file, for errors.
    /// - Throws: `DataError` if the step cannot be applied.
    func apply(to image: inout ScanImage, record: inout SpatialRecord, name: String) throws(DataError) {
        try StageClock.time(stage) { () throws(DataError) in
            switch self {
            case .orientation(let step): image = try step(image, record: &record)
            case .spacing(let step):
                do throws(DataError) {
                    image = try step(image, record: &record)
                } catch {
                    throw error.named(name)
                }
            case .resize(let step): image = try step(image, record: &record, name: name)
            case .scaleIntensityRange(let step):
                for channel in image.channels.indices { step.apply(to: &image.channels[channel]) }
            case .scaleIntensity(let step): step.apply(to: &image)
            case .scaleIntensityRangePercentiles(let step): try step.apply(to: &image)
            case .normalizeIntensity(let step): try step.apply(to: &image, name: name)
            case .intensityCurve(let step): step.apply(to: &image)
            case .intensity(let rules): try rules.apply(to: &image, name: name)
            case .cropForeground(let step):
                try Self.cut(&image, to: step.box(of: image, name: name), fill: 0, name: name, record: &record)
            case .centerSpatialCrop(let step):
                try Self.cut(&image, to: step.box(of: image.size), fill: 0, name: name, record: &record)
            case .spatialPad(let step):
                try Self.cut(&image, to: step.box(of: image.size), fill: step.value, name: name, record: &record)
            case .divisiblePad(let step):
                try Self.cut(&image, to: step.box(of: image.size), fill: step.value, name: name, record: &record)
            case .concatItems: try Self.checkShareGrid(image)
            case .nnUNetTranspose(let step): image = try step(image, record: &record)
            case .nnUNetCrop(let step):
                try Self.cut(&image, to: step.box(of: image), fill: 0, name: name, record: &record)
            case .nnUNetNormalization(let step): try step.apply(to: &image, name: name)
            case .nnUNetResampling(let step): image = try step(image, record: &record, name: name)
            }
        }
    }

    /// Refuses scans that were resampled to the first scan's grid, because MONAI would join them without resampling.
    private static func checkShareGrid(_ image: ScanImage) throws(DataError) {
        guard let name = image.resampledNames.first else { return }
        throw DataError(
            .badData, name,
            "its grid is not that of the first channel, and the model's ConcatItems joins channels voxel by voxel; "
                + "resample it onto the first scan's grid")
    }

    private static func cut(
        _ image: inout ScanImage, to box: Box3, fill: Float, name: String, record: inout SpatialRecord
    ) throws(DataError) {
        try checkExtents(box.size, name: name)
        record.cut(box)
        image = try image.map { (volume) throws(DataError) in volume.cut(box, fill: fill) }
    }

    /// The largest grid that the step can produce from a grid.
    ///
    /// - Throws: `DataError` if the new grid would be larger than `Limits`, or the affine is not valid.
    func grid(
        after size: Triple, at affine: Affine, name: String
    ) throws(DataError) -> (size: Triple, affine: Affine) {
        var box = Box3(of: size)
        switch self {
        case .orientation(let step):
            let permutation = step.permutation(for: affine)
            return (permutation.size(of: size), permutation.affine(of: size, at: affine))
        case .spacing(let step):
            do throws(DataError) {
                return try step.destination(of: size, at: affine)
            } catch {
                throw error.named(name)
            }
        case .scaleIntensityRange, .scaleIntensity, .scaleIntensityRangePercentiles, .normalizeIntensity,
            .intensityCurve, .intensity, .nnUNetNormalization, .nnUNetCrop, .concatItems:
            break
        case .nnUNetTranspose(let step):
            return (step.permutation.size(of: size), step.permutation.affine(of: size, at: affine))
        case .nnUNetResampling(let step):
            let made = step.size(of: size, at: affine)
            if made != size { try Self.checkExtents(made, name: name) }
            return (made, step.affine(of: size, at: affine))
        case .resize(let step):
            let made = step.size(of: size)
            if made != size { try Self.checkExtents(made, name: name) }
            return (made, step.affine(of: size, at: affine))
        case .cropForeground(let step): box = step.largestBox(of: size)
        case .centerSpatialCrop(let step): box = step.box(of: size)
        case .spatialPad(let step): box = step.box(of: size)
        case .divisiblePad(let step): box = step.box(of: size)
        }
        if box.size.count > size.count { try Self.checkExtents(box.size, name: name) }
        return (box.size, affine.shifted(by: box.start))
    }

    /// Checks that a grid is within the limits.
    static func checkExtents(_ size: Triple, name: String) throws(DataError) {
        let extents = (0..<3).map { size[$0] }
        let voxels = extents.map(Double.init).reduce(1, *)
        guard extents.allSatisfy({ $0 <= max(Limits.gridAxis, 32_767) }), voxels <= Double(Limits.gridVoxels) else {
            throw DataError(
                .badData, name,
                "would become \(size) voxels; at most \(Limits.gridAxis) along an axis and \(Limits.gridVoxels) in "
                    + "all are allowed")
        }
    }
}

extension PreprocessingStep {
    /// A description of the step for people, such as `reoriented to RAS`.
    package var summary: String {
        switch self {
        case .orientation(let step): "reoriented to \(step.axisCodes)"
        case .spacing(let step): "resampled to \(step.pixdim) mm"
        case .resize(let step):
            switch step.target {
            case .extents(let size): "resized to \(size) voxels"
            case .longest(let extent): "resized to \(extent) voxels along the longest axis"
            }
        case .scaleIntensityRange(let step):
            "intensities \(step.aMin) … \(step.aMax) become \(step.bMin) … \(step.bMax)"
        case .scaleIntensity(let step): "intensities, minimum to maximum, become \(step.low) … \(step.high)"
        case .scaleIntensityRangePercentiles(let step):
            "percentiles \(step.lower) and \(step.upper) of the intensities become \(step.bMin) and \(step.bMax)"
        case .normalizeIntensity(let step):
            "intensities minus mean, divided by standard deviation" + (step.nonzero ? ", voxels of 0 left out" : "")
        case .intensityCurve(let step): "intensities x become \(step.rawValue)"
        case .intensity(let rules): "intensities: " + rules.rules.map(\.summary).joined(separator: "; ")
        case .cropForeground: "cropped to the box of voxels above 0"
        case .centerSpatialCrop: "cropped to its centre"
        case .spatialPad(let step): "padded to at least \(step.size) voxels"
        case .divisiblePad(let step): "padded to multiples of \(step.divisors) voxels"
        case .concatItems: "scans of one grid joined as channels"
        case .nnUNetTranspose(let step): "axes (z, y, x) reordered to \(step.forward)"
        case .nnUNetCrop: "cropped to the box of voxels that are not 0"
        case .nnUNetNormalization(let step):
            "channels normalised by " + step.schemes.map(\.summary).joined(separator: ", ")
        case .nnUNetResampling(let step):
            "resampled to \(step.spacing.map { $0.map { "\($0)" } ?? "its own" }.joined(separator: " × ")) mm"
        }
    }
}

extension DataError {
    /// The error with the file's name put first, because the step itself knows only the volume's size.
    fileprivate func named(_ name: String) -> DataError { DataError(kind, name, "\(subject): \(message)") }
}
