internal import Foundation
public import SegBackend
internal import SegCore
public import SegInference

extension Predictor {
    /// Opens a model whatever program it came from: a model folder of MedSeg or of Auto3DSeg, a MONAI bundle, a folder of
    /// nnU-Net v2, or the ZIP of its release. Nothing of it is run.
    ///
    /// A bundle and a folder of nnU-Net are taken as they say; `MONAIBundle` and `NNUNetFolder` take choices.
    /// - Throws: `DataError` naming what is missing or not supported; `BackendError` where memory is short.
    public static func open(_ path: String, on backend: any Backend) throws -> Predictor {
        guard FileManager.default.fileExists(atPath: path) else {
            throw DataError(.noInput, path, "is not there; name a model folder, a MONAI bundle or a folder of nnU-Net")
        }
        if ModelFolder.isThere(path) { return try Predictor(folder: path, on: backend) }
        if MONAIBundle.isThere(path) {
            let bundle = try MONAIBundle(folder: path)
            return try Predictor(
                weights: bundle.weights, bundle.choice, description: bundle.description, on: backend)
        }
        if NNUNetFolder.isThere(path) || NNUNetFolder.isArchive(path) {
            return try NNUNetFolder(path).predictor(on: backend)
        }
        // Says what a model folder would hold.
        return try Predictor(folder: path, on: backend)
    }
}
