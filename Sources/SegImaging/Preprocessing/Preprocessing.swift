public import SegCore

/// The preprocessing of a scan for the network: steps in the order in which they run.
public struct Preprocessing: Hashable, Sendable {
    /// The steps; a step that changes the grid is undone when the prediction is restored to the scan.
    public var steps: [PreprocessingStep]

    /// Creates preprocessing from steps.
    public init(_ steps: [PreprocessingStep]) { self.steps = steps }

    /// Creates preprocessing from MONAI's usual steps in their usual order.
    /// - Parameters:
    ///   - orientation: Axis codes such as RAS; nil leaves the axes unchanged.
    ///   - pixdim: The voxel edges in mm after resampling; nil leaves them unchanged.
    ///   - intensity: The window of intensities; nil leaves them unchanged.
    ///   - cropForeground: Whether the scan is cropped to the bounding box of the voxels above 0.
    /// - Throws: `DataError` if the codes or edges are not valid.
    public init(
        orientation: String? = nil, pixdim: [Double]? = nil, intensity: ScaleIntensityRange? = nil,
        cropForeground: Bool = false
    ) throws(DataError) {
        try self.init(
            orientation: orientation, pixdim: pixdim, intensities: intensity.map { IntensityRules([.window($0)]) },
            cropForeground: cropForeground)
    }

    /// Creates preprocessing from the usual steps in their usual order, with any rules of intensities.
    /// - Parameter intensities: The rules of intensities; nil leaves the intensities unchanged.
    /// - Throws: `DataError` if the codes or edges are not valid, or if a rule makes 0 a mean and the crop is to what is
    ///   above 0.
    public init(
        orientation: String? = nil, pixdim: [Double]? = nil, intensities: IntensityRules?, cropForeground: Bool = false
    ) throws(DataError) {
        guard !cropForeground || intensities?.rules.contains(where: \.centres) != true else {
            throw DataError(
                .badArgument, "crop_foreground",
                "crops to what is above 0, which after this intensity is what is above a mean; give preprocessing as a list of "
                    + "transforms, with CropForeground before the intensities")
        }
        steps = []
        if let orientation { steps.append(.orientation(try Orientation(axisCodes: orientation))) }
        if let pixdim { steps.append(.spacing(try Spacing(pixdim: pixdim, interpolation: .trilinear))) }
        // One window for all channels is MONAI's own step.
        if let intensities, intensities.rules.count == 1, case .window(let window) = intensities.rules[0] {
            steps.append(.scaleIntensityRange(window))
        } else if let intensities {
            steps.append(.intensity(intensities))
        }
        if cropForeground { steps.append(.cropForeground(.tight)) }
    }
}

extension CropForeground {
    /// The crop to the bounding box of the voxels above 0, without a margin.
    static let tight = CropForeground()
}

extension Preprocessing {
    /// The axis codes to which the scan is reoriented; nil if it is not reoriented.
    public var orientation: String? {
        steps.firstOf { if case .orientation(let step) = $0 { step.axisCodes } else { nil } }
    }

    /// The voxel edges in mm to which the scan is resampled; nil if it is not resampled to edges in mm.
    public var pixdim: [Double]? {
        steps.firstOf { if case .spacing(let step) = $0 { step.pixdim } else { nil } }
    }

    /// The window of intensities; nil if there is none.
    public var window: ScaleIntensityRange? {
        steps.firstOf { if case .scaleIntensityRange(let step) = $0 { step } else { nil } }
    }

    /// The rules of intensities: a window, or the rules of a step of its own; nil if there is neither.
    public var intensities: IntensityRules? {
        steps.firstOf {
            switch $0 {
            case .scaleIntensityRange(let window): IntensityRules([.window(window)])
            case .intensity(let rules): rules
            default: nil
            }
        }
    }

    /// The intensities between which the organs of the training scans lie, from a window or a fingerprint; nil if each scan
    /// is measured, or each channel has a rule of its own.
    package var expectedRange: (low: Double, high: Double)? {
        guard let rules = intensities?.rules, rules.count == 1 else { return nil }
        switch rules[0] {
        case .window(let window): return (window.aMin, window.aMax)
        case .fingerprint(let numbers?): return (numbers.lower, numbers.upper)
        default: return nil
        }
    }

    /// Whether the scan is cropped to its foreground.
    public var cropForeground: Bool { steps.contains { if case .cropForeground = $0 { true } else { false } } }

    /// Whether the scan is resampled, with values interpolated between voxels.
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

