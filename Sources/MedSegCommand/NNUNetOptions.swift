import ArgumentParser
import SegCore
import SegNNUNet

/// Options for predicting with models of an nnU-Net folder; they correspond to those of `nnUNetv2_predict`.
struct NNUNetOptions: ParsableArguments {
    @Option(
        parsing: .upToNextOption,
        help:
            "Folds of an nnU-Net folder, such as 0 1 2 or all; by default every numbered one. Their outputs are averaged."
    )
    var folds: [String] = []

    @Option(help: "The checkpoint of each nnU-Net fold: final, best or latest.")
    var checkpoint: String?

    @Option(help: "The step between windows, as a share of the window, for an nnU-Net folder; 0.5 by default.")
    var step: Double?

    @Flag(
        help:
            "Do not average over mirrored inputs of an nnU-Net folder: up to eight times faster, a little less exact."
    )
    var noMirror = false

    @Option(
        help:
            "A folder of masks, CASE.nii.gz, from the first stage of an nnU-Net cascade; by default this stage is run.")
    var previousStage: String?

    @Option(
        help:
            "A postprocessing.json of nnU-Net, applied to the mask; without it none is applied, as in nnUNetv2_predict."
    )
    var postprocessing: String?

    /// The folds, checkpoint and inference settings that the options ask for.
    func choice() throws -> NNUNetFolder.Choice {
        var choice = NNUNetFolder.Choice()
        choice.folds = folds
        choice.mirrors = !noMirror
        choice.previousMasks = previousStage
        choice.postprocessing = postprocessing
        if let checkpoint {
            guard ["final", "best", "latest"].contains(checkpoint) else {
                throw UsageError("--checkpoint should be final, best or latest, not '\(checkpoint)'")
            }
            choice.checkpoint = checkpoint
        }
        if let step {
            guard step > 0, step <= 1 else { throw UsageError("--step should be above 0 and at most 1, not \(step)") }
            choice.step = step
        }
        return choice
    }

    /// Refuses the options if no folder of nnU-Net is read.
    func refuse() throws {
        let given = [
            ("--folds", !folds.isEmpty), ("--checkpoint", checkpoint != nil), ("--step", step != nil),
            ("--no-mirror", noMirror), ("--previous-stage", previousStage != nil),
            ("--postprocessing", postprocessing != nil),
        ]
        for (name, isGiven) in given where isGiven {
            throw UsageError("\(name) applies only to a folder of nnU-Net; give one with --nnunet")
        }
    }
}
