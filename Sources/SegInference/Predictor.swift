internal import Foundation
public import SegBackend
internal import SegCore
public import SegImaging
public import SegModels
internal import SegNN
internal import SegTensor
public import SegWeights

/// A model ready to predict: network, weights and description on a backend.
public final class Predictor {
    /// What the model expects.
    public let description: ModelDescription
    /// The network with its weights.
    public let network: any Network
    /// The same network with the weights of other folds, whose outputs are averaged with the first one's.
    public let folds: [any Network]
    /// What a cascade's second stage refines; nil where the model is none.
    public let previousStage: PreviousStage?
    let backend: any Backend
    /// What a person should know of the weights, such as others in the same file, a sentence each.
    public package(set) var notes: [String] = []

    /// Classes that the network tells apart, background included; a single channel tells two apart.
    public var classes: Int { description.maskPlan.classes(channels: network.outputChannels) }

    /// Bytes of the weights, those of all folds and of a first stage together.
    public var weightBytes: Int {
        let own = network.store.parameters.reduce(0) { $0 + 4 * $1.shape.count } * (1 + folds.count)
        guard case .model(let first)? = previousStage else { return own }
        return own + first.weightBytes
    }

    /// Wraps a network that has its weights.
    /// - Parameters:
    ///   - folds: The same network with the weights of other folds.
    ///   - previousStage: What a cascade's second stage refines.
    public init(
        network: any Network, folds: [any Network] = [], previousStage: PreviousStage? = nil,
        description: ModelDescription, on backend: any Backend
    ) {
        precondition(
            (previousStage != nil) == (description.previousClasses > 0), "a second stage refines a first one's mask")
        self.previousStage = previousStage
        self.network = network
        self.folds = folds
        self.description = description
        self.backend = backend
    }

    /// Channels of a scan that the model takes.
    var scanChannels: Int { network.inputChannels - description.previousClasses }

    /// Builds the network and loads weights.
    /// - Parameter choice: Which dictionary of a PyTorch checkpoint is taken.
    /// - Throws: `DataError` where the network cannot be built or the weights do not fit it; `BackendError`.
    public convenience init(
        weights: String, _ choice: Weights.Choice = .usual, description: ModelDescription, on backend: any Backend
    ) throws {
        guard description.previousClasses == 0 else {
            throw DataError(
                .badArgument, weights, "is the second stage of a cascade; name the model folder that holds both stages")
        }
        let network = try description.makeNetwork(on: backend, seed: 0)
        let notes = try network.store.load(Weights.read(weights, choice))
        self.init(network: network, description: description, on: backend)
        self.notes = notes.map { "\(weights): \($0)" }
    }

    /// Opens a model folder: `model.json` and `model.safetensors`, or in its place `model.pt` or `model.pth`; or a folder
    /// of Auto3DSeg's checkpoint alone.
    /// - Throws: `DataError` naming the file that is missing or wrong; `BackendError`.
    public convenience init(folder: String, on backend: any Backend) throws {
        let description = try ModelFolder.description(of: folder)
        let files = try ModelFolder.files(in: folder, folds: description.foldCount)
        let networks = try files.map { file in
            let network = try description.makeNetwork(on: backend, seed: 0)
            return (network, try network.store.load(Weights.read(file)).map { "\(file): \($0)" })
        }
        let first = "\(folder)/\(ModelFolder.previous)"
        self.init(
            network: networks[0].0, folds: networks.dropFirst().map(\.0),
            previousStage: description.previousClasses > 0 ? .model(try Predictor(folder: first, on: backend)) : nil,
            description: description, on: backend)
        notes = networks.flatMap(\.1)
    }

    /// The first of a model folder's possible weights that is there; safetensors where none is.
    public static func weightsFile(in folder: String) -> String {
        let candidates = ModelFolder.weights(in: folder)
        return candidates.first { FileManager.default.fileExists(atPath: $0) } ?? candidates[0]
    }

    /// Predicts a scan of one channel.
    /// - Throws: Errors as for several.
    public func predict(_ scan: Volume, name: String, progress: (Int, Int) throws -> Void) throws -> Prediction {
        try predict(ScanImage(scan), name: name, progress: progress)
    }

    /// Predicts a scan.
    /// - Parameters:
    ///   - scan: The scan as read, with as many channels as the network takes.
    ///   - name: Its file, for errors.
    ///   - progress: Called with the windows done and their number.
    /// - Throws: `DataError` where the scan cannot be prepared; `TensorError` or `BackendError` from the network.
    public func predict(_ scan: ScanImage, name: String, progress: (Int, Int) throws -> Void) throws -> Prediction {
        try predict(scan, name: name, MemoryBudget(), cleans: false, progress: progress)
    }

    /// The same within a budget of memory.
    func predict(
        _ scan: ScanImage, name: String, _ budget: MemoryBudget, cleans: Bool, progress: (Int, Int) throws -> Void
    ) throws -> Prediction {
        let input = try input(
            of: scan, keepsPrediction: true, cleans: cleans, name: name, budget, progress: progress)
        let isLogits = description.maskPlan.restoration == .logits
        let values = try outputs(
            of: input.image, size: input.size, isLogits: isLogits, scratch: input.scratch, name: name,
            progress: progress
        ) { x, _ in try output(of: x) }
        return Prediction(
            values, channels: network.outputChannels, record: input.record, plan: description.maskPlan,
            isLogits: isLogits)
    }

