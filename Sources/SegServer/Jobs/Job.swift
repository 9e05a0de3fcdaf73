internal import Foundation
internal import HTTPTypes
internal import SegCore
internal import SegImaging
internal import SegInference
internal import Synchronization

/// What a client asks a model for.
struct JobOptions: Codable, Hashable, Sendable {
    /// Passes with dropout on; 0 for none, and no uncertainty map.
    var uncertainty = 0
    /// What the passes' dropout draws from.
    var seed: UInt64 = 0
    /// Keep only the largest connected part of each label.
    var largestComponent = false
    /// Parts of a label smaller than this many ml become background.
    var minimumVolumeML = 0.0
    /// Axes of the network's volume that are mirrored in every combination, as further samples.
    var mirror: [Int] = []
    /// Fill holes that a label encloses.
    var fillHoles = false
    /// Keep the probability map of each label.
    var probabilities = false
    /// The ending of the mask's file, which says its format; only MONAI Label's clients choose it.
    var maskEnding = ".nii.gz"

    enum CodingKeys: String, CodingKey, CaseIterable {
        case uncertainty, seed
        case largestComponent = "largest_component"
        case fillHoles = "fill_holes"
        case probabilities, mirror
        case minimumVolumeML = "min_volume_ml"
    }

    /// Reads options from a client's document. What it does not say keeps its default; what else it says is not read,
    /// since MONAI Label's clients send much more.
    /// - Throws: `Refusal` naming the option that is wrong.
    init(_ document: ConfigValue) throws {
        if let value = document["uncertainty"], value != .null {
            guard let passes = value.int, passes == 0 || (2...200).contains(passes) else {
                throw Refusal(.badRequest, "uncertainty should be 0 or a number of passes from 2 to 200")
            }
            uncertainty = passes
        }
        if let value = document["seed"], value != .null {
            guard let number = value.int, number >= 0 else {
                throw Refusal(.badRequest, "seed should be a whole number from 0")
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

    /// What is done to the mask: what the model's description asks for, and what the client adds.
    func postProcessing(of model: ModelEntry) -> PostProcessing {
        var processing = model.description.postprocessing
        if largestComponent { processing.keepLargest() }
        processing.fillsHoles = processing.fillsHoles || fillHoles
        processing.minimumVolumeML = max(processing.minimumVolumeML, minimumVolumeML)
        return processing
    }

    /// Where samples come from; nil for one plain prediction.
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

/// A prediction that was asked for: what to compute, how far it is, and what came of it.
final class Job: Sendable {
    /// How far a job is.
    enum Phase: String, Codable, Sendable {
        case queued, running, done, failed, cancelled

        var isFinal: Bool { self == .done || self == .failed || self == .cancelled }
    }

    struct State: Sendable {
        var phase = Phase.queued
        /// What is being done, for people.
        var stage = "waiting"
        /// 0 to 1.
        var progress = 0.0
        /// Why the job failed.
        var error: Refusal?
        var report: ScanReport?
        /// Bytes of the results on disk.
        var bytes = 0
        var started: Date?
        var lastUsed = Date()
        var isCancelled = false
    }

    let id = Scratch.makeID()
    let scan: Scan
    let model: ModelEntry
    let options: JobOptions
    /// Who asked for it, as shares of the queue are counted.
    let client: String
    /// Where results go.
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

    /// Notes how far the job is.
    /// - Throws: `Refusal` or `CancellationError` where it should not go on.
    func report(_ stage: String, _ progress: Double) throws {
        let (isCancelled, started) = state.withLock { state in
            state.stage = stage
            state.progress = max(state.progress, progress)
            return (state.isCancelled, state.started)
        }
        if isCancelled { throw CancellationError() }
        if let started, Date().timeIntervalSince(started) > seconds {
            throw Refusal(
                .requestTimeout, "the job was stopped after \(Int(seconds)) seconds, the longest that one may take")
        }
    }

    /// A file of the results.
    func path(_ file: JobFile) -> String { "\(folder)/\(name(of: file))" }

    /// The name of a file of the results.
    func name(of file: JobFile) -> String { file == .mask ? "mask\(options.maskEnding)" : file.name }
}

/// The files that a job leaves.
enum JobFile: Hashable, Sendable {
    case mask
    case probability(Int)
    case uncertainty(UncertainPrediction.Quantity)
    /// 1 where the network looked, 0 elsewhere, where the maps mean nothing.
    case validity
    case maskVoxels
    case uncertaintyVoxels(UncertainPrediction.Quantity)

    /// The file's name on disk and in downloads, a mask's without its ending.
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
