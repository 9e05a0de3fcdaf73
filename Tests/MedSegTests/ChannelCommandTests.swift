import Foundation
import SegCore
import SegImaging
import SegTestNeeds
import Testing

/// Cases of two scans each, from the dataset to masks, with a user's commands.
@Suite(.needs("A build of medseg") { Command.areBuilt }) struct ChannelCommandTests {
    /// The small dataset with a second scan for each case, dim where the first is bright.
    private func dataset() throws -> SmallDataset {
        let data = try SmallDataset()
        var entries: [String] = []
        for index in 0..<3 {
            let first = try ScanFile.readVolume(data.image(index)).volume
            try data.write(first.voxels.map { Int16(100 - $0) }, as: "imagesTr/mr_\(index).nii.gz")
            entries.append(
                """
                {"image": ["imagesTr/ct_\(index).nii.gz", "imagesTr/mr_\(index).nii.gz"],
                 "label": "labelsTr/ct_\(index).nii.gz"}
                """)
        }
        let json = """
            {"modality": {"0": "T1", "1": "FLAIR"}, "labels": {"1": "ball"}, "training": [\(entries.joined(separator: ","))]}
            """
        try data.folder.write(Array(json.utf8), as: "dataset.json")
        return data
    }

    @Test func trainEvaluateAndPredict() throws {
        let data = try dataset()
        let run = data.folder.file("run")
        let config = try data.config(replacing: "in_channels: 1", with: "in_channels: 2")
        let training = try Command.medseg("train", config, "--out", run, "--set", "iterations=3", "--quiet")
        #expect(training.status == 0, "\(training.errors)")
        let resumed = try Command.medseg("train", "--resume", run, "--quiet")
        #expect(resumed.status == 0, "\(resumed.errors)")
        let evaluation = try Command.medseg(
            "evaluate", "--data", data.folder.path, "--cases", "ct_2", "--model", run + "/model", "--quiet")
        #expect(evaluation.status == 0 && evaluation.output.contains("ball"), "\(evaluation.errors)")
        let out = data.folder.file("out")
        let second = data.folder.file("imagesTr/mr_0.nii.gz")
        let prediction = try Command.medseg("predict", data.image(0), second, "--model", run + "/model", "--out", out)
        #expect(prediction.status == 0, "\(prediction.errors)")
        let mask = try ScanFile.readVolume(out + "/ct_0_mask.nii.gz").volume
        #expect(mask.size == SmallDataset.size)
    }

    /// The doctor finds what `train` would refuse.
    @Test func theDoctorReadsTheNetworksChannels() throws {
        let data = try dataset()
        let doctor = try Command.medseg("data", "doctor", data.folder.path, "--config", data.config, "--quiet")
        #expect(doctor.status == 65 && doctor.output.contains("network_def.in_channels is 1"), "\(doctor.output)")
        let config = try data.config(replacing: "out_channels: 2", with: "out_channels: 1")
        let refused = try Command.medseg("data", "doctor", data.folder.path, "--config", config, "--quiet")
        #expect(refused.status == 65, "\(refused.output)")
    }

    /// A 4-D file is a case, and its mask is 3-D.
    @Test func aFileOfFourDimensionsPredictsTheSameMask() throws {
        let data = try dataset()
        let run = data.folder.file("run")
        let config = try data.config(replacing: "in_channels: 1", with: "in_channels: 2")
        let training = try Command.medseg("train", config, "--out", run, "--set", "iterations=3", "--quiet")
        #expect(training.status == 0, "\(training.errors)")
        var bytes = Data()
        for (number, name) in ["ct_1", "mr_1"].enumerated() {
            let plain = data.folder.file("\(name).nii")
            let conversion = try Command.medseg("data", "convert", data.folder.file("imagesTr/\(name).nii.gz"), plain)
            #expect(conversion.status == 0, "\(conversion.errors)")
            let file = try Data(contentsOf: URL(fileURLWithPath: plain))
            bytes += number == 0 ? file : file.dropFirst(352)
        }
        for (offset, value) in [(40, 4), (48, 2)] {
            withUnsafeBytes(of: Int16(value).littleEndian) { bytes.replaceSubrange(offset..<offset + 2, with: $0) }
        }
        let whole = try data.folder.write(Array(bytes), as: "whole.nii")
        let out = data.folder.file("out")
        let second = data.folder.file("imagesTr/mr_1.nii.gz")
        for inputs in [[whole], [data.image(1), second]] {
            let prediction = try Command.medseg(
                list: ["predict"] + inputs + ["--model", run + "/model", "--out", out])
            #expect(prediction.status == 0, "\(prediction.errors)")
        }
        let (fromOne, geometry) = try ScanFile.readVolume(out + "/whole_mask.nii.gz")
        let fromTwo = try ScanFile.readVolume(out + "/ct_1_mask.nii.gz").volume
        #expect(fromOne.voxels == fromTwo.voxels && geometry.shape.count == 3)
        #expect(zip(fromOne.affine.elements, fromTwo.affine.elements).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    /// Two files whose numbers contradict the given order would swap the network's channels.
    @Test func numberedChannelsArePredictedInTheirOrder() throws {
        let data = try dataset()
        let run = data.folder.file("run")
        let config = try data.config(replacing: "in_channels: 1", with: "in_channels: 2")
        let training = try Command.medseg("train", config, "--out", run, "--set", "iterations=3", "--quiet")
        #expect(training.status == 0, "\(training.errors)")
        let files = try ["ct", "mr"].enumerated().map { number, name in
            let copy = data.folder.file("a_000\(number).nii.gz")
            try FileManager.default.copyItem(atPath: data.folder.file("imagesTr/\(name)_0.nii.gz"), toPath: copy)
            return copy
        }
        func masks(_ inputs: [String], _ out: String) throws -> Data? {
            let prediction = try Command.medseg(
                list: ["predict"] + inputs + ["--model", run + "/model", "--out", data.folder.file(out)])
            #expect(prediction.status == 0, "\(prediction.errors)")
            let notes = prediction.errors.components(separatedBy: "order of the files' numbers").count - 1
            #expect(notes == (inputs != files ? 1 : 0), "\(prediction.errors)")
            return FileManager.default.contents(atPath: data.folder.file(out) + "/a_mask.nii.gz")
        }
        let straight = try masks(files, "straight")
        #expect(try straight != nil && masks(files.reversed(), "swapped") == straight)
        let other = data.folder.file("b_0001.nii.gz")
        try FileManager.default.copyItem(atPath: files[1], toPath: other)
        let refused = try Command.medseg("predict", other, files[0], "--model", run + "/model", "--out", run + "/masks")
        #expect(refused.status != 0 && refused.message.contains("has no _0001"), "\(refused.errors)")
    }

    @Test func anotherNumberOfChannelsIsToldBeforeTraining() throws {
        let data = try dataset()
        let outcome = try Command.medseg("train", data.config, "--out", data.folder.file("run"), "--quiet")
        #expect(outcome.status == 65 && outcome.message.contains("2 channels"), "\(outcome.errors)")
    }
}
