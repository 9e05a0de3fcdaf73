import Foundation
import SegCore
import SegImaging
import SegModels
import SegTestNeeds
import SegWeights
import Testing

/// From three scans to a mask, with a user's commands.
@Suite(.needs("A build of medseg and medseg-bench") { Command.areBuilt }) struct EndToEndTests {
    @Test func trainEvaluatePredictAndConvert() throws {
        let data = try SmallDataset()
        let run = data.folder.file("run")
        let training = try Command.medseg("train", data.config, "--out", run, "--threads", "2")
        #expect(training.status == 0, "\(training.errors)")
        #expect(training.output.contains("10 steps") && training.output.contains("best validation Dice"))
        let lines = try String(contentsOfFile: run + "/training.csv", encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 11 && lines[0] == "step,seconds,learning_rate,loss")
        let dice = try String(contentsOfFile: run + "/validation.csv", encoding: .utf8).split(separator: "\n")
        #expect(dice.count == 3 && dice[0] == "step,dice" && dice[1].hasPrefix("5,") && dice[2].hasPrefix("10,"))
        let cases = try String(contentsOfFile: run + "/validation_cases.csv", encoding: .utf8).split(separator: "\n")
        #expect(cases.count == 3 && cases[1].hasPrefix("5,ct_2,") && cases[2].hasPrefix("10,ct_2,"))
        for file in ["config.json", "figures/training.png", "model/model.json", "model/model.safetensors"] {
            #expect(FileManager.default.fileExists(atPath: run + "/" + file), "\(file)")
        }

        let model = run + "/model"
        let evaluation = try Command.medseg(
            "evaluate", "--data", data.folder.path, "--cases", "ct_2", "--model", model, "--json", "--quiet")
        #expect(evaluation.status == 0, "\(evaluation.errors)")
        let document = try JSONDecoder().decode(ConfigValue.self, from: Data(evaluation.output.utf8))
        guard case .object(let entries) = document, case .array(let cases)? = entries["cases"] else {
            Issue.record("no cases in \(evaluation.output)")
            return
        }
        #expect(cases.count == 1 && cases[0].description.contains("\"ball\""))

        let out = data.folder.file("out")
        let prediction = try Command.medseg("predict", data.image(0), data.image(1), "--model", model, "--out", out)
        #expect(prediction.status == 0, "\(prediction.errors)")
        #expect(prediction.output.contains("ct_0_mask.nii.gz: ball"))
        let mask = try ScanFile.readVolume(out + "/ct_0_mask.nii.gz").volume
        #expect(mask.size == SmallDataset.size)
        #expect(zip(mask.affine.elements, SmallDataset.affine.elements).allSatisfy { abs($0 - $1) < 1e-6 })
        #expect(mask.voxels.allSatisfy { $0 == 0 || $0 == 1 })

        let compared = try Command.medseg(
            "evaluate", "--prediction", data.label(0), "--reference", data.label(0))
        #expect(compared.status == 0 && compared.output.contains("1.0000"), "\(compared.errors)")

        let copy = data.folder.file("copy.safetensors")
        let conversion = try Command.medseg(
            "convert", model + "/model.safetensors", copy, "--network", model + "/model.json")
        #expect(conversion.status == 0, "\(conversion.errors)")
        let (before, after) = (try Safetensors(file: model + "/model.safetensors"), try Safetensors(file: copy))
        #expect(before.tensors.mapValues(\.bytes) == after.tensors.mapValues(\.bytes))
    }

    /// A repeated run writes the same weights, whatever the number of threads.
    @Test func trainingRepeatsBitForBit() throws {
        let data = try SmallDataset()
        var models: [[String: [UInt8]]] = []
        for threads in ["1", "2"] {
            let run = data.folder.file("run\(threads)")
            let outcome = try Command.medseg(
                "train", data.config, "--out", run, "--quiet", "--threads", threads, "--set", "validation=0", "--set",
                "iterations=3")
            #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
            models.append(try Safetensors(file: run + "/model/model.safetensors").tensors.mapValues(\.bytes))
        }
        #expect(models[0] == models[1])
    }

    @Test func aSingleChannelTrainsAndPredicts() throws {
        let data = try SmallDataset()
        let run = data.folder.file("run")
        let training = try Command.medseg(
            "train", data.config, "--out", run, "--quiet", "--set", "network_def.out_channels=1", "--set",
            "loss.sigmoid=true", "--set", "iterations=2")
        #expect(training.status == 0, "\(training.errors)")
        let out = data.folder.file("out")
        let prediction = try Command.medseg(
            "predict", data.image(0), "--model", run + "/model", "--out", out, "--probabilities", "--quiet")
        #expect(prediction.status == 0, "\(prediction.errors)")
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: out).sorted()
                == ["ct_0_mask.nii.gz", "ct_0_probability_1.nii.gz"])
        let evaluation = try Command.medseg("evaluate", "--data", data.folder.path, "--model", run + "/model", "-q")
        #expect(evaluation.status == 0 && evaluation.output.contains("ball"), "\(evaluation.errors)")
    }

    @Test func aScanSmallerThanTheWindowIsPredicted() throws {
        let data = try SmallDataset()
        let size = Triple(5, 7, 3)
        try data.write([Int16](repeating: 90, count: size.count), size: size, as: "small.nii")
        let outcome = try Command.medseg(
            "predict", data.folder.file("small.nii"), "--model", try data.train(), "--out", data.folder.file("out"))
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try ScanFile.readVolume(data.folder.file("out/small_mask.nii.gz")).volume.size == size)
    }

    @Test func infoAndDevicesSpeakJSON() throws {
        let data = try SmallDataset()
        let info = try Command.medseg("info", data.image(0), "--json")
        #expect(info.status == 0)
        guard case .object(let entries) = try JSONDecoder().decode(ConfigValue.self, from: Data(info.output.utf8))
        else {
            Issue.record("not an object: \(info.output)")
            return
        }
        #expect(entries["dim"] != nil || entries["shape"] != nil, "\(entries.keys)")
        let devices = try Command.medseg("devices", "--json")
        #expect(devices.status == 0 && devices.output.contains("\"cpu\""))
        #expect(try Command.medseg("devices", "--threads", "2").output.contains("2 threads"))
        let help = try Command.medseg("--help").output
        #expect(help.contains("Exit codes"))
        let words = help.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        for limit in Limits.table { #expect(words.contains(" \(limit.name): \(limit.value) ")) }
        #expect(try Command.bench("--help").status == 0)
    }
}
