internal import Foundation
internal import SegImaging
internal import SegInference

/// What a model made of a scan, in memory.
struct JobOutcome {
    /// The class of every voxel of the scan.
    let mask: [UInt8]
    /// What post-processing took from the labels.
    let removals: [PostProcessing.Removal]
    /// Probabilities on the network's grid, and the way back.
    let prediction: Prediction
    /// Maps on the scan's grid; NaN where nothing was evaluated.
    let maps: [UncertaintyMap: [Float]]
    /// See `JobReport.uncertaintyScore`.
    let score: Double?

    /// Segments a scan as `medseg predict` does.
    /// - Throws: `CancellationError` or `Refusal` where the job is to stop; errors of the prediction.
    init(_ job: Job, predictor: Predictor, scan: Volume) throws {
        let postProcessing = job.options.postProcessing(of: job.model)
        try postProcessing.checkRoom(for: scan.size, name: Self.name)
        let note = { (done: Int, count: Int) in
            try job.report("window \(done) of \(count)", 0.9 * Double(done) / Double(count))
        }
        if job.options.uncertainty > 0 {
            var options = UncertaintyOptions()
            options.passes = job.options.uncertainty
            options.seed = job.options.seed
            let uncertain = try predictor.predict(scan, name: Self.name, uncertainty: options, progress: note)
            prediction = uncertain.prediction
            try job.report("restoring the scan's grid", 0.9)
            maps = Self.maps(of: uncertain)
        } else {
            prediction = try predictor.predict(scan, name: Self.name, progress: note)
            try job.report("restoring the scan's grid", 0.9)
            maps = [:]
        }
        var mask = prediction.mask()
        removals = postProcessing.apply(to: &mask, size: scan.size, voxelVolumeML: scan.voxelVolumeML)
        self.mask = mask
        score = Self.score(prediction)
    }

    /// What errors call the scan: a path would tell where, a client's name for it whose.
    private static let name = "the scan"

    private static func maps(of uncertain: UncertainPrediction) -> [UncertaintyMap: [Float]] {
        let validity = uncertain.validity()
        return UncertaintyMap.allCases.reduce(into: [:]) { maps, kind in
            maps[kind] = zip(uncertain.map(kind.quantity), validity).map { $1 == 0 ? .nan : $0 }
        }
    }

    /// Mean entropy of the foreground probability over the voxels that may be foreground.
    private static func score(_ prediction: Prediction) -> Double? {
        var (sum, count) = (0.0, 0)
        let channels = prediction.channels
        prediction.probabilities.withUnsafeBufferPointer { values in
            for voxel in 0..<values.count / channels {
                let value = Double(values[voxel * channels])
                let foreground = channels == 1 ? value : 1 - value
                guard foreground > 0.05 else { continue }
                sum += entropy(foreground)
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
