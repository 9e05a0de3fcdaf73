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
        return try recipe.document(data: data, validation: validation(folder: folder, data: data))
    }

    /// The cases of the fold, by the file beside the plans, else by nnU-Net's rule.
    private func validation(folder: String, data: String) throws -> [String] {
        let fold = fold ?? "0"
        if fold == "all" { return [] }
        guard let number = Int(fold) else { throw UsageError("--fold should be a number or all, not '\(fold)'") }
        let names = try NNUNetRawDataset(folder: data).names
        let file = "\(folder)/splits_final.json"
        let isThere = FileManager.default.fileExists(atPath: file)
        guard let folds = try isThere ? NNUNetFolds(file: file, cases: names) : NNUNetFolds(cases: names) else {
            throw UsageError("\(data) has \(names.count) cases, too few for folds; give --fold all")
        }
        return try folds.validation(of: number)
    }

    /// Refuses the options where no plans are trained by.
    func refuse() throws {
        for (name, value) in [("--data", data), ("--configuration", configuration), ("--fold", fold)]
        where value != nil && nnunetPlan == nil {
            throw UsageError("\(name) is about plans of nnU-Net; name them with --nnunet-plan")
        }
    }
}
