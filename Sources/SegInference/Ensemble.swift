internal import SegBackend
internal import SegCore
public import SegImaging
internal import SegModels
internal import SegNN
internal import SegTensor

/// Models that predict together: one model with Monte Carlo dropout or mirrored inputs, or several models.
public struct Ensemble {
    /// The models.
    public let models: [Predictor]
    /// Whether each model has its own grid and the probabilities are averaged on the scan's grid.
    public let averagesOnScan: Bool

    /// The maximum number of bytes of the cache of first-dropout inputs.
    private static let dropoutInputLimit = 1 << 30

    /// Creates an ensemble of models with the same preprocessing and the same classes.
    /// - Throws: `InferenceError` if there is no model, if preprocessing, channels, classes, labels or mask plans differ, or
    ///   if one of several models is the second stage of a cascade.
    public init(_ models: [Predictor]) throws {
        guard let first = models.first else { throw InferenceError("an ensemble needs at least one model") }
        guard models.count == 1 || models.allSatisfy({ $0.previousStage == nil }) else {
            throw InferenceError(
                "the second stage of a cascade refines the mask of its own first stage, so it cannot be averaged with other "
                    + "models; give one model")
        }
        for (number, model) in models.enumerated() {
            guard model.description.preprocessing == first.description.preprocessing else {
                throw InferenceError(
                    "models 1 and \(number + 1) differ in preprocessing; an ensemble's models must share one grid")
            }
            guard model.description.maskPlan == first.description.maskPlan else {
                throw InferenceError(
                    "models 1 and \(number + 1) make their masks in different ways (postprocessing, as a list); an "
                        + "ensemble's models must agree")
            }
            guard model.network.inputChannels == first.network.inputChannels else {
                throw InferenceError(
                    "models 1 and \(number + 1) take \(first.network.inputChannels) and \(model.network.inputChannels) "
                        + "channels; an ensemble's models must agree")
            }
            guard model.network.outputChannels == first.network.outputChannels else {
                throw InferenceError(
                    "models 1 and \(number + 1) have \(first.network.outputChannels) and "
                        + "\(model.network.outputChannels) output channels; an ensemble's models must agree")
            }
            let (scheme, firstScheme) = (model.description.labelScheme, first.description.labelScheme)
            guard scheme.groups == firstScheme.groups, scheme.regions == firstScheme.regions else {
                throw InferenceError(
                    "models 1 and \(number + 1) number their classes in different ways (labels); an ensemble's models "
                        + "must agree")
            }
        }
        self.init(models, averagesOnScan: false)
    }

    /// Creates an ensemble from models that were already checked.
    init(_ models: [Predictor], averagesOnScan: Bool) {
        (self.models, self.averagesOnScan) = (models, averagesOnScan)
    }

    /// Predicts a scan many times in one streaming pass: memory does not grow with the number of samples.
    ///
    /// Only dropout is random; norm layers run in inference mode. Every window of every sample draws its own random numbers.
    /// - Parameters:
    ///   - scan: The scan as read.
    ///   - name: The scan's file, for errors.
    ///   - options: The number of passes, the mirrored axes and the seed.
    ///   - progress: Called with the number of finished windows and the total number, over all samples.
    /// - Throws: `InferenceError` if the options make all samples equal, or if the samples turn out equal; the errors of
    ///   `Predictor.predict`.
    public func predict(
        _ scan: ScanImage, name: String, uncertainty options: UncertaintyOptions, progress: (Int, Int) throws -> Void
    ) throws -> UncertainPrediction {
        guard !averagesOnScan else {
            throw InferenceError(
                "the uncertainty of an ensemble of configurations is not supported; give one model, or no uncertainty")
        }
        try options.check(models: models)
        let prepared = try models[0].prepare(scan, name: name, progress: progress)
        let channels = models[0].network.outputChannels
        try PredictionMemory(
            image: models[0].padded(prepared.image.size), scan: scan.size, inputs: prepared.image.channels.count,
            channels: channels, planes: models[0].description.roiSize?.d ?? .max,
            between: prepared.record.largestBetween, isMirrored: !options.mirroredAxes.isEmpty
        ).check(on: models[0].backend, name: name)
        let samples = models.count * options.samplesPerModel
        var accumulator = UncertaintyAccumulator(voxels: prepared.image.size.count, channels: channels)
        var sample = 0
        for model in models {
            for mirror in options.mirrors {
                let run = MirroredRun(model: model, image: prepared.image, mirror: mirror, name: name)
                try run.forEachPass(options, firstSample: sample) { windows, count in
                    try progress(sample * count + windows, samples * count)
                } body: { probabilities in
                    accumulator.add(probabilities)
                    sample += 1
                }
            }
        }
        let summary = accumulator.summary()
        guard options.allowsZeroVariance || summary.variance.contains(where: { $0 > 0 }) else {
            throw InferenceError(
                "\(name): the variance of \(samples) samples is exactly 0 everywhere, so all samples are equal; "
                    + "check the network's dropout and that the models differ, or set allowsZeroVariance "
                    + "(--allow-zero-variance)")
        }
        return UncertainPrediction(summary, samples: samples, channels: channels, record: prepared.record)
    }

    /// The passes of one model over one mirrored image. They share the computation before the first dropout.
    private struct MirroredRun {
        let model: Predictor
        let image: ScanImage
        let mirror: Mirror
        let name: String

        func forEachPass(
            _ options: UncertaintyOptions, firstSample: Int, progress: (Int, Int) throws -> Void,
            body: ([Float]) -> Void
        ) throws {
            let voxels = mirror(image.interleaved, size: image.size, channels: image.channels.count)
            let input = try model.tensor(voxels, size: image.size)
            let network = model.network
            // Under a memory limit, only the first pass shows how much memory is left for the cache.
            let isLimited = model.backend.memoryLimit != nil
            var inputs = DropoutInputCache(limit: options.passes > 1 && !isLimited ? Ensemble.dropoutInputLimit : 0)
            for pass in 0..<max(options.passes, 1) {
                let random = UInt64(firstSample + pass) << 32
                let probabilities = try model.outputs(
                    of: input, size: image.size, name: name, progress: progress
                ) { x, window in
                    guard options.passes > 0 else {
                        // Mirrored images are either samples or averaged, not both.
                        return try model.output(of: x, isMirrored: options.mirroredAxes.isEmpty)
                    }
                    let kept = try inputs.input(of: window) { try network.beforeDropout(x, in: .inference) }
                    let context = ForwardContext(
                        mode: .monteCarlo, seed: options.seed &+ random, pass: UInt32(truncatingIfNeeded: window))
                    return try network(fromDropout: kept, in: context)
                }
                body(mirror(probabilities, size: image.size, channels: network.outputChannels))
                if isLimited && pass == 0 { inputs.limit = min(Ensemble.dropoutInputLimit, model.unusedMemory) }
            }
        }
    }
}

extension Predictor {
    /// Predicts a scan of one channel with Monte Carlo dropout or mirrored inputs, as an `Ensemble` of this model.
    /// - Throws: `InferenceError` if the options make all samples equal, or if the samples turn out equal; the errors of
    ///   `predict`.
    public func predict(
        _ scan: Volume, name: String, uncertainty options: UncertaintyOptions, progress: (Int, Int) throws -> Void
    ) throws -> UncertainPrediction {
        try Ensemble([self]).predict(ScanImage(scan), name: name, uncertainty: options, progress: progress)
    }
}
