internal import Foundation
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

    /// Segments with an ensemble.
    public init(_ ensemble: Ensemble, uncertainty: UncertaintyOptions?) {
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
    public var inputChannels: Int { ensemble.models[0].network.inputChannels }

    /// Insists that masks lie on their scans' grids.
    /// - Parameter purpose: What needs it, such as `--report`.
    /// - Throws: `InferenceError` where the model leaves its masks on the network's grid.
    public func checkRestores(for purpose: String) throws {
        guard description.maskPlan.restoration == .none, !description.preprocessing.keepsGrid else { return }
        throw InferenceError(
            "the model leaves its masks on the network's grid (it has no Invertd), and \(purpose) needs them on the scan's"
        )
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
        _ scan: Volume, name: String, progress: (Int, Int) throws -> Void
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
        _ scan: ScanImage, name: String, progress: (Int, Int) throws -> Void
    ) throws -> Segmentation {
        try postprocessing.checkRoom(for: scan.size, name: name)
        let prediction: Prediction
        var uncertain: UncertainPrediction?
        if let uncertainty {
            let samples = try ensemble.predict(scan, name: name, uncertainty: uncertainty, progress: progress)
            (uncertain, prediction) = (samples, samples.prediction)
        } else {
            prediction = try ensemble.models[0].predict(scan, name: name, progress: progress)
        }
        var (mask, size, affine) = StageClock.time("restore") { prediction.mask(by: description.maskPlan) }
        let voxelVolumeML = affine.voxelVolumeML
        try postprocessing.checkRoom(for: size, name: name)
        let removals = StageClock.time("clean") {
            postprocessing.apply(to: &mask, size: size, voxelVolumeML: voxelVolumeML)
        }
        let concerns = removals.compactMap { removal in
            removal.concern(
                name: description.className(Int(removal.label)), voxelVolumeML: voxelVolumeML)
        }
        return Segmentation(
            prediction: prediction, uncertain: uncertain, mask: mask, size: size, affine: affine,
            isOnScan: size == scan.size && affine == scan.affine, concerns: concerns)
    }
}

extension Segmentation {
    /// The mask as a volume.
    public var maskVolume: Volume { Volume(voxels: mask.map { Float($0) }, size: size, affine: affine) }
}

/// What was found in a scan.
public struct Segmentation {
    /// Probabilities on the network's grid, and the way back.
    public let prediction: Prediction
    /// Where more than one sample was asked for.
    public let uncertain: UncertainPrediction?
    /// The class of every voxel, post-processed.
    public let mask: [UInt8]
    /// Extents of the mask: the scan's, unless the model's plan leaves it on the network's grid.
    public let size: Triple
    /// The mask's voxel index → RAS+ mm.
    public let affine: Affine
    /// Whether the mask lies on the scan's grid.
    public let isOnScan: Bool
    /// What post-processing took that may have been an organ.
    public let concerns: [Concern]

    /// The mean entropy of the foreground probability over the voxels that may be foreground, in nats: by this, active
    /// learning ranks. Nil where there are none.
    public var uncertaintyScore: Double? {
        var (sum, count) = (0.0, 0)
        let channels = prediction.channels
        prediction.probabilities.withUnsafeBufferPointer { values in
            for voxel in 0..<values.count / channels {
                let value = Double(values[voxel * channels])
                let foreground = channels == 1 ? value : 1 - value
                guard foreground > 0.05 else { continue }
                sum += Self.entropy(foreground)
                count += 1
            }
        }
        return count > 0 ? sum / Double(count) : nil
    }

    private static func entropy(_ p: Double) -> Double {
        guard p > 0, p < 1 else { return 0 }
        return -p * log(p) - (1 - p) * log(1 - p)
    }
}
