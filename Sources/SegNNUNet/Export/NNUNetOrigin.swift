internal import Foundation
internal import SegCore

/// Which plans a training is of: what its run folder keeps of them, in the folder `nnunet`.
public struct NNUNetOrigin: Hashable, Sendable {
    /// The file of the plans.
    public let plans: String
    /// The `dataset.json` that goes with them.
    public let dataset: String
    /// The configuration, such as `3d_fullres`.
    public let configuration: String
    /// The fold, a number or `all`.
    public let fold: String

    private static let folder = "nnunet"

    /// A training that is yet to come.
    public init(plans: String, dataset: String, configuration: String, fold: String) {
        (self.plans, self.dataset, self.configuration, self.fold) = (plans, dataset, configuration, fold)
    }

    /// What a run folder keeps; nil where the run is of no plans.
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

    /// The files that a run folder keeps, by their names in it.
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
