import ArgumentParser
import Foundation
import SegCore
import SegNNUNet

/// Options for training with plans of nnU-Net; they correspond to those of `nnUNetv2_train`.
struct NNUNetPlanOptions: ParsableArguments {
    @Option(help: "Plans of nnU-Net: the plans.json that `medseg plan` writes, beside its dataset.json.")
    var nnunetPlan: String?

    @Option(help: "The raw dataset to train on with --nnunet-plan.")
    var data: String?

    @Option(help: "The configuration of the plans: 3d_fullres, 3d_lowres or 2d; 3d_fullres by default.")
    var configuration: String?

    @Option(help: "The fold whose cases are for validation, 0 to 4; all trains on every case; 0 by default.")
    var fold: String?

    /// The training configuration that follows from the plans, and the record of the plans that a run folder keeps.
    func training() throws -> (document: ConfigValue, origin: NNUNetOrigin) {
        guard let nnunetPlan else { throw UsageError("give the plans: --nnunet-plan FILE") }
        guard let data else { throw UsageError("--nnunet-plan trains on a raw dataset; give it with --data") }
        let planned = try NNUNetPlannedDataset(plans: nnunetPlan, data: data)
        let (configuration, fold) = (configuration ?? "3d_fullres", fold ?? "0")
        let document = try planned.document(configuration: configuration, fold: fold)
        if fold != "all" { note("fold \(fold) of \(planned.source)") }
        return (document, planned.origin(configuration: configuration, fold: fold))
    }

    /// Refuses the options if no plans are given.
    func refuse() throws {
        for (name, value) in [("--data", data), ("--configuration", configuration), ("--fold", fold)]
        where value != nil && nnunetPlan == nil {
            throw UsageError(
                "\(name) applies only to plans of nnU-Net; give them with --nnunet-plan. To change a configuration, "
                    + "also one that is resumed, use --set, such as --set data=DIR")
        }
    }
}