    /// The mask of a scan, made plane by plane as windows are finished: of probabilities no more is held than the planes of
    /// a window.
    /// - Parameter cleans: Whether the mask is post-processed afterwards.
    /// - Throws: Errors as `predict`.
    func mask(
        of scan: ScanImage, name: String, _ budget: MemoryBudget, cleans: Bool, progress: (Int, Int) throws -> Void
    ) throws -> MaskStream.Finished {
        let input = try input(
            of: scan, keepsPrediction: false, cleans: cleans, name: name, budget, progress: progress)
        let plan = description.maskPlan
        let isLogits = plan.restoration == .logits
        let rule = VoxelRule(
            plan: plan, channels: network.outputChannels, isLogits: isLogits, threshold: Float(plan.threshold))
        var stream = MaskStream(rule, input.record)
        try forEachOutput(
            of: input.image, size: input.size, isLogits: isLogits, scratch: input.scratch, name: name,
            progress: progress, logits: { x, _ in try output(of: x) }
        ) { planes in StageClock.time("restore") { stream.add(planes) } }
        return StageClock.time("restore") { stream.finish() }
    }
}

extension Predictor {
    /// A scan on the network's grid, and behind its channels those of a first stage's mask.
    /// - Parameter progress: Called with the windows of a first stage.
    func prepare(
        _ scan: ScanImage, name: String, _ budget: MemoryBudget = MemoryBudget(),
        progress: (Int, Int) throws -> Void
    ) throws -> Preprocessing.Prepared {
        guard scanChannels == scan.channels.count else {
            throw DataError(
                .badData, name,
                "is \(scan.channels.count == 1 ? "one channel" : "\(scan.channels.count) channels"), and the model takes \(scanChannels): give it as "
                    + "many scans of a case together, in the model's order")
        }
        guard network.outputChannels <= ModelDescription.mostClasses else {
            throw InferenceError(
                "the network has \(network.outputChannels) classes; a mask holds at most \(ModelDescription.mostClasses)"
            )
        }
        let prepared = try description.preprocessing(scan, name: name)
        guard let previousStage else { return prepared }
        let mask = try previousStage.mask(of: scan, name: name, budget, progress: progress)
        let labels = description.preprocessing.nnUNetLabels(mask, of: scan, along: prepared.record)
        precondition(labels.count == prepared.image.size.count, "a first stage's mask is not of the network's grid")
        var image = prepared.image
        for label in 1...description.previousClasses {
            image.channels.append(labels.map { $0 == Float(label) ? 1 : 0 })
        }
        return Preprocessing.Prepared(image: image, record: prepared.record)
    }

    /// A scan as the network takes it, with the extents of what is not padding, the way back, and the folder of the file that
    /// holds the sums of windows where memory does not.
    private func input(
        of scan: ScanImage, keepsPrediction: Bool, cleans: Bool, name: String, _ budget: MemoryBudget,
        progress: (Int, Int) throws -> Void
    ) throws -> (image: Tensor, size: Triple, record: SpatialRecord, scratch: String?) {
        try checkPreparation(of: scan, name: name, budget)
        let prepared = try prepare(scan, name: name, budget, progress: progress)
        let scratch = try plan(prepared, keepsPrediction: keepsPrediction, cleans: cleans, name: name, budget)
        let size = prepared.image.size
        return (try tensor(prepared.image.interleaved, size: size), size, prepared.record, scratch)
    }

    /// A prepared image as the network takes it, `[1, D, H, W, C]`.
    ///
    /// Where it is smaller than a window, and what lies beside it is not 0, it is padded.
    /// - Parameter voxels: Those of the image, channels side by side.
    func tensor(_ voxels: [Float], size: Triple) throws -> Tensor {
        let channels = network.inputChannels
        var (voxels, size) = (voxels, size)
        let grown = padded(size)
        if grown != size {
            voxels = description.padding.pad(voxels, size: size, channels: channels, to: grown)
            size = grown
        }
        return try Tensor(voxels, shape: [1, size.d, size.h, size.w, channels], on: backend)
    }

    /// Extents of an image as the network takes it: of at least a window, where what lies beside it is not 0.
    func padded(_ size: Triple) -> Triple {
        guard description.padding != .constant(0), let window = description.roiSize else { return size }
        return Triple(max(size.d, window.d), max(size.h, window.h), max(size.w, window.w))
    }

    /// What the network makes of a window, `[1, d, h, w, C]` to `[1, d, h, w, K]`: the mean over folds and mirror images.
    /// - Parameter isMirrored: Whether mirror images are taken, where the description asks for them.
    func output(of x: Tensor, isMirrored: Bool = true) throws -> Tensor {
        let networks = [network] + folds
        // Every combination of the axes, none of them first; axis 0 of a volume is the window's axis 1.
        let mirrors = (isMirrored ? description.mirrorAxes : []).reduce([[Int]]([[]])) { mirrors, axis in
            mirrors + mirrors.map { $0 + [axis + 1] }
        }
        guard networks.count * mirrors.count > 1 else { return try network(x, in: .inference) }
        var sum: Tensor?
        for network in networks {
            for axes in mirrors {
                let output = try network(axes.isEmpty ? x : flip(x, axes), in: .inference)
                if let sum {
                    try backend.flip(output.view, axes: axes, into: sum.view, accumulate: true)
                } else {
                    sum = output
                }
            }
        }
        guard let sum else { preconditionFailure("a predictor has a network") }
        try backend.scale(sum.view, by: 1 / Float(networks.count * mirrors.count), into: sum.view, times: 0)
        return sum
    }

    /// What the memory limit left at the peak.
    var unusedMemory: Int { backend.memoryLimit.map { max(0, $0 - backend.memory.peak) } ?? .max }
}
