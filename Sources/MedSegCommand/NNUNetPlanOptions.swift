import ArgumentParser
import Foundation
import SegCore
import SegNNUNet

/// Options of a training by plans of nnU-Net; those of `nnUNetv2_train`.
struct NNUNetPlanOptions: ParsableArguments {
    @Option(help: "Plans of nnU-Net: the plans.json that `medseg plan` writes, beside its dataset.json.")
    var nnunetPlan: String?

    @Option(help: "The raw dataset that --nnunet-plan is trained on.")
    var data: String?

    @Option(help: "The configuration of the plans: 3d_fullres, 3d_lowres or 2d; 3d_fullres by default.")
    var configuration: String?

    @Option(help: "The fold that is set aside for validation, 0 to 4, or all for none; 0 by default.")
    var fold: String?

    /// The training configuration that the plans stand for.
    func document() throws -> ConfigValue {
        guard let nnunetPlan else { throw UsageError("name the plans: --nnunet-plan FILE") }
        guard let data else { throw UsageError("--nnunet-plan trains on a raw dataset; name it with --data") }
        let folder = URL(fileURLWithPath: nnunetPlan).deletingLastPathComponent().path
        let recipe = try NNUNetRecipe(
            plans: nnunetPlan, configuration: configuration ?? "3d_fullres", dataset: "\(folder)/dataset.json")
        let raw = try NNUNetRawDataset(folder: data)
        try recipe.checkMatches(raw)
        return try recipe.document(data: data, validation: validation(folder: folder, raw))
    }

    /// The cases of the fold, by the file beside the plans, else by the dataset's own, else by nnU-Net's rule.
    private func validation(folder: String, _ raw: NNUNetRawDataset) throws -> [String] {
        let fold = fold ?? "0"
        if fold == "all" { return [] }
        guard let number = Int(fold) else { throw UsageError("--fold should be a number or all, not '\(fold)'") }
        let beside = "\(folder)/splits_final.json"
        let file = FileManager.default.fileExists(atPath: beside) ? beside : raw.ownFolds
        let dealt = try file.map { try NNUNetFolds(file: $0, cases: raw.names) } ?? NNUNetFolds(cases: raw.names)
        guard let dealt else {
            throw UsageError("\(raw.folder) has \(raw.names.count) cases, too few for folds; give --fold all")
        }
        note("fold \(number) of \(file ?? "nnU-Net's rule: five folds, shuffled with the seed 12345")")
        return try dealt.validation(of: number, cases: raw.names)
    }

    /// Refuses the options where no plans are trained by.
    func refuse() throws {
        for (name, value) in [("--data", data), ("--configuration", configuration), ("--fold", fold)]
        where value != nil && nnunetPlan == nil {
            throw UsageError(
                "\(name) is about plans of nnU-Net; name them with --nnunet-plan. A configuration, also one that is resumed, "
                    + "is changed with --set, such as --set data=DIR")
        }
    }
}
