import Foundation
import SegCore
import SegImaging
import SegInference
import SegNNUNet
import SegTestNeeds
import SegWeights
import Testing

/// The published parts of a model: the ZIP of its folder, and the steps that cross-validation chose for its masks.
@Suite(.enabled(if: NNUNetCaptures.areThere, "shared/nnunet is not beside the package"))
struct ReleaseTests {
    private let place = FileManager.default.temporaryDirectory.appendingPathComponent("release-\(UUID().uuidString)")
        .path

    private let model = "\(NNUNetCaptures.folder)/totalseg_like/model/nnUNetTrainerNoMirroring__nnUNetPlans__3d_fullres"

    /// Creates a folder in the layout of `nnUNetv2_export_model_to_zip`, and its ZIP with the files that macOS adds.
    private func zipped() throws -> String {
        let dataset = "\(place)/Dataset999_Made"
        try FileManager.default.createDirectory(atPath: "\(place)/__MACOSX", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: dataset, withIntermediateDirectories: true)
        try Data([0]).write(to: URL(fileURLWithPath: "\(place)/__MACOSX/._plans.json"))
        try FileManager.default.copyItem(
            atPath: model, toPath: "\(dataset)/\((model as NSString).lastPathComponent)")
        let zip = Process()
        zip.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        zip.arguments = ["python3", "-m", "zipfile", "-c", "release.zip", "Dataset999_Made", "__MACOSX"]
        zip.currentDirectoryURL = URL(fileURLWithPath: place)
        try zip.run()
        zip.waitUntilExit()
        return "\(place)/release.zip"
    }

    @Test(.needs("python3") { FileManager.default.fileExists(atPath: "/usr/bin/python3") })
    func aZipOfAReleaseIsAModel() throws {
        defer { try? FileManager.default.removeItem(atPath: place) }
        let zip = try zipped()
        #expect(NNUNetFolder.isArchive(zip) && !NNUNetFolder.isThere(zip))
        // A file of PyTorch's weights is a ZIP as well.
        #expect(!NNUNetFolder.isArchive("\(model)/fold_0/checkpoint_final.pth"))
        let (folder, released) = (try NNUNetFolder(model), try NNUNetFolder(zip))
        #expect(released.description.preprocessing == folder.description.preprocessing)
        #expect(released.description.labels == folder.description.labels && released.folder != folder.folder)
        let (there, here) = (
            try folder.weights(of: folder.checkpoints[0]).tensors,
            try released.weights(of: released.checkpoints[0]).tensors
        )
        #expect(there.keys == here.keys && there.allSatisfy { here[$0]?.floats() == $1.floats() })
    }

    @Test func unpackedFilesGoWithTheModel() throws {
        defer { try? FileManager.default.removeItem(atPath: place) }
        let unpacked = try NNUNetFolder(zipped()).folder
        #expect(!FileManager.default.fileExists(atPath: unpacked))
    }

    @Test func postprocessingIsTakenWhereItIsAskedFor() throws {
        defer { try? FileManager.default.removeItem(atPath: place) }
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        func choice(_ text: String, _ name: String = "postprocessing.json") throws -> NNUNetFolder.Choice {
            try Data(text.utf8).write(to: URL(fileURLWithPath: "\(place)/\(name)"))
            var choice = NNUNetFolder.Choice()
            choice.postprocessing = "\(place)/\(name)"
            return choice
        }
        let function = "remove_all_but_largest_component_from_segmentation"
        let json = """
            {"input_folder": {"foreground_mean": {"Dice": 0.8}}, "postprocessed": {"mean": {"1": {"Dice": 0.9}}},
             "postprocessing_fns": ["\(function)", "\(function)"],
             "postprocessing_kwargs": [{"labels_or_regions": [1, [2, 3]]}, {"labels_or_regions": 2}]}
            """
        let description = try NNUNetFolder(model, choice(json)).description
        #expect(description.maskPlan.after == [.keepAllLargest([1, 2, 3]), .keepAllLargest([2])])
        #expect(try NNUNetFolder(model).description.maskPlan.after == [])
        // A model folder that is made from it gives the same result.
        let written = "\(place)/model.json"
        try Data(description.value.jsonText().utf8).write(to: URL(fileURLWithPath: written))
        #expect(try ModelDescription(file: written).maskPlan == description.maskPlan)
        for (wrong, key) in [
            (json.replacingOccurrences(of: "[\"\(function)\", ", with: "["), "postprocessing_kwargs"),
            (json.replacingOccurrences(of: "[\"\(function)\"", with: "[\"fill\""), "postprocessing_fns"),
            (json.replacingOccurrences(of: "2}]", with: "0}]"), "labels_or_regions"),
            (json.replacingOccurrences(of: "2}]", with: "2, \"size\": 3}]"), "size"),
        ] {
            let error = #expect(throws: DataError.self) { try NNUNetFolder(model, choice(wrong)) }
            #expect(error?.key?.contains(key) == true, "\(String(describing: error))")
        }
        #expect(throws: DataError.self) { try NNUNetFolder(model, choice(json, "postprocessing.pkl")) }
    }
}
