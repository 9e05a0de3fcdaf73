import Foundation
import SegModels
import SegTestNeeds
import SegWeights
import Testing

/// Training runs that are killed, stopped, and resumed.
@Suite(.needs("A build of medseg and medseg-bench") { Command.areBuilt }, .serialized) struct ResumeTests {
    private let data: SmallDataset
    private let straight: String
    private static let steps = 1500

    /// A configuration with everything that a step depends on, and an undisturbed run of it.
    init() throws {
        data = try SmallDataset()
        let more = """
            augmentation: {flip: {prob: 0.5}, shift_intensity: {prob: 0.5}}
            schedule: {name: plateau, patience: 2, factor: 0.7, warmup: 20}
            checkpoint_every: 7
            cache: none
            """
        let yaml = SmallDataset.yaml.replacing(
            "iterations: 10\nvalidate_every: 5", with: "iterations: \(Self.steps)\nvalidate_every: 150"
        )
        .replacing("num_res_units: 1", with: "num_res_units: 1\n  norm: batch\n  dropout: 0.2")
        try data.folder.write(Array((yaml + more).utf8), as: "config.yaml")
        straight = data.folder.file("straight")
        let outcome = try Command.medseg("train", data.config, "--out", straight, "--quiet", "--threads", "1")
        try #require(outcome.status == 0, "\(outcome.errors)")
    }

    private func steps(_ run: String) -> Int {
        let text = (try? String(contentsOfFile: run + "/training.csv", encoding: .utf8)) ?? ""
        return text.count { $0 == "\n" } - 1
    }

    private func expectSame(_ run: String) throws {
        for file in [
            "checkpoint.safetensors", "model/model.safetensors", "last/model.safetensors", "validation.csv",
            "validation_cases.csv",
        ] {
            let (ours, theirs) = [run, straight].map { FileManager.default.contents(atPath: "\($0)/\(file)") }.pair
            #expect(ours != nil && ours == theirs, "\(file)")
        }
        // All columns except the seconds, each step once.
        func table(_ run: String) throws -> [[Substring]] {
            try String(contentsOfFile: run + "/training.csv", encoding: .utf8).split(separator: "\n").map { line in
                let columns = line.split(separator: ",")
                return [columns[0]] + columns[2...]
            }
        }
        #expect(try table(run) == table(straight))
        #expect(try table(run).count == Self.steps + 1)
        let left = try FileManager.default.contentsOfDirectory(atPath: run).filter { $0.hasPrefix(".") }
        #expect(left.isEmpty, "\(left)")
    }

    /// Killed ten times, twice during start-up and otherwise at any point, and resumed each time.
    @Test func tenKillsChangeNoBit() throws {
        let run = data.folder.file("run")
        var random = SystemRandomNumberGenerator()
        for kill in 0..<10 {
            let isStarted = FileManager.default.fileExists(atPath: run + "/config.json")
            let arguments = isStarted ? ["--resume", run] : [data.config, "--out", run, "--force"]
            let before = steps(run)
            let process = try Command.start(["train", "--quiet", "--threads", "1"] + arguments)
            if kill % 5 == 0 {
                usleep(UInt32.random(in: 0..<60_000, using: &random))
            } else {
                let wanted = Int.random(in: 1..<Self.steps / 10, using: &random)
                while process.isRunning, steps(run) < before + wanted { usleep(200) }
                usleep(UInt32.random(in: 0..<5000, using: &random))
            }
            #expect(process.isRunning, "the training was done before kill \(kill)")
            Foundation.kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            let checkpoint = run + "/checkpoint.safetensors"
            if FileManager.default.fileExists(atPath: checkpoint) {
                #expect(throws: Never.self) { try Safetensors(file: checkpoint) }
            }
        }
        let outcome = try Command.medseg("train", "--resume", run, "--quiet", "--threads", "1")
        #expect(outcome.status == 0, "\(outcome.errors)")
        try expectSame(run)
    }

    @Test func controlCKeepsTheStepAndSaysHowToGoOn() throws {
        let run = data.folder.file("run")
        let process = try Command.start(["train", data.config, "--out", run, "--quiet", "--threads", "1"])
        while process.isRunning, steps(run) < 5 { usleep(200) }
        process.interrupt()
        process.waitUntilExit()
        #expect(process.terminationReason == .exit && process.terminationStatus == 130)
        let stopped = steps(run)
        #expect(stopped < Self.steps)

        let changed = try Command.medseg("train", "--resume", run, "--quiet", "--set", "optimizer.learning_rate=0.5")
        expectFailure(changed, 65, "checkpoint.safetensors", "optimizer.learning_rate was 0.02 and is 0.5", "--out")
        try data.folder.write(Array(SmallDataset.yaml.utf8), as: "other.yaml")
        expectFailure(
            try Command.medseg("train", data.folder.file("other.yaml"), "--resume", run), 65, "network_def.dropout",
            "validate_every was 150 and is 5")
        expectFailure(try Command.medseg("train", "--resume", data.folder.file("none")), 66, "not a run folder")
        expectFailure(try Command.medseg("train", "--resume", run, "--out", run), 64, "--out")
        expectFailure(try Command.medseg("train", data.config), 64, "--out DIR")

        let label = try #require(FileManager.default.contents(atPath: data.label(0)))
        try data.folder.write(Array(label.dropLast() + [label[label.count - 1] ^ 1]), as: "labelsTr/ct_0.nii.gz")
        expectFailure(
            try Command.medseg("train", "--resume", run), 65, "the label of training case ct_0 changed")
        try data.folder.write(Array(label), as: "labelsTr/ct_0.nii.gz")
        #expect(steps(run) == stopped)

        let rest = try Command.medseg(
            "train", "--resume", run, "--quiet", "--threads", "1", "--set", "checkpoint_every=40")
        #expect(rest.status == 0, "\(rest.errors)")
        let (ours, theirs) = [run, straight].map { try? Safetensors(file: $0 + "/last/model.safetensors") }.pair
        #expect(ours?.tensors.mapValues(\.bytes) == theirs?.tensors.mapValues(\.bytes))
    }

    /// A disk that fills up between two checkpoints: the older one stays, and the run continues when there is room
    /// again.
    @Test(.enabled(if: SmallDisk.isAllowed, "a file system can only be mounted as root"))
    func aFullDiskLeavesTheOlderCheckpoint() throws {
        let disk = try SmallDisk(options: "size=2m")
        let run = disk.path + "/run"
        let process = try Command.start(["train", data.config, "--out", run, "--quiet", "--threads", "1"])
        while process.isRunning, steps(run) < 20 { usleep(200) }
        // One page is left, so that the tables grow a little further but the checkpoint does not fit.
        try disk.fill(leaving: 4096)
        process.waitUntilExit()
        #expect(process.terminationReason == .exit && process.terminationStatus == 74)
        #expect(throws: Never.self) { try Safetensors(file: run + "/checkpoint.safetensors") }
        #expect(!disk.files.contains { $0.hasSuffix(".new") }, "\(disk.files)")
        try FileManager.default.removeItem(atPath: disk.path + "/filler")
        let outcome = try Command.medseg("train", "--resume", run, "--quiet", "--threads", "1")
        #expect(outcome.status == 0, "\(outcome.errors)")
        try expectSame(run)
    }

    @Test func theWholeConfigurationIsPrinted() throws {
        let printed = try Command.medseg("train", data.config, "--print-config", "--set", "seed=7")
        #expect(
            printed.status == 0 && printed.output.contains("recompute: false") && printed.output.contains("seed: 7"))
        try data.folder.write(Array(printed.output.utf8), as: "whole.yaml")
        let again = try Command.medseg("train", data.folder.file("whole.yaml"), "--print-config")
        #expect(again.output == printed.output)
    }
}

extension Array {
    /// The first two elements.
    fileprivate var pair: (Element, Element) { (self[0], self[1]) }
}
