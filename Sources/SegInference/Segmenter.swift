internal import SegBackend
public import SegCore
public import SegImaging
internal import SegModels

/// Segments scans with one model or with several together: the core of `medseg predict`, of the server and of evaluation.
public struct Segmenter {
    /// The models.
    public let ensemble: Ensemble
    /// The options for several samples; nil for a single prediction.
    public let uncertainty: UncertaintyOptions?
    /// The postprocessing of the mask; initially that of the first model's description.
    public var postprocessing: PostProcessing
    /// Whether the probabilities of all classes are kept on the network's grid, for `Segmentation.prediction`. Otherwise
    /// they are dropped as soon as the mask is made from them, so memory does not grow with the product of the scan's size
    /// and the number of classes.
    public var keepsPrediction = false
    /// The memory limit of a prediction of one sample, and the function that is called with the memory plan before the first
    /// window.
    public var memory = MemoryBudget()

    /// Creates a segmenter from an ensemble.
    public init(_ ensemble: Ensemble, uncertainty: UncertaintyOptions? = nil) {
        self.ensemble = ensemble
        self.uncertainty = uncertainty
        postprocessing = ensemble.models[0].description.postprocessing
    }

    /// The number of classes of the models, background included.
    public var classes: Int { ensemble.models[0].classes }

    /// The description of the first model, with the names of the classes.
    public var description: ModelDescription { ensemble.models[0].description }

    /// The names of the classes.
    public var labels: [Int: String] { description.maskLabels }

    /// The number of scans of a case, one per channel.
    public var inputChannels: Int { ensemble.models[0].scanChannels }

    /// Checks that masks lie on their scans' grids.
    /// - Parameter purpose: The option that needs this, such as `--report`.
    /// - Throws: `InferenceError` if the model leaves its masks on the network's grid.
    public func checkRestores(for purpose: String) throws {
        guard description.maskPlan.restoration == .none, !description.preprocessing.keepsGrid else { return }
        throw InferenceError(
            "the model leaves its masks on the network's grid (it has no Invertd), but \(purpose) needs them on the scan's"
        )
    }

    /// Whether the masks are regions that may overlap, not classes.
    public var hasRegions: Bool { description.maskPlan.isRegions }

    /// The numbers of the foreground classes in ascending order, or the channels of the regions. If regions are painted into
    /// one map, these are the numbers that they are painted with.
    public var labelNumbers: [Int] {
        hasRegions
            ? Array(0..<ensemble.models[0].network.outputChannels) : description.maskPlan.foreground(classes: classes)
    }

    /// The numbers that stand for the foreground classes in a mask file, or the channels of the regions, in the order of
    /// `labelNumbers`.
    public var writtenLabelNumbers: [Int] {
        guard let written = description.labelScheme.writtenNumbers else { return labelNumbers }
        return labelNumbers.map { Int(written[$0]) }
    }

    /// Checks that masks hold class numbers.
    /// - Parameter purpose: The option that needs this, such as `--figure`.
    /// - Throws: `InferenceError` if the model's masks are regions that may overlap.
    public func checkClasses(for purpose: String) throws {
        guard hasRegions else { return }
        throw InferenceError(
            "the model's masks are \(ensemble.models[0].network.outputChannels) regions that may overlap (a threshold per "
                + "channel), but \(purpose) needs one class per voxel")
    }

    /// The device that computes, in one line.
    public var device: String { ensemble.models[0].backend.details }

    /// The differences between a scan and the training data of any of the models.
    public func concerns(about scan: Volume, _ geometry: ScanGeometry) -> [Concern] {
        let facts = ScanFacts(scan, geometry: geometry)
        return ensemble.models.reduce(into: []) { concerns, model in
            concerns += model.description.concerns(about: facts).filter { !concerns.contains($0) }
        }
    }

    /// Segments a scan of one channel.
    /// - Throws: The same errors as for several channels.
    public func callAsFunction(
        _ scan: Volume, name: String, progress: (Int, Int) throws -> Void = { _, _ in }
    ) throws -> Segmentation {
        try self(ScanImage(scan), name: name, progress: progress)
    }

