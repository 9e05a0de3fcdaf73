internal import SegBackend
public import SegCore
public import SegImaging
internal import SegModels

/// What a model, or several together, make of a scan: the core of `medseg predict`, of the server and of evaluation.
public struct Segmenter {
    /// The models.
    public let ensemble: Ensemble
    /// Where samples come from; nil for one plain prediction.
    public let uncertainty: UncertaintyOptions?
    /// What is done to the mask; at first what the first model's description asks for.
    public var postprocessing: PostProcessing
    /// Whether the probabilities of all classes are kept on the network's grid, for `Segmentation.prediction`. Otherwise
    /// they are dropped as soon as the mask is made of them, and memory does not grow with the scan times its classes.
    public var keepsPrediction = false
    /// How much memory a prediction of one sample may take, and who is told of it beforehand.
    public var memory = MemoryBudget()

    /// Segments with an ensemble.
    public init(_ ensemble: Ensemble, uncertainty: UncertaintyOptions? = nil) {
        self.ensemble = ensemble
        self.uncertainty = uncertainty
        postprocessing = ensemble.models[0].description.postprocessing
    }

    /// Classes that the models tell apart, background included.
    public var classes: Int { ensemble.models[0].classes }

    /// What the first model expects, and the names of the classes.
    public var description: ModelDescription { ensemble.models[0].description }

    /// Names of the classes.
    public var labels: [Int: String] { description.labels }

    /// How many scans of a case are its channels.
    public var inputChannels: Int { ensemble.models[0].scanChannels }

    /// Insists that masks lie on their scans' grids.
    /// - Parameter purpose: What needs it, such as `--report`.
    /// - Throws: `InferenceError` where the model leaves its masks on the network's grid.
    public func checkRestores(for purpose: String) throws {
        guard description.maskPlan.restoration == .none, !description.preprocessing.keepsGrid else { return }
        throw InferenceError(
            "the model leaves its masks on the network's grid (it has no Invertd), and \(purpose) needs them on the scan's"
        )
    }

    /// Whether the masks are regions that may overlap, and no classes.
    public var hasRegions: Bool { description.maskPlan.isRegions }

    /// The numbers of the foreground classes; of regions those of their channels.
    public var labelNumbers: Range<Int> { hasRegions ? 0..<ensemble.models[0].network.outputChannels : 1..<classes }

    /// Insists that masks hold class numbers.
    /// - Parameter purpose: What needs it, such as `--figure`.
    /// - Throws: `InferenceError` where the model's masks are regions that may overlap.
    public func checkClasses(for purpose: String) throws {
        guard hasRegions else { return }
        throw InferenceError(
            "the model's masks are \(ensemble.models[0].network.outputChannels) regions that may overlap (a threshold of "
                + "each channel), and \(purpose) needs one class a voxel")
    }

    /// What computes, in one line.
    public var device: String { ensemble.models[0].backend.details }

    /// In what the scan is not what any of the models was trained on.
    public func concerns(about scan: Volume, _ geometry: ScanGeometry) -> [Concern] {
        let facts = ScanFacts(scan, geometry: geometry)
        return ensemble.models.reduce(into: []) { concerns, model in
            concerns += model.description.concerns(about: facts).filter { !concerns.contains($0) }
        }
    }

    /// Segments a scan of one channel.
    /// - Throws: Errors as for several.
    public func callAsFunction(
        _ scan: Volume, name: String, progress: (Int, Int) throws -> Void = { _, _ in }
    ) throws -> Segmentation {
        try self(ScanImage(scan), name: name, progress: progress)
    }

