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
    /// The model's description.
    public let description: ModelDescription
    /// The network with its weights.
    public let network: any Network
    /// The same network with the weights of the other folds; the outputs of all folds are averaged.
    public let folds: [any Network]
    /// The source of the mask that a cascade's second stage refines; nil if the model is not a second stage.
    public let previousStage: PreviousStage?
    let backend: any Backend
    /// Notes for the user about the weights, one sentence each; for example that the file holds other weights too.
    public package(set) var notes: [String] = []

    /// The number of classes, background included; a single channel has two classes.
    public var classes: Int { description.maskPlan.classes(channels: network.outputChannels) }

    /// The size in bytes of all weights: of every fold, and of a first stage if there is one.
    public var weightBytes: Int {
        let own = network.store.parameters.reduce(0) { $0 + 4 * $1.shape.count } * (1 + folds.count)
        guard case .model(let first)? = previousStage else { return own }
        return own + first.weightBytes
    }

    /// Creates a predictor from a network whose weights are loaded.
    /// - Parameters:
    ///   - folds: The same network with the weights of other folds.
    ///   - previousStage: The source of the mask that a cascade's second stage refines.
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

    /// The number of channels of a scan that the model takes.
    var scanChannels: Int { network.inputChannels - description.previousClasses }

    /// Builds the network and loads weights.
    /// - Parameter choice: The dictionary of a PyTorch checkpoint that is loaded.
    /// - Throws: `DataError` if the network cannot be built or the weights do not fit it; `BackendError`.
    public convenience init(
        weights: String, _ choice: Weights.Choice = .usual, description: ModelDescription, on backend: any Backend
    ) throws {
        guard description.previousClasses == 0 else {
            throw DataError(
                .badArgument, weights, "is the second stage of a cascade; give the model folder that holds both stages")
        }
        let network = try description.makeNetwork(on: backend, seed: 0)
        let notes = try network.store.load(Weights.read(weights, choice))
        self.init(network: network, description: description, on: backend)
        self.notes = notes.map { "\(weights): \($0)" }
    }

    /// Opens a model folder: `model.json` and `model.safetensors`, `model.pt` or `model.pth`; or only a checkpoint of
    /// Auto3DSeg.
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

    /// The first of a model folder's possible weights files that exists; the safetensors file if none exists.
    public static func weightsFile(in folder: String) -> String {
        let candidates = ModelFolder.weights(in: folder)
        return candidates.first { FileManager.default.fileExists(atPath: $0) } ?? candidates[0]
    }

    /// Predicts a scan of one channel.
    /// - Throws: The same errors as for several channels.
    public func predict(_ scan: Volume, name: String, progress: (Int, Int) throws -> Void) throws -> Prediction {
        try predict(ScanImage(scan), name: name, progress: progress)
    }

    /// Predicts a scan.
    /// - Parameters:
    ///   - scan: The scan as read, with as many channels as the network takes.
    ///   - name: The scan's file, for errors.
    ///   - progress: Called with the number of finished windows and the total number.
    /// - Throws: `DataError` if the scan cannot be preprocessed; `TensorError` or `BackendError` from the network.
    public func predict(_ scan: ScanImage, name: String, progress: (Int, Int) throws -> Void) throws -> Prediction {
        try predict(scan, name: name, MemoryBudget(), cleans: false, progress: progress)
    }

    /// Predicts a scan within a memory budget.
    /// - Parameter cleans: Whether the mask is postprocessed afterwards.
    /// - Throws: `DataError` if there is too little memory; the errors of the function above.
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

    /// The mask of a scan, made plane by plane as windows are finished. At no time are probabilities of more planes in memory
    /// than a window has, if the resampling to the scan's grid allows that.
    /// - Parameters:
    ///   - budget: The limit of the memory.
    ///   - cleans: Whether the mask is postprocessed afterwards.
    /// - Throws: The errors of `predict`.
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
    /// Preprocesses a scan to the network's grid, and appends the channels of a first stage's mask to the scan's channels.
    /// - Parameter progress: Called with the progress of a first stage's windows.
    func prepare(
        _ scan: ScanImage, name: String, _ budget: MemoryBudget = MemoryBudget(),
        progress: (Int, Int) throws -> Void
    ) throws -> Preprocessing.Prepared {
        guard scanChannels == scan.channels.count else {
            throw DataError(
                .badData, name,
                "has \(scan.channels.count == 1 ? "one channel" : "\(scan.channels.count) channels"), but the model takes \(scanChannels): give that "
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

    /// A scan as the network's input, its size without padding, the record of the changes to its grid, and the folder of the
    /// file for the sums of windows; the folder is nil if the sums fit into memory.
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

    /// A prepared image as the network's input, `[1, D, H, W, C]`.
    ///
    /// If the image is smaller than a window and the padding is not 0, the image is padded here.
    /// - Parameter voxels: The voxels of the image, channels last.
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

    /// The size of an image as the network's input: at least the size of a window if the padding is not 0.
    func padded(_ size: Triple) -> Triple {
        guard description.padding != .constant(0), let window = description.roiSize else { return size }
        return Triple(max(size.d, window.d), max(size.h, window.h), max(size.w, window.w))
    }

    /// The network's output for a window, `[1, d, h, w, C]` to `[1, d, h, w, K]`: the mean over folds and flips.
    /// - Parameter isMirrored: Whether the flips of the description's `mirrorAxes` are used.
    func output(of x: Tensor, isMirrored: Bool = true) throws -> Tensor {
        let networks = [network] + folds
        // Every combination of the axes, beginning with no axis; axis 0 of a volume is the window's axis 1.
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

    /// The number of bytes of the memory limit that were unused at the peak.
    var unusedMemory: Int { backend.memoryLimit.map { max(0, $0 - backend.memory.peak) } ?? .max }
}