    /// Segments a scan.
    /// - Parameters:
    ///   - scan: The scan as read, with as many channels as the models take.
    ///   - name: The scan's file, for errors.
    ///   - progress: Called with the number of finished windows and the total number, over all samples; an error ends the work.
    /// - Throws: `DataError` if there is too little memory; the errors of `Ensemble.predict` and `Predictor.predict`.
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
                    "an ensemble of configurations does not keep probabilities; give one model, or leave out the "
                        + "probabilities")
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
            classes: classes, labelNumbers: labelNumbers, uncertaintyScore: finished.uncertaintyScore,
            writtenNumbers: description.labelScheme.writtenNumbers)
    }

    /// The mask of a scan, made while windows are computed.
    private func mask(
        of scan: ScanImage, name: String, progress: (Int, Int) throws -> Void
    ) throws -> MaskStream.Finished {
        let cleans = !postprocessing.isEmpty
        guard ensemble.averagesOnScan else {
            return try ensemble.models[0].mask(of: scan, name: name, memory, cleans: cleans, progress: progress)
        }
        return try ensemble.mask(of: scan, name: name, memory, cleans: cleans, progress: progress)
    }

    /// Postprocesses a label map, or each region separately.
    private func clean(_ maps: inout [[UInt8]], size: Triple, voxelVolumeML: Double) -> [Concern] {
        maps.indices.flatMap { map in
            let steps = hasRegions ? postprocessing.ofRegion(map) : postprocessing
            return steps.apply(to: &maps[map], size: size, voxelVolumeML: voxelVolumeML).compactMap { removal in
                removal.concern(
                    name: description.className(hasRegions ? map : Int(removal.label)), voxelVolumeML: voxelVolumeML)
            }
        }
    }
}

extension Segmentation {
    /// The class of every voxel, post-processed.
    ///
    /// Regions that may overlap have no such map; call `Segmenter.checkClasses` first.
    public var mask: [UInt8] {
        precondition(!hasRegions, "a mask of regions has no class at a voxel")
        return maps[0]
    }

    /// The first map as a volume; all maps have the same grid.
    public var maskVolume: Volume { Volume(voxels: maps[0].map { Float($0) }, size: size, affine: affine) }

    /// Whether every voxel of all maps is 0.
    public var isEmpty: Bool { maps.allSatisfy { map in map.allSatisfy { $0 == 0 } } }
}

/// The result of segmenting a scan.
public struct Segmentation: Sendable {
    /// The probabilities on the network's grid, and the way back to the scan's grid; nil for a single prediction if
    /// `Segmenter.keepsPrediction` is false.
    public let prediction: Prediction?
    /// The mean and the uncertainty of several samples; nil for a single prediction.
    public let uncertain: UncertainPrediction?
    /// Whether the mask is regions that may overlap, not classes.
    public let hasRegions: Bool
    /// The postprocessed maps: one map with the class of every voxel or, for regions, one map of 0 and 1 per region, in the
    /// order of the channels.
    public let maps: [[UInt8]]
    /// The size of the mask: the scan's size, unless the model's plan leaves the mask on the network's grid.
    public let size: Triple
    /// The mask's voxel index → RAS+ mm.
    public let affine: Affine
    /// Whether the mask lies on the scan's grid.
    public let isOnScan: Bool
    /// Concerns about removed parts of the mask that may have been organs.
    public let concerns: [Concern]
    /// The number of classes of the model, background included.
    public let classes: Int
    /// The numbers of the foreground classes in ascending order, or the channels of the regions.
    public let labelNumbers: [Int]
    /// The mean entropy, in nats, of the foreground probability over the voxels where that probability is above 0.05; active
    /// learning ranks scans by this mean. Nil if there is no such voxel, or if each channel has its own probability.
    public let uncertaintyScore: Double?
    /// The number of each class in a file of the mask, the background's first; nil if the number is the class itself.
    public let writtenNumbers: [UInt16]?

    /// The number that stands for a class in a mask file, or the channel of a region.
    public func writtenNumber(_ label: Int) -> Int { writtenNumbers.map { Int($0[label]) } ?? label }
}
