internal import Foundation
public import SegCore

/// Plans, the raw dataset that is trained by them, and its folds.
public struct NNUNetPlannedDataset {
    /// The file of the plans; `dataset.json` is in the same folder.
    public let plans: String
    /// The folds; nil if the dataset is too small for folds.
    private let folds: NNUNetFolds?
    /// The source of the folds, in words.
    public let source: String
    private let raw: NNUNetRawDataset

    /// Finds the files of a dataset and its folds. The folds are those of `splits_final.json` beside the plans, or else the
    /// dataset's own, or else nnU-Net's.
    /// - Throws: `DataError` naming everything that is missing or wrong.
    public init(plans: String, data: String) throws {
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: plans, isDirectory: &isFolder), isFolder.boolValue {
            throw DataError(
                .badArgument, plans,
                "is a folder, not a file of plans; give the plans.json that `medseg plan` writes, such as \(plans)/plans.json"
            )
        }
        self.plans = plans
        let raw = try NNUNetRawDataset(folder: data)
        let beside = "\(URL(fileURLWithPath: plans).deletingLastPathComponent().path)/splits_final.json"
        let file = FileManager.default.fileExists(atPath: beside) ? beside : raw.ownFolds
        folds = try file.map { try NNUNetFolds(file: $0, cases: raw.names) } ?? NNUNetFolds(cases: raw.names)
        self.raw = raw
        source = file ?? "nnU-Net's rule: five folds, shuffled with the seed 12345"
    }

    /// The names of the folds, `0` and so on; empty if the dataset is too small.
    public var foldNames: [String] { (folds?.folds ?? []).indices.map(String.init) }

    private var datasetFile: String {
        "\(URL(fileURLWithPath: plans).deletingLastPathComponent().path)/dataset.json"
    }

    /// The training configuration of a fold.
    /// - Parameters:
    ///   - configuration: The name of the configuration, such as `3d_fullres`.
    ///   - fold: A number, or `all` for a training run without validation cases.
    /// - Throws: `DataError` naming the entry of the plans that is not supported, or a fold that does not exist.
    public func document(configuration: String, fold: String) throws -> ConfigValue {
        let recipe = try NNUNetRecipe(plans: plans, configuration: configuration, dataset: datasetFile)
        try recipe.checkMatches(raw)
        return try recipe.document(data: raw.folder, validation: validation(fold))
    }

    /// The origin that the run folder of a fold keeps.
    public func origin(configuration: String, fold: String) -> NNUNetOrigin {
        NNUNetOrigin(plans: plans, dataset: datasetFile, configuration: configuration, fold: fold)
    }

    private func validation(_ fold: String) throws -> [String] {
        if fold == "all" { return [] }
        guard let number = Int(fold) else {
            throw DataError(.badArgument, "--fold", "should be a number or all, not '\(fold)'")
        }
        guard let folds else {
            throw DataError(
                .badArgument, "--fold",
                "\(raw.folder) has \(raw.names.count) cases, too few for folds; give --fold all")
        }
        return try folds.validation(of: number, cases: raw.names)
    }
}