    /// Segments a scan.
    /// - Parameters:
    ///   - scan: The scan as read, with as many channels as the models take.
    ///   - name: Its file, for errors.
    ///   - progress: Called with the windows done and their number, over all samples; what it throws ends the work.
    /// - Throws: `DataError` where there is no memory for it; errors as `Ensemble.predict` and `Predictor.predict`.
    public func callAsFunction(
        _ scan: ScanImage, name: String, progress: (Int, Int) throws -> Void = { _, _ in }
    ) throws -> Segmentation {
        try postprocessing.checkRoom(for: scan.size, name: name)
        var prediction: Prediction?
        var uncertain: UncertainPrediction?
        if let uncertainty {
            let samples = try ensemble.predict(scan, name: name, uncertainty: uncertainty, progress: progress)
            (uncertain, prediction) = (samples, samples.prediction)
        } else if ensemble.averagesOnScan {
            guard !keepsPrediction else {
                throw InferenceError(
                    "the probabilities of an ensemble of configurations are not kept; give one model, or leave them out"
                )
            }
        } else if keepsPrediction {
            prediction = try ensemble.models[0].predict(
                scan, name: name, memory, cleans: !postprocessing.isEmpty, progress: progress)
        }
        let plan = description.maskPlan
        let finished =
            try prediction.map { found in StageClock.time("restore") { found.finished(by: plan) } }
            ?? mask(of: scan, name: name, progress: progress)
        var (maps, size, affine) = (finished.maps, finished.size, finished.affine)
        try postprocessing.checkRoom(for: size, name: name)
        let concerns = StageClock.time("clean") { clean(&maps, size: size, voxelVolumeML: affine.voxelVolumeML) }
        return Segmentation(
            prediction: prediction, uncertain: uncertain, hasRegions: hasRegions, maps: maps, size: size,
            affine: affine, isOnScan: size == scan.size && affine == scan.affine, concerns: concerns,
            classes: classes, uncertaintyScore: finished.uncertaintyScore)
    }

    private func mask(
        of scan: ScanImage, name: String, progress: (Int, Int) throws -> Void
    ) throws -> MaskStream.Finished {
        let cleans = !postprocessing.isEmpty
        guard ensemble.averagesOnScan else {
            return try ensemble.models[0].mask(of: scan, name: name, memory, cleans: cleans, progress: progress)
        }
        return try ensemble.mask(of: scan, name: name, memory, cleans: cleans, progress: progress)
    }

    /// Post-processes a label map, or each region by itself.
    private func clean(_ maps: inout [[UInt8]], size: Triple, voxelVolumeML: Double) -> [Concern] {
        maps.indices.flatMap { map in
            postprocessing.apply(to: &maps[map], size: size, voxelVolumeML: voxelVolumeML).compactMap { removal in
                removal.concern(
                    name: description.className(hasRegions ? map : Int(removal.label)), voxelVolumeML: voxelVolumeML)
            }
        }
    }
}

extension Segmentation {
    /// The class of every voxel, post-processed.
    ///
    /// Regions have no such map: `Segmenter.checkClasses` comes first.
    public var mask: [UInt8] {
        precondition(!hasRegions, "a mask of regions has no class at a voxel")
        return maps[0]
    }

    /// The first map as a volume, whose grid is that of all maps.
    public var maskVolume: Volume { Volume(voxels: maps[0].map { Float($0) }, size: size, affine: affine) }

    /// Whether nothing was found.
    public var isEmpty: Bool { maps.allSatisfy { map in map.allSatisfy { $0 == 0 } } }
}

/// What was found in a scan.
public struct Segmentation: Sendable {
    /// Probabilities on the network's grid, and the way back; nil where `Segmenter.keepsPrediction` is false and there is one
    /// sample.
    public let prediction: Prediction?
    /// Where more than one sample was asked for.
    public let uncertain: UncertainPrediction?
    /// Whether the mask is regions that may overlap, and no classes.
    public let hasRegions: Bool
    /// The class of every voxel, post-processed; of regions a map of 0 and 1 for each, in the order of the channels.
    public let maps: [[UInt8]]
    /// Extents of the mask: the scan's, unless the model's plan leaves it on the network's grid.
    public let size: Triple
    /// The mask's voxel index → RAS+ mm.
    public let affine: Affine
    /// Whether the mask lies on the scan's grid.
    public let isOnScan: Bool
    /// What post-processing took that may have been an organ.
    public let concerns: [Concern]
    /// Classes that the model tells apart, background included.
    public let classes: Int
    /// The mean entropy of the foreground probability over the voxels that may be foreground, in nats: by this, active
    /// learning ranks. Nil where there are none, or where probabilities are of each channel by itself.
    public let uncertaintyScore: Double?
}
