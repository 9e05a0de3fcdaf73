import Foundation
import SegCore
import SegData
import SegImaging
import SegInference
import SegNNUNet
import SegTrain
import SegWeights
import Testing

/// nnU-Net's plans of datasets of many shapes, beside the package, which a checkout may lack.
private enum PlanCaptures {
    static let folder = NNUNetCaptures.folder + "/plans"

    static var areThere: Bool { FileManager.default.fileExists(atPath: folder + "/tiny_ct/nnUNetPlans.json") }

    static let names = [
        "acdc_like", "brain_like", "flat_2d", "hippocampus_like", "liver_like", "sagittal_spine", "tiny_ct",
        "tiny_mr_two_channels", "tiny_thick", "total_1_5mm", "total_3mm",
    ]
    /// The captures that contain scans.
    static let withScans = ["tiny_ct", "tiny_mr_two_channels", "tiny_thick"]
}

@Test(
    .enabled(if: PlanCaptures.areThere, "shared/nnunet is not beside the package"), arguments: PlanCaptures.names)
func everyFieldOfPlansIsNNUNets(_ name: String) throws {
    let folder = "\(PlanCaptures.folder)/\(name)"
    let training = try NNUNetTrainingSet(file: "\(folder)/dataset.json")
    let fingerprint = try NNUNetFingerprint(file: "\(folder)/dataset_fingerprint.json", of: training)
    var compared = 0
    for planner in NNUNetPlanner.allCases {
        let file = "\(folder)/\(planner.plansName).json"
        guard FileManager.default.fileExists(atPath: file) else { continue }
        let expected = try ConfigValue(jsonFile: file)
        guard case .object(let entries) = expected, case .string(let dataset)? = entries["dataset_name"] else {
            Issue.record("\(file) names no dataset")
            continue
        }
        let plans = try NNUNetPlans(dataset, training, fingerprint, planner: planner, memory: nil)
        #expect(differences(plans.document, expected, tolerance: 0).isEmpty, "\(name) \(planner)")
        compared += 1
    }
    #expect(compared == (PlanCaptures.withScans.contains(name) ? 2 : 4))
}

/// A case as input of a training run by plans, image and label map.
@Test(
    .enabled(if: PlanCaptures.areThere, "shared/nnunet is not beside the package"),
    arguments: ["tiny_ct", "tiny_thick"])
func casesArePreparedAsNNUNetDoes(_ name: String) throws {
    let folder = "\(PlanCaptures.folder)/\(name)"
    let files = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/imagesTr").sorted()
    let item = DatasetCase(
        name: "case_00", images: files.filter { $0.hasPrefix("case_00_") }.map { "\(folder)/imagesTr/\($0)" },
        label: "\(folder)/labelsTr/case_00.nii.gz")
    for configuration in ["3d_fullres", "2d"] {
        let recipe = try NNUNetRecipe(
            plans: "\(folder)/nnUNetPlans.json", configuration: configuration, dataset: "\(folder)/dataset.json")
        let training = try TrainingConfiguration(recipe.document(data: folder, validation: []), source: "the plan")
        let model = training.model
        let prepared = try PreparedCase(
            item, model.preprocessing, channels: model.inputChannels, classes: model.classCount,
            labels: model.labelScheme)
        let arrays = try Weights.read("\(folder)/case_00_\(configuration).safetensors").tensors
        let (data, seg) = (try #require(arrays["data"]).floats(), try #require(arrays["seg"]).floats())
        let ours = try prepared.image.channels.flatMap { $0 }
        #expect(ours.count == data.count)
        #expect(zip(ours, data).map { abs($0 - $1) }.max() ?? 1 <= 1e-5, "\(configuration)")
        let expected = seg.map { max(Int32($0), 0) }
        let labels = try prepared.labels
        #expect(zip(labels, expected).count { $0 != $1 } == 0 && labels.count == expected.count, "\(configuration)")
    }
}

/// All 100 million draws of each channel.
@Test(
    .enabled(if: PlanCaptures.areThere, "shared/nnunet is not beside the package"), arguments: PlanCaptures.withScans)
func scansAreMeasuredAsNNUNetDoes(_ name: String) throws {
    let folder = "\(PlanCaptures.folder)/\(name)"
    let raw = try NNUNetRawDataset(folder: folder)
    let fingerprint = try NNUNetFingerprint(raw) { _, _ in }
    let expected = try ConfigValue(jsonFile: "\(folder)/dataset_fingerprint.json")
    #expect(differences(fingerprint.document, expected, tolerance: 1e-6).isEmpty)
    let folds = try #require(NNUNetFolds(cases: raw.names))
    #expect(try folds.document == ConfigValue(jsonFile: "\(folder)/splits_final.json"))
}
