import Foundation
import SegCore
import SegImaging
import SegNNUNet
import Testing

/// nnU-Net's plans of datasets of many shapes, beside the package, which a checkout may lack.
private enum PlanCaptures {
    static let folder = NNUNetCaptures.folder + "/plans"

    static var areThere: Bool { FileManager.default.fileExists(atPath: folder + "/tiny_ct/nnUNetPlans.json") }

    static let names = [
        "acdc_like", "brain_like", "flat_2d", "hippocampus_like", "liver_like", "sagittal_spine", "tiny_ct",
        "tiny_mr_two_channels", "tiny_thick", "total_1_5mm", "total_3mm",
    ]
    /// Those that hold scans.
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