    /// Whether `init(orientation:pixdim:intensities:cropForeground:)` could have created these steps.
    public var isUsual: Bool {
        let usual = try? Preprocessing(
            orientation: orientation, pixdim: pixdim, intensities: intensities, cropForeground: cropForeground)
        return usual == self
    }
}

extension Sequence {
    /// The first result that is not nil.
    fileprivate func firstOf<Result>(_ body: (Element) -> Result?) -> Result? { lazy.compactMap(body).first }
}

extension Preprocessing {
    /// A scan on the network's grid, and the record for restoring a prediction to the scan.
    public struct Prepared: Sendable {
        /// The network's input.
        public let image: ScanImage
        /// The changes of the grid.
        public let record: SpatialRecord

        /// Creates a prepared scan from an image and its record.
        public init(image: ScanImage, record: SpatialRecord) { (self.image, self.record) = (image, record) }
    }

    /// The size of a scan on the network's grid from its header alone; an upper bound if the foreground is cropped.
    ///
    /// - Parameters:
    ///   - size: The size of the scan.
    ///   - affine: The affine of the scan from voxel index to RAS+ mm.
    ///   - name: The scan's file, for errors.
    /// - Throws: `DataError` if the size is larger than `Limits`, or the affine is not valid.
    public func destinationSize(of size: Triple, at affine: Affine, name: String) throws(DataError) -> Triple {
        var grid = (size: size, affine: affine)
        for step in steps { grid = try step.grid(after: grid.size, at: grid.affine, name: name) }
        return grid.size
    }

    /// Sentences about settings with a surprising effect; one for each.
    public var remarks: [String] {
        let windows = (intensities?.rules ?? []).compactMap { if case .window(let window) = $0 { window } else { nil } }
        guard let window = windows.first(where: { $0.aMin == $0.aMax }) else { return [] }
        return [
            "a_min and a_max of the intensity window are both \(window.aMin): as in MONAI, "
                + "b_min - a_min is added to every intensity, and nothing is scaled or clipped."
        ]
    }

    /// The number of bytes of the arrays that are allocated to preprocess a scan, the preprocessed image included.
    /// - Throws: `DataError` if the size exceeds `Limits`, or if the affine is invalid.
    package func bytes(toPrepare scan: ScanImage, name: String) throws(DataError) -> Int {
        try plan(of: scan, name: name).bytes
    }

    private func plan(of scan: ScanImage, name: String) throws(DataError) -> (bytes: Int, size: Triple) {
        var grid = (size: scan.size, affine: scan.affine)
        // The input of a step stays in memory until its output exists. The scan itself is in memory already.
        var (made, most) = (0, 0)
        for step in steps {
            grid = try step.grid(after: grid.size, at: grid.affine, name: name)
            // Percentiles are computed from a sorted copy of all voxels.
            if step.sortsVoxels { most = max(most, made + 2 * grid.size.count) }
            guard !step.keepsGrid || made == 0 else { continue }
            most = max(most, made + grid.size.count)
            made = grid.size.count
        }
        return (4 * most * scan.channels.count, grid.size)
    }

    /// Checks, before anything is allocated, that the grid is within the limits and the volumes fit into the memory.
    private func checkPlan(of scan: ScanImage, name: String) throws(DataError) {
        let plan = try plan(of: scan, name: name)
        try FreeMemory.check(
            arrays: plan.bytes, subject: name, for: "preparing it as \(plan.size) voxels",
            advice: "check the spacing in its header, cut the scan, or free memory")
    }

    /// Prepares a scan.
    ///
    /// - Parameter name: The scan's file, for errors.
    /// - Throws: `DataError` if the scan has NaN or infinite voxels or no foreground, a setting is not valid, or the
    ///   grid would exceed `Limits` or the free memory.
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
    /// - Throws: `DataError` as for several channels.
    public func callAsFunction(_ scan: Volume, name: String) throws(DataError) -> Prepared {
        try self(ScanImage(scan), name: name)
    }

    /// Resamples a label map to the grid of its prepared image, by nearest voxels and with the same crop.
    ///
    /// - Parameter name: The label map's file, for errors.
    /// - Throws: `DataError` if the label map is not on the scan's grid.
    public func labels(_ labels: Volume, for prepared: Prepared, name: String) throws(DataError) -> Volume {
        guard labels.size == prepared.record.scanSize else {
            throw DataError(
                .badData, name,
                "the label map has \(labels.size) voxels, its image \(prepared.record.scanSize); the grids must match")
        }
        // The label gets the affine of the scan: small differences of the two headers must not shift the label against
        // its image.
        let aligned = Volume(voxels: labels.voxels, size: labels.size, affine: prepared.record.scanAffine)
        return StageClock.time("resample") { prepared.record.follow(aligned) }
    }
}
