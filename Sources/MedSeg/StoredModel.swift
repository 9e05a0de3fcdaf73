internal import Foundation
public import SegBackend
internal import SegCore
public import SegInference
public import SegNNUNet

/// A model on disk, from any of the supported programs. None of its code is run.
public enum StoredModel {
    /// A model folder of MedSeg, or of Auto3DSeg.
    case folder(String, ModelDescription)
    /// A MONAI bundle.
    case bundle(MONAIBundle)
    /// A folder of nnU-Net v2, or the ZIP of its release.
    case nnUNet(NNUNetFolder)

    /// The program that a model comes from.
    public enum Kind: Sendable {
        /// MedSeg, or Auto3DSeg.
        case folder
        /// MONAI.
        case bundle
        /// nnU-Net v2.
        case nnUNet

        /// Tells the kind of the model at a path by its files; nil if it is none.
        public init?(_ path: String) {
            if ModelFolder.isThere(path) {
                self = .folder
            } else if MONAIBundle.isThere(path) {
                self = .bundle
            } else if NNUNetFolder.isThere(path) || NNUNetFolder.isArchive(path) {
                self = .nnUNet
            } else {
                return nil
            }
        }
    }

    /// Returns whether a folder is a model, judged by its files.
    public static func isThere(_ folder: String) -> Bool {
        ModelFolder.isThere(folder) || MONAIBundle.isThere(folder) || NNUNetFolder.isThere(folder)
    }

    /// Reads the description of the model at a path; `predictor` reads the weights.
    ///
    /// A bundle and an nnU-Net folder are used with their defaults; `MONAIBundle` and `NNUNetFolder` offer choices.
    /// - Throws: `DataError` naming what is missing or not supported.
    public init(_ path: String) throws {
        guard FileManager.default.fileExists(atPath: path) else {
            throw DataError(.noInput, path, "does not exist; give a model folder, a MONAI bundle or an nnU-Net folder")
        }
        switch Kind(path) {
        case .folder: self = .folder(path, try ModelFolder.description(of: path))
        case .bundle: self = .bundle(try MONAIBundle(folder: path))
        case .nnUNet: self = .nnUNet(try NNUNetFolder(path))
        case nil where ModelFolder.isThere("\(path)/model"):
            throw DataError(.noInput, path, "is a run folder, not a model folder; give its model, \(path)/model")
        case nil:
            throw DataError(
                .noInput, path,
                "is not a model: it has neither a model.json (MedSeg), nor configs/inference.json or .yaml (a MONAI bundle), "
                    + "nor plans.json and dataset.json (nnU-Net)")
        }
    }

    /// The description of the model.
    public var description: ModelDescription {
        switch self {
        case .folder(_, let description): description
        case .bundle(let bundle): bundle.description
        case .nnUNet(let folder): folder.description
        }
    }

    /// Loads the model with its weights onto a backend.
    /// - Throws: `DataError` if weights are missing or do not fit; `BackendError` if there is not enough memory.
    public func predictor(on backend: any Backend) throws -> Predictor {
        switch self {
        case .folder(let path, _): try Predictor(folder: path, on: backend)
        case .bundle(let bundle):
            try Predictor(weights: bundle.weights, bundle.choice, description: bundle.description, on: backend)
        case .nnUNet(let folder): try folder.predictor(on: backend)
        }
    }
}

extension Predictor {
    /// Opens a model from any of the supported programs: `StoredModel(path).predictor(on:)`.
    /// - Throws: `DataError` naming what is missing or not supported; `BackendError` if there is not enough memory.
    public static func open(_ path: String, on backend: any Backend) throws -> Predictor {
        try StoredModel(path).predictor(on: backend)
    }
}
