import Foundation
import MedSeg
import SegInference
import SegModels
import SegNNUNet
import SegWeights

/// The source of a model's weights and description: two files, a model folder, a MONAI bundle, or a folder of nnU-Net.
struct ModelSource {
    /// The files of the weights: one, or one for each fold.
    let files: [String]
    /// The model's description and the file that holds it; nil for weights alone.
    let description: (description: ModelDescription, file: String)?
    /// The dictionary of a PyTorch checkpoint that holds the weights.
    private let choice: Weights.Choice
    private let nnUNet: NNUNetFolder?

    /// Finds the files of the model at a path.
    /// - Parameter network: The file of a description that replaces the folder's own.
    /// - Throws: `DataError` if a description cannot be read, `UsageError` if options for a bundle or nnU-Net are given
    ///   for another kind of model.
    init(_ path: String, network: String?, _ changes: BundleOptions, _ folds: NNUNetOptions) throws {
        let own = try network.map { (try ModelDescription(file: $0), $0) }
        var isFolder: ObjCBool = false
        let isThere = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
        var kind = StoredModel.Kind(path) ?? (isThere ? .folder : nil)
        // A configuration that the options name makes a folder a bundle.
        if isThere, !changes.bundleConfig.isEmpty, !ModelFolder.isThere(path) { kind = .bundle }
        if kind != .bundle { try changes.refuse() }
        if kind != .nnUNet { try folds.refuse() }
        nnUNet = kind == .nnUNet ? try NNUNetFolder(path, folds.choice()) : nil
        switch kind {
        case .nnUNet:
            (files, choice) = (nnUNet?.checkpoints ?? [], .named("network_weights"))
            description = own ?? nnUNet.map { ($0.description, $0.description.network.source) }
        case .bundle:
            let bundle = try MONAIBundle(folder: path, changes)
            (files, choice) = ([bundle.weights], bundle.choice)
            description = own ?? (bundle.description, bundle.description.network.source)
        case .folder:
            let found = own == nil ? try ModelFolder.description(of: path) : nil
            files = try ModelFolder.files(in: path, folds: (own?.0 ?? found)?.foldCount ?? 1)
            choice = .usual
            description = own ?? found.map { ($0, $0.network.source) }
        case nil: (files, choice, description) = ([path], .usual, own)
        }
    }

    /// The first stage of a cascade if the model is a second stage; otherwise nil.
    func firstStage(_ changes: BundleOptions, _ folds: NNUNetOptions) throws -> ModelSource? {
        guard description?.description.previousClasses ?? 0 > 0 else { return nil }
        if let first = nnUNet?.previous.first { return ModelSource(first) }
        guard nnUNet == nil else {
            throw UsageError(
                "--previous-stage applies only to a folder of nnU-Net, because a model folder contains its first stage; leave "
                    + "the option out")
        }
        let folder = "\((files[0] as NSString).deletingLastPathComponent)/\(ModelFolder.previous)"
        return try ModelSource(folder, network: nil, changes, folds)
    }

    private init(_ folder: NNUNetFolder) {
        (nnUNet, files, choice) = (folder, folder.checkpoints, .named("network_weights"))
        description = (folder.description, folder.description.network.source)
    }

    /// Reads one of the files.
    /// - Parameter state: The entry of a PyTorch checkpoint to read; nil for the usual one.
    /// - Throws: `DataError` that names the file if it is damaged.
    func weights(of file: String, state: String?) throws -> Weights {
        if let nnUNet, state == nil { return try nnUNet.weights(of: file) }
        return try Weights.read(file, state.map { .named($0) } ?? choice)
    }
}
