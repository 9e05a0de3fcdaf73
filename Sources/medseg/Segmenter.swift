import SegCore
import SegImaging
import SegInference

/// A model or several, with what a command asks of them, from a scan to its mask.
struct Segmenter {
    /// What is known of a scan.
    struct Found {
        let prediction: Prediction
        /// Where more than one sample was asked for.
        let uncertain: UncertainPrediction?
        /// Post-processed, on the scan's grid.
        let mask: [UInt8]
        /// What post-processing took that may have been an organ.
        let concerns: [Concern]
    }

    let ensemble: Ensemble
    let uncertainty: UncertaintyOptions?
    var postprocessing: PostProcessing

    init(_ ensemble: Ensemble, _ arguments: UncertaintyArguments) throws {
        try self.init(ensemble, arguments.options(models: ensemble.models.count))
    }

    init(_ ensemble: Ensemble, _ options: UncertaintyOptions?) throws {
        self.ensemble = ensemble
        uncertainty = options
        postprocessing = ensemble.models[0].description.postprocessing
    }

    /// Classes that the models tell apart, background included.
    var classes: Int { ensemble.models[0].classes }

    /// What the first model expects, and the names of the classes.
    var description: ModelDescription { ensemble.models[0].description }

    /// Names of the classes.
    var labels: [Int: String] { description.labels }

    /// In what the scan is not what any of the models was trained on.
    func concerns(about scan: Volume, _ geometry: ScanGeometry) -> [Concern] {
        let facts = ScanFacts(scan, geometry: geometry)
        return ensemble.models.reduce(into: []) { concerns, model in
            concerns += model.description.concerns(about: facts).filter { !concerns.contains($0) }
        }
    }

    func callAsFunction(_ scan: Volume, name: String, progress: (Int, Int) -> Void) throws -> Found {
        try postprocessing.checkRoom(for: scan.size, name: name)
        let prediction: Prediction
        var uncertain: UncertainPrediction?
        if let uncertainty {
            let found = try ensemble.predict(scan, name: name, uncertainty: uncertainty, progress: progress)
            (uncertain, prediction) = (found, found.prediction)
        } else {
            prediction = try ensemble.models[0].predict(scan, name: name, progress: progress)
        }
        var mask = StageClock.time("restore") { prediction.mask() }
        let removals = StageClock.time("clean") {
            postprocessing.apply(to: &mask, size: scan.size, voxelVolumeML: scan.voxelVolumeML)
        }
        let concerns = removals.compactMap { removal in
            removal.concern(
                name: description.className(Int(removal.label)), voxelVolumeML: scan.voxelVolumeML)
        }
        return Found(prediction: prediction, uncertain: uncertain, mask: mask, concerns: concerns)
    }
}
