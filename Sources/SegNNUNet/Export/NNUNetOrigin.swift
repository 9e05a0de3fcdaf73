internal import Foundation
internal import SegCore

/// The plans of a training run, as its run folder keeps them in the subfolder `nnunet`.
public struct NNUNetOrigin: Hashable, Sendable {
    /// The file of the plans.
    public let plans: String
    /// The `dataset.json` of the plans.
    public let dataset: String
    /// The configuration, such as `3d_fullres`.
    public let configuration: String
    /// The fold, a number or `all`.
    public let fold: String

    private static let folder = "nnunet"

    /// Creates the origin of a new training run.
    public init(plans: String, dataset: String, configuration: String, fold: String) {
        (self.plans, self.dataset, self.configuration, self.fold) = (plans, dataset, configuration, fold)
    }

    /// Reads the origin from a run folder; nil if the run has no plans.
    /// - Throws: `DataError` naming the file that is damaged.
    public init?(run: String) throws {
        let (folder, file) = ("\(run)/\(Self.folder)", "\(run)/\(Self.folder)/run.json")
        guard FileManager.default.fileExists(atPath: file) else { return nil }
        let reader = try ConfigReader(ConfigValue(jsonFile: file), path: "", source: file)
        self.init(
            plans: "\(folder)/plans.json", dataset: "\(folder)/dataset.json",
            configuration: try reader.required("configuration", reader.string("configuration")),
            fold: try reader.required("fold", reader.string("fold")))
    }

    /// Removes the origin's files from a run folder, and no other files.
    package static func remove(fromRun run: String) {
        let place = "\(run)/\(folder)"
        guard FileManager.default.fileExists(atPath: "\(place)/run.json") else { return }
        for name in ["plans.json", "dataset.json", exports, "run.json"] {
            try? FileManager.default.removeItem(atPath: "\(place)/\(name)")
        }
        // `rmdir` removes the folder only if it is empty.
        rmdir(place)
        DurableFile.syncFolder(of: place)
    }

    private static let exports = "exported.json"

    /// The SHA-256 digests of the checkpoints that a run exported for nnU-Net; a file with another digest is not the run's.
    /// - Throws: `DataError` naming the file that is damaged.
    package static func exported(ofRun run: String) throws -> [String] {
        let file = "\(run)/\(folder)/\(exports)"
        guard FileManager.default.fileExists(atPath: file) else { return [] }
        let reader = try ConfigReader(ConfigValue(jsonFile: file), path: "", source: file)
        guard case .array(let digests)? = reader.value("sha256") else {
            throw reader.error("sha256", "should be a list of digests; remove the file")
        }
        return digests.compactMap { if case .string(let digest) = $0 { digest } else { nil } }
    }

    /// Records the digest of a checkpoint as the run's own.
    /// - Throws: `DataError` naming the file that cannot be written.
    package static func add(exported digest: String, toRun run: String) throws {
        let digests = try exported(ofRun: run)
        guard !digests.contains(digest) else { return }
        let document: ConfigValue = ["sha256": .array((digests + [digest]).map { .string($0) })]
        try DurableFile.write(Array(document.jsonText().utf8), to: "\(run)/\(folder)/\(exports)")
    }

    /// The files that a run folder keeps, by their paths in it.
    /// - Throws: `DataError` naming a file that cannot be read.
    public func files() throws -> [(name: String, content: [UInt8])] {
        let run: ConfigValue = ["configuration": .string(configuration), "fold": .string(fold)]
        return [
            ("\(Self.folder)/plans.json", Array(try RegularFile.contents(of: plans))),
            ("\(Self.folder)/dataset.json", Array(try RegularFile.contents(of: dataset))),
            ("\(Self.folder)/run.json", Array(try run.jsonText().utf8)),
        ]
    }
}
