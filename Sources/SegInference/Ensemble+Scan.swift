internal import Foundation
internal import SegCore
internal import SegImaging
internal import SegModels

// Models of several grids, whose probabilities meet on the scan's.
extension Ensemble {
    /// Gathers configurations of nnU-Net, such as `2d` and `3d_fullres`: each predicts on its own grid, its probabilities are
    /// brought back to the scan's, and their mean makes the mask; `nnUNetv2_ensemble`.
    /// - Parameters:
    ///   - models: At least two.
    ///   - names: Their folders, for errors.
    /// - Throws: `InferenceError` naming every model that differs from the first in its channels, its labels or the steps
    ///   of its mask.
    public init(configurations models: [Predictor], names: [String]) throws {
        precondition(models.count == names.count && models.count > 1, "an ensemble needs two models, and each a name")
        let first = models[0]
        var faults: [String] = []
        for (model, name) in zip(models, names).dropFirst() {
            func check(_ isEqual: Bool, _ what: String) {
                if !isEqual { faults.append("\(name) differs from \(names[0]) in \(what)") }
            }
            check(model.scanChannels == first.scanChannels, "the channels of a scan")
            let (own, others) = (model.description, first.description)
            check(
                own.labels == others.labels && own.labelScheme.groups == others.labelScheme.groups
                    && model.network.outputChannels == first.network.outputChannels, "its labels")
            check(own.maskPlan == others.maskPlan, "how its mask is made (regions, postprocessing)")
        }
        for (model, name) in zip(models, names) where model.description.maskPlan.restoration != .logits {
            faults.append("\(name) is no model of nnU-Net")
        }
        guard faults.isEmpty else {
            throw InferenceError("the models cannot be averaged: \(faults.joined(separator: "; "))")
        }
        self.init(models, averagesOnScan: true)
    }

    /// The mask of the mean of all models' probabilities.
    ///
    /// The outputs of all models are held, each on its network's grid; of the scan's grid no more than a slab.
    /// - Throws: Errors as `Predictor.predict`.
    func mask(
        of scan: ScanImage, name: String, _ budget: MemoryBudget, cleans: Bool, progress: (Int, Int) throws -> Void
    ) throws -> MaskStream.Finished {
        let predictions = try models.enumerated().map { number, model in
            try model.predict(scan, name: name, budget, cleans: cleans) { done, count in
                try progress(number * count + done, models.count * count)
            }
        }
        return StageClock.time("restore") { Self.mean(of: predictions, by: models[0].description.maskPlan) }
    }

    private static func mean(of predictions: [Prediction], by plan: MaskPlan) -> MaskStream.Finished {
        let (record, channels) = (predictions[0].record, predictions[0].channels)
        let size = record.scanSize
        let rule = VoxelRule(
            plan: plan, channels: channels, isLogits: false, isStrict: true, threshold: Float(plan.threshold))
        var mask = [UInt8](repeating: 0, count: size.count)
        let (plane, share) = (size.h * size.w, Float(predictions.count))
        let count = max(1, Prediction.slab(channels: channels) / plane)
        for start in stride(from: 0, to: size.d, by: count) {
            let rows = start..<min(start + count, size.d)
            var mean = predictions[0].probabilities(rows: rows)
            for prediction in predictions.dropFirst() {
                for (place, value) in prediction.probabilities(rows: rows).enumerated() { mean[place] += value }
            }
            for place in mean.indices { mean[place] /= share }
            mean.withUnsafeBufferPointer { mean in
                mask.withUnsafeMutableBufferPointer { mask in
                    rule.write(mean, to: mask, mapSize: size.count) { start * plane + $0 }
                }
            }
        }
        var maps = [mask]
        for step in plan.after { step.apply(to: &maps, size: size) }
        return MaskStream.Finished(maps: maps, size: size, affine: record.scanAffine, uncertaintyScore: nil)
    }
}

extension Prediction {
    /// Probabilities of all channels at rows of the scan, `[rows, h, w, channels]`; outside of the network's box the background
    /// is sure, and of regions nothing is there.
    fileprivate func probabilities(rows: Range<Int>) -> [Float] {
        let channels = channels
        let ones = [Float](repeating: 1, count: record.networkSize.count)
        let seen = record.restore(ones, channels: 1, rows: rows)
        var restored = record.restore(values, channels: channels, rows: rows)
        let areShares = areShares
        restored.withUnsafeMutableBufferPointer { restored in
            nonisolated(unsafe) let restored = restored
            concurrently(seen.count) { part in
                for voxel in part {
                    let own = UnsafeMutableBufferPointer(
                        rebasing: restored[voxel * channels..<(voxel + 1) * channels])
                    if seen[voxel] == 0 {
                        own.update(repeating: 0)
                        if areShares { own[0] = 1 }
                    } else if areShares {
                        Self.softmax(own)
                    } else {
                        for channel in 0..<channels { own[channel] = 1 / (1 + exp(-own[channel])) }
                    }
                }
            }
        }
        return restored
    }

    private static func softmax(_ values: UnsafeMutableBufferPointer<Float>) {
        var largest = values[0]
        for value in values { largest = max(largest, value) }
        var sum: Float = 0
        for channel in values.indices {
            values[channel] = exp(values[channel] - largest)
            sum += values[channel]
        }
        for channel in values.indices { values[channel] /= sum }
    }
}
