public import SegCore

/// What is done to a scan before the network sees it: steps in the order in which they are taken.
public struct Preprocessing: Hashable, Sendable {
    /// The steps; a step that changes the grid is undone on the way back.
    public var steps: [PreprocessingStep]

    /// Takes steps.
    public init(_ steps: [PreprocessingStep]) { self.steps = steps }

    /// Takes MONAI's usual steps in their usual order.
    /// - Parameters:
    ///   - orientation: Axis codes such as RAS; nil leaves the axes.
    ///   - pixdim: Voxel edges in mm that the scan is resampled to; nil leaves them.
    ///   - intensity: The window of intensities; nil leaves them.
    ///   - cropForeground: Whether the scan is cut to the box of voxels above 0.
    /// - Throws: `DataError` where codes or edges make no sense.
    public init(
        orientation: String? = nil, pixdim: [Double]? = nil, intensity: ScaleIntensityRange? = nil,
        cropForeground: Bool = false
    ) throws(DataError) {
        steps = []
        if let orientation { steps.append(.orientation(try Orientation(axisCodes: orientation))) }
        if let pixdim { steps.append(.spacing(try Spacing(pixdim: pixdim, interpolation: .trilinear))) }
        if let intensity { steps.append(.scaleIntensityRange(intensity)) }
        if cropForeground { steps.append(.cropForeground(.tight)) }
    }
}

extension CropForeground {
    /// The box of voxels above 0 and nothing more.
    static let tight = CropForeground()
}

extension Preprocessing {
    /// The axis codes that the scan is reoriented to; nil where it is not.
    public var orientation: String? {
        steps.firstOf { if case .orientation(let step) = $0 { step.axisCodes } else { nil } }
    }

    /// The voxel edges in mm that the scan is resampled to; nil where it is not.
    public var pixdim: [Double]? {
        steps.firstOf { if case .spacing(let step) = $0 { step.pixdim } else { nil } }
    }

    /// The window of intensities; nil where there is none.
    public var window: ScaleIntensityRange? {
        steps.firstOf { if case .scaleIntensityRange(let step) = $0 { step } else { nil } }
    }

    /// Whether a foreground is cut out.
    public var cropForeground: Bool { steps.contains { if case .cropForeground = $0 { true } else { false } } }

    /// Whether values between voxels are made.
    public var resamples: Bool {
        steps.contains {
            switch $0 {
            case .spacing, .resize, .nnUNetResampling: true
            default: false
            }
        }
    }

    /// Whether only intensities change.
    public var keepsGrid: Bool { steps.allSatisfy(\.keepsGrid) }

    /// Whether the steps are none but those of `init(orientation:pixdim:intensity:cropForeground:)`, in its order.
    public var isUsual: Bool {
        let usual = try? Preprocessing(
            orientation: orientation, pixdim: pixdim, intensity: window, cropForeground: cropForeground)
        return usual == self
    }
}

extension Sequence {
    /// The first result that is not nil.
    fileprivate func firstOf<Result>(_ body: (Element) -> Result?) -> Result? { lazy.compactMap(body).first }
}

extension Preprocessing {
    /// A scan on the network's grid, and the way back.
    public struct Prepared: Sendable {
        /// What the network sees.
        public let image: ScanImage
        /// What was done to the grid.
        public let record: SpatialRecord

        /// Wraps an image and the way to it.
        public init(image: ScanImage, record: SpatialRecord) { (self.image, self.record) = (image, record) }
    }

    /// The extents of a scan on the network's grid by its header alone; at most these where a foreground is cut out.
    ///
    /// - Parameters:
    ///   - size: The scan's extents.
    ///   - affine: Its voxel index → RAS+ mm.
    ///   - name: The scan's file, for errors.
    /// - Throws: `DataError` where the extents are beyond `Limits`, or the affine makes no sense.
    public func destinationSize(of size: Triple, at affine: Affine, name: String) throws(DataError) -> Triple {
        var grid = (size: size, affine: affine)
        for step in steps { grid = try step.grid(after: grid.size, at: grid.affine, name: name) }
        return grid.size
    }

    /// Sentences about settings that do something other than they seem to; one for each.
    public var remarks: [String] {
        guard let window, window.aMin == window.aMax else { return [] }
        return [
            "a_min and a_max of the intensity window are both \(window.aMin): as in MONAI, "
                + "b_min - a_min is added to every intensity, and nothing is scaled or clipped."
        ]
    }

    /// Bytes of the arrays that are made while a scan is prepared, those of the prepared image included.
    /// - Throws: `DataError` where the extents are beyond `Limits`, or the affine makes no sense.
    package func bytes(toPrepare scan: ScanImage, name: String) throws(DataError) -> Int {
        try plan(of: scan, name: name).bytes
    }

    private func plan(of scan: ScanImage, name: String) throws(DataError) -> (bytes: Int, size: Triple) {
        var grid = (size: scan.size, affine: scan.affine)
        // What a step is made from lives until it is made. The scan itself is in memory already.
        var (made, most) = (0, 0)
        for step in steps {
            grid = try step.grid(after: grid.size, at: grid.affine, name: name)
            // Percentiles are found in a sorted copy of all voxels.
            if case .scaleIntensityRangePercentiles = step { most = max(most, made + 2 * grid.size.count) }
            guard !step.keepsGrid || made == 0 else { continue }
            most = max(most, made + grid.size.count)
            made = grid.size.count
        }
        return (4 * most * scan.channels.count, grid.size)
    }

    /// Refuses, before anything of it is made, a grid beyond the limits or more volumes than the memory holds.
    private func checkPlan(of scan: ScanImage, name: String) throws(DataError) {
        let plan = try plan(of: scan, name: name)
        try FreeMemory.check(
            arrays: plan.bytes, subject: name, for: "preparing it as \(plan.size) voxels",
            advice: "check the spacing in its header, cut the scan, or free memory")
    }

    /// Prepares a scan.
    ///
    /// - Parameter name: The scan's file, for errors.
    /// - Throws: `DataError` where the scan has NaN or infinite voxels or no foreground, a setting makes no sense, or
    ///   the grid would be beyond `Limits` or the memory.
    public func callAsFunction(_ scan: ScanImage, name: String) throws(DataError) -> Prepared {
        try checkPlan(of: scan, name: name)
        let broken = StageClock.time("check") { scan.nonFiniteCount }
        guard broken == 0 else {
            throw DataError(
                .badData, name,
                "\(broken) voxels are NaN or infinite; replace them, for a CT by -1024, and try again"
            )
        }
        var record = SpatialRecord(scanSize: scan.size, scanAffine: scan.affine)
        var image = scan
        for step in steps { try step.apply(to: &image, record: &record, name: name) }
        return Prepared(image: image, record: record)
    }

    /// Prepares a scan of one channel.
    ///
    /// - Throws: `DataError` as for several.
    public func callAsFunction(_ scan: Volume, name: String) throws(DataError) -> Prepared {
        try self(ScanImage(scan), name: name)
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
        return StageClock.time("resample") { prepared.record.follow(aligned) }
    }
}
