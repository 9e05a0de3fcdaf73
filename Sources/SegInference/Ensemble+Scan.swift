internal import Foundation
internal import SegCore
internal import SegImaging
internal import SegModels

// Ensembles of models with different grids. Their probabilities are averaged on the scan's grid.
extension Ensemble {
    /// Creates an ensemble of configurations of nnU-Net, such as `2d` and `3d_fullres`. Each predicts on its own grid, and its
    /// output is resampled to the scan's grid. The mask is computed from the mean of the probabilities, as in
    /// `nnUNetv2_ensemble`.
    /// - Parameters:
    ///   - models: At least two models.
    ///   - names: The folders of the models, for errors.
    /// - Throws: `InferenceError` naming every model that is not of nnU-Net, or that differs from the first in the channels,
    ///   the labels or the steps of the mask.
    public init(configurations models: [Predictor], names: [String]) throws {
        precondition(
            models.count == names.count && models.count > 1,
            "an ensemble needs at least two models and a name for each")
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
                    && own.labelScheme.regions == others.labelScheme.regions
                    && model.network.outputChannels == first.network.outputChannels, "its labels")
            check(own.maskPlan == others.maskPlan, "the steps of its mask (regions, postprocessing)")
        }
        for (model, name) in zip(models, names) where model.description.maskPlan.restoration != .logits {
            faults.append("\(name) is not a model of nnU-Net")
        }
        guard faults.isEmpty else {
            throw InferenceError("the models cannot be averaged: \(faults.joined(separator: "; "))")
        }
        self.init(models, averagesOnScan: true)
    }

    /// The mask from the mean of all models' probabilities.
    ///
    /// The outputs of all models are in memory, each on its network's grid. On the scan's grid, only the probabilities of a slab
    /// are in memory.
    /// - Throws: The errors of `Predictor.predict`.
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
        let insides = predictions.map { [Float](repeating: 1, count: $0.record.networkSize.count) }
        for start in stride(from: 0, to: size.d, by: count) {
            let rows = start..<min(start + count, size.d)
            var mean = predictions[0].probabilities(rows: rows, inside: insides[0])
            for (prediction, inside) in zip(predictions, insides).dropFirst() {
                for (place, value) in prediction.probabilities(rows: rows, inside: inside).enumerated() {
                    mean[place] += value
                }
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
    /// The probabilities of all channels in planes along the scan's axis 0, `[rows, h, w, channels]`. Outside the network's
    /// box, the probability of the background is 1, and the probability of a foreground class or of a region is 0.
    /// - Parameter inside: A 1 for every voxel of the network's grid. Restored to the scan's grid, it is 0 only outside the
    ///   network's box.
    fileprivate func probabilities(rows: Range<Int>, inside: [Float]) -> [Float] {
        let channels = channels
        let seen = record.restore(inside, channels: 1, rows: rows)
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
