internal import Foundation
internal import SegCore
public import SegData

/// The measured cases that are training cases of the model, as far as this is known; their scores say little about new
/// scans.
public struct TrainingCases: Hashable, Sendable {
    /// The names of the measured training cases, in the order of the measurement; empty if none is one.
    public let names: [String]
    /// The files that list the training cases.
    public let sources: [String]
    private let measured: Int

    /// Finds the training cases among measured cases.
    ///
    /// The training cases of a model in a run folder are those of the run's `split.json`, if the run was trained on the same
    /// dataset. For other models they are those of the split by which the measured cases are chosen.
    /// - Parameters:
    ///   - cases: The measured cases.
    ///   - data: The dataset: a folder or its `dataset.json`.
    ///   - models: The model folders.
    ///   - split: The file of the split by which the cases are chosen; nil for none.
    /// - Returns: nil if no training cases are known.
    public init?(among cases: [DatasetCase], of data: String, models: [String], split: String?) {
        let runs = models.compactMap { Self.splitFile(of: $0, trainedOn: data) }
        let files = runs.isEmpty ? [split].compactMap { $0 } : runs
        var trained: Set<String> = []
        var read: [String] = []
        for file in files where !read.contains(file) {
            guard let found = try? CaseSplit(file: file) else { continue }
            trained.formUnion(found.training)
            read.append(file)
        }
        guard !read.isEmpty else { return nil }
        names = cases.map(\.name).filter { trained.contains($0) }
        sources = read
        measured = cases.count
    }

    /// A sentence for the user; nil if no training case is measured.
    public var note: String? {
        guard !names.isEmpty else { return nil }
        let files = sources.joined(separator: ", ")
        let all = "\(measured) measured \(measured == 1 ? "case" : "cases")"
        let some = names.count == 1 ? "is a training case" : "are training cases"
        return "\(files): \(names.count) of the \(all) \(some) (\(names.shortList())), whose scores say little about "
            + "new scans; measure cases that the model was not trained on."
    }

    /// The split file of the run that a model folder belongs to; nil if there is no run, or if it has another dataset.
    private static func splitFile(of model: String, trainedOn data: String) -> String? {
        let run = URL(fileURLWithPath: model).resolvingSymlinksInPath().deletingLastPathComponent().path
        guard let document = try? ConfigValue(jsonFile: "\(run)/config.json"), case .object(let entries) = document,
            case .string(let own)? = entries["data"], folder(own) == folder(data)
        else { return nil }
        let file = "\(run)/split.json"
        return FileManager.default.fileExists(atPath: file) ? file : nil
    }

    /// The folder of a dataset that is given as a folder or by its index.
    private static func folder(_ data: String) -> String {
        let url = URL(fileURLWithPath: data).resolvingSymlinksInPath().standardizedFileURL
        return url.pathExtension == "json" ? url.deletingLastPathComponent().path : url.path
    }
}
