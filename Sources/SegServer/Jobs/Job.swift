internal import Foundation
internal import HTTPTypes
internal import SegCore
internal import SegImaging
internal import SegInference
internal import Synchronization

/// The options of a job.
struct JobOptions: Codable, Hashable, Sendable {
    /// The number of passes with Monte-Carlo dropout. With 0 passes there is no uncertainty map.
    var uncertainty = 0
    /// The seed of the passes' dropout.
    var seed: UInt64 = 0
    /// Whether only the largest connected component of each label is kept.
    var largestComponent = false
    /// Connected components of a label smaller than this many ml become background.
    var minimumVolumeML = 0.0
    /// Axes of the network's input that are mirrored in every combination, for further samples.
    var mirror: [Int] = []
    /// Whether holes that are enclosed by a label are filled.
    var fillHoles = false
    /// Whether the probability map of each label is kept.
    var probabilities = false
    /// The file extension of the mask, which decides its format; only MONAI Label's clients can choose it.
    var maskEnding = ".nii.gz"

    enum CodingKeys: String, CodingKey, CaseIterable {
        case uncertainty, seed
        case largestComponent = "largest_component"
        case fillHoles = "fill_holes"
        case probabilities, mirror
        case minimumVolumeML = "min_volume_ml"
    }

    /// Reads options from a client's document. Missing options keep their defaults. Other members are ignored, because
    /// MONAI Label's clients send many more.
    /// - Throws: `Refusal` naming the option that is not valid.
    init(_ document: ConfigValue) throws {
        if let value = document["uncertainty"], value != .null {
            guard let passes = value.int, passes == 0 || (2...200).contains(passes) else {
                throw Refusal(.badRequest, "uncertainty should be 0 or a number of passes from 2 to 200")
            }
            uncertainty = passes
        }
        if let value = document["seed"], value != .null {
            guard let number = value.int, number >= 0 else {
                throw Refusal(.badRequest, "seed should be an integer from 0")
            }
            seed = UInt64(number)
        }
        if let value = document["min_volume_ml"], value != .null {
            guard let volume = value.double, volume >= 0, volume.isFinite else {
                throw Refusal(.badRequest, "min_volume_ml should be a number of ml from 0")
            }
            minimumVolumeML = volume
        }
        if let value = document["mirror"], value != .null {
            guard case .array(let items) = value, let axes = Self.axes(items) else {
                throw Refusal(.badRequest, "mirror should list axes from 0 to 2, each once")
            }
            mirror = axes
        }
        largestComponent = try Self.flag(document, "largest_component")
        fillHoles = try Self.flag(document, "fill_holes")
        probabilities = try Self.flag(document, "probabilities")
    }

    /// The post-processing of the mask: the steps of the model's description, and those of the client.
    func postProcessing(of model: ModelEntry) -> PostProcessing {
        var processing = model.description.postprocessing
        if largestComponent { processing.keepLargest() }
        processing.fillsHoles = processing.fillsHoles || fillHoles
        processing.minimumVolumeML = max(processing.minimumVolumeML, minimumVolumeML)
        return processing
    }

    /// The uncertainty options; nil for one plain prediction.
    var samples: UncertaintyOptions? {
        guard uncertainty > 0 || !mirror.isEmpty else { return nil }
        var options = UncertaintyOptions()
        (options.passes, options.seed, options.mirroredAxes) = (uncertainty, seed, Set(mirror))
        return options
    }

    private static func axes(_ items: [ConfigValue]) -> [Int]? {
        let axes = items.compactMap(\.int).filter { (0...2).contains($0) }
        return axes.count == items.count && Set(axes).count == axes.count ? axes : nil
    }

    private static func flag(_ document: ConfigValue, _ name: String) throws -> Bool {
        guard let value = document[name], value != .null else { return false }
        guard let flag = value.bool else { throw Refusal(.badRequest, "\(name) should be true or false") }
        return flag
    }
}

/// A requested prediction: its input, its progress and its result.
final class Job: Sendable {
    /// The phase of a job.
    enum Phase: String, Codable, Sendable {
        case queued, running, done, failed, cancelled

        var isFinal: Bool { self == .done || self == .failed || self == .cancelled }
    }

    struct State: Sendable {
        var phase = Phase.queued
        /// The current step, in words.
        var stage = "waiting"
        /// The progress from 0 to 1.
        var progress = 0.0
        /// The reason why the job failed.
        var error: Refusal?
        var report: ScanReport?
        /// The bytes of the results on disk.
        var bytes = 0
        var started: Date?
        var lastUsed = Date()
        var isCancelled = false
    }

    let id = Scratch.makeID()
    let scan: Scan
    let model: ModelEntry
    let options: JobOptions
    /// The client's name for its share of the queue.
    let client: String
    /// The folder of the results.
    let folder: String
    private let seconds: Double
    private let state = Mutex(State())

    init(
        scan: Scan, model: ModelEntry, options: JobOptions, client: String, scratch: Scratch, limits: ServerLimits
    ) {
        self.scan = scan
        self.model = model
        self.options = options
        self.client = client
        seconds = limits.jobSeconds
        folder = "\(scratch.folder)/job-\(id)"
    }

    /// A copy of the state.
    var snapshot: State { state.withLock { $0 } }

    /// Changes the state.
    func update(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }

    /// Records the progress of the job.
    /// - Throws: `Refusal` or `CancellationError` if the job must stop.
    func report(_ stage: String, _ progress: Double) throws {
        let (isCancelled, started) = state.withLock { state in
            state.stage = stage
            state.progress = max(state.progress, progress)
            return (state.isCancelled, state.started)
        }
        if isCancelled { throw CancellationError() }
        if let started, Date().timeIntervalSince(started) > seconds {
            throw Refusal(
                .requestTimeout, "the job was stopped after \(Int(seconds)) seconds, the maximum")
        }
    }

    /// A file of the results.
    func path(_ file: JobFile) -> String { "\(folder)/\(name(of: file))" }

    /// The name of a file of the results.
    func name(of file: JobFile) -> String { file == .mask ? "mask\(options.maskEnding)" : file.name }
}

/// The result files of a job.
enum JobFile: Hashable, Sendable {
    case mask
    case probability(Int)
    case uncertainty(UncertainPrediction.Quantity)
    /// 1 where the network was evaluated; 0 elsewhere, where the uncertainty maps are undefined.
    case validity
    case maskVoxels
    case uncertaintyVoxels(UncertainPrediction.Quantity)

    /// The file's name on disk and in downloads; a mask's without its file extension.
    fileprivate var name: String {
        switch self {
        case .mask: "mask"
        case .probability(let label): "probability_\(label).nii.gz"
        case .uncertainty(let map): "\(map.rawValue).nii.gz"
        case .validity: "validity.nii.gz"
        case .maskVoxels: "mask.gz"
        case .uncertaintyVoxels(let map): "\(map.rawValue).gz"
        }
    }
}
