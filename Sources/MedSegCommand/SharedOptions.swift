import ArgumentParser
import Foundation
import MedSeg
import SegBackend
import SegComm
import SegCore
import SegDevices
import SegInference
import SegModels
import SegNNUNet
import SegStudy
import SegWeights
import SegYAML

/// Options of every command that computes.
struct DeviceOptions: ParsableArguments {
    @Option(help: "The device: auto, cpu, reference or opencl:N; see `medseg devices`.")
    var device = "auto"

    @Option(help: "The number of CPU threads for networks; by default MEDSEG_THREADS, or else all cores.")
    var threads: Int?

    @Option(
        help: """
            The maximum memory for tensors, such as 2G or 512M; for predict on the CPU with one sample per scan, the \
            maximum memory of the whole process.
            """)
    var maxMemory: String?

    /// The number of bytes that --max-memory gives; nil without the option.
    /// - Throws: `UsageError` if the size cannot be read.
    func memoryLimit() throws -> Int? {
        guard let maxMemory else { return nil }
        guard let limit = ByteCount(maxMemory) else {
            throw UsageError("--max-memory should be a size such as 2G or 512M, not '\(maxMemory)'")
        }
        return limit.bytes
    }

    @Option(
        help: """
            The precision of products: fp32; bf16 on the CPU; tf32 or bf16 on NVIDIA GPUs of compute capability 8.0 or \
            more; or fp16 to store convolution weights as fp16 on any OpenCL device.
            """,
        transform: { text in
            guard let precision = Precision(rawValue: text) else {
                throw UsageError("--precision should be fp32, tf32, bf16 or fp16, not '\(text)'")
            }
            return precision
        })
    var precision = Precision.fp32

    /// Starts the device and prints its name to standard error unless `quiet`. Ranks share the cores and the GPUs of
    /// their machine.
    func makeBackend(quiet: Bool, ranks: Ranks = .alone) throws -> any Backend {
        try checkThreads(threads)
        var threads = threads
        if ranks.count > 1 {
            let fitting = try ranks.fittingThreads()
            if threads == nil, ProcessInfo.processInfo.environment["MEDSEG_THREADS"] == nil { threads = fitting }
        }
        let backend = try Devices.makeBackend(
            device, threads: threads, profiling: false, precision: precision, localRank: ranks.localRank)
        if let limit = try memoryLimit() { backend.memoryLimit = limit }
        let place = ranks.count > 1 ? "rank \(ranks.rank) of \(ranks.count): " : ""
        if !quiet { note("\(place)device \(backend.name): \(backend.details)") }
        return backend
    }
}

/// Checks that the number of threads, from the option or from MEDSEG_THREADS, is from 1 to 1024.
func checkThreads(_ threads: Int?) throws {
    let variable = ProcessInfo.processInfo.environment["MEDSEG_THREADS"]
    guard let text = threads.map(String.init) ?? variable else { return }
    guard let count = Int(text), (1...1024).contains(count) else {
        let name = threads == nil ? "MEDSEG_THREADS" : "--threads"
        throw UsageError("\(name) should be an integer from 1 to 1024, not '\(text)'")
    }
}

/// Options that choose a model: a folder, or weights with a description.
struct ModelOptions: ParsableArguments {
    @Option(
        help: """
            A model folder with model.json and model.safetensors or model.pt, or an Auto3DSeg folder with model.pt \
            only; several make an ensemble.
            """)
    var model: [String] = []

    @Option(help: "Weights (safetensors or PyTorch .pt), with --network, in place of --model.")
    var weights: String?

    @Option(help: "The description of the model (JSON), with --weights.")
    var network: String?

    @Option(help: "A MONAI bundle: a folder with configs/inference.json or .yaml and models/.")
    var bundle: String?

    @OptionGroup var bundleChanges: BundleOptions

    @Option(
        help: """
            A model folder of nnU-Net v2, TRAINER__PLANS__CONFIGURATION with plans.json, dataset.json and fold_0, or a ZIP of \
            it; several configurations make an ensemble.
            """)
    var nnunet: [String] = []

    @OptionGroup var nnunetChoice: NNUNetOptions

    /// Whether no model is given.
    var isEmpty: Bool { model.isEmpty && weights == nil && network == nil && bundle == nil && nnunet.isEmpty }

    /// The name of the model in figures.
    var name: String {
        (model + nnunet).isEmpty ? weights ?? bundle ?? "the model" : (model + nnunet).joined(separator: ", ")
    }

    /// The number of input channels in the model's description; nil if the description cannot be read.
    var inputChannels: Int? {
        try? (network.map { try ModelDescription(file: $0) } ?? stored().first?.description)?.inputChannels
    }

    /// The models that are given as folders.
    private func stored() throws -> [StoredModel] {
        var models: [StoredModel] = try model.map { .folder($0, try ModelFolder.description(of: $0)) }
        if let bundle { models.append(.bundle(try MONAIBundle(folder: bundle, bundleChanges))) }
        let choice = try nnunetChoice.choice()
        for folder in nnunet { models.append(.nnUNet(try NNUNetFolder(folder, choice))) }
        return models
    }

    func makeEnsemble(on backend: any Backend) throws -> Ensemble {
        let ensemble = try loaded(on: backend)
        ensemble.models.flatMap(\.notes).forEach(note)
        return ensemble
    }

    private func loaded(on backend: any Backend) throws -> Ensemble {
        if bundle == nil { try bundleChanges.refuse() }
        if nnunet.isEmpty { try nnunetChoice.refuse() }
        if !nnunet.isEmpty {
            guard model.isEmpty, weights == nil, network == nil, bundle == nil else {
                throw UsageError("--nnunet gives the model; leave the other model options out")
            }
            let models = try stored().map { try $0.predictor(on: backend) }
            return models.count == 1 ? try Ensemble(models) : try Ensemble(configurations: models, names: nnunet)
        }
        switch (weights, network, bundle) {
        case (nil, nil, nil) where !model.isEmpty, (nil, nil, _?) where model.isEmpty:
            return try Ensemble(stored().map { try $0.predictor(on: backend) })
        case (let weights?, let network?, nil) where model.isEmpty:
            let description = try ModelDescription(file: network)
            return try Ensemble([Predictor(weights: weights, description: description, on: backend)])
        case (nil, nil, _?):
            throw UsageError("--model and --bundle each give a model; pass one of them")
        default:
            throw UsageError(
                "give one model: --model DIR, or --weights FILE with --network FILE.json, or --bundle DIR, "
                    + "or --nnunet DIR")
        }
    }
}

/// The file formats of figures.
enum FigureFormat: String, CaseIterable, ExpressibleByArgument {
    case png
    case svg
}

/// Options for printed output.
struct PrintingOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Print nothing but errors and results.")
    var quiet = false
}

extension OutputFolder {
    /// Creates the folder; refuses one that already holds files unless `force`.
    static func prepare(_ path: String, force: Bool) throws {
        try refuseFilled(path, force: force)
        try make(path)
    }

    /// Refuses a folder that already holds files unless `force`.
    static func refuseFilled(_ path: String, force: Bool) throws {
        let found = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        guard found.allSatisfy(RunFolder.isLeftover) || force else {
            throw DataError(.cannotWrite, path, "holds files already; give another folder or pass --force")
        }
    }

    /// Refuses an existing file unless `force`.
    static func refuseExisting(_ file: String?, force: Bool) throws {
        guard let file, !force, FileManager.default.fileExists(atPath: file) else { return }
        throw DataError(.cannotWrite, file, "exists already; give another file or pass --force")
    }
}

/// Prints to standard error, where it does not mix with results.
func note(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
