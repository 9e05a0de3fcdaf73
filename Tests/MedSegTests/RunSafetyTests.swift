import Foundation
import SegCore
import SegImaging
import SegModels
import SegTestNeeds
import Testing

/// Run folders with two processes, kills during start-up, power cuts and other programs.
@Suite(.needs("A build of medseg and medseg-bench") { Command.areBuilt }, .serialized) struct RunSafetyTests {
    private let data: SmallDataset
    private var run: String { data.folder.file("run") }

    init() throws { data = try SmallDataset() }

    private func train(_ arguments: String...) throws -> Command.Outcome {
        try Command.medseg(list: ["train", "--quiet", "--threads", "1"] + arguments)
    }

    /// A run of ten steps, which may be extended.
    private func stopped() throws {
        let first = try train(data.config, "--out", run, "--set", "checkpoint_every=5")
        try #require(first.status == 0, "\(first.errors)")
    }

    private func text(_ name: String) -> String {
        (try? String(contentsOfFile: "\(run)/\(name)", encoding: .utf8)) ?? ""
    }

    private func write(_ text: String, _ name: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(run)/\(name)"))
    }

    private func goOn() throws -> Command.Outcome { try train("--resume", run, "--set", "iterations=12") }

    private func steps(_ name: String) -> [Int] {
        text(name).split(separator: "\n").dropFirst().compactMap { $0.split(separator: ",").first.flatMap { Int($0) } }
    }

    // MARK: Two processes

    @Test func aSecondTrainingOfARunIsRefusedAndTouchesNothing() throws {
        let process = try Command.start(
            ["train", data.config, "--out", run, "--quiet", "--threads", "1", "--set", "iterations=100000"])
        defer { process.waitUntilExit() }
        defer { kill(process.processIdentifier, SIGKILL) }
        while process.isRunning, steps("training.csv").count < 12 { usleep(500) }
        func names() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: run).filter { !$0.hasPrefix(".") }.sorted()
        }
        for arguments in [["--resume", run], [data.config, "--out", run, "--force"]] {
            let files = try names()
            let second = try Command.medseg(list: ["train", "--quiet", "--threads", "1"] + arguments)
            expectFailure(second, 69, run, "another process is training into this folder", "--out")
            #expect(second.errors.split(separator: "\n").count == 1)
            #expect(try names() == files)
        }
        #expect(process.isRunning)
    }

    @Test func theLockOfAKilledTrainingKeepsNobodyOut() throws {
        let process = try Command.start(
            ["train", data.config, "--out", run, "--quiet", "--threads", "1", "--set", "iterations=100000"])
        while process.isRunning, steps("training.csv").count < 12 { usleep(500) }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        for litter in [".checkpoint.safetensors.1a.unfinished", "model/.model.json.1a.unfinished", ".config.json.new"] {
            try write("half", litter)
        }
        let rest = try train("--resume", run, "--set", "iterations=20")
        #expect(rest.status == 0, "\(rest.errors)")
        for folder in ["", "/model", "/last", "/tracking"] {
            let hidden = try FileManager.default.contentsOfDirectory(atPath: run + folder).filter { $0.hasPrefix(".") }
            #expect(hidden.isEmpty, "\(hidden)")
        }
    }

    /// A folder in which a run was killed before it wrote anything contains nothing of value.
    @Test func aFolderThatAKilledTrainingBarelyMadeIsTakenAgain() throws {
        try data.folder.write([], as: "run/.lock")
        try data.folder.write([1], as: "run/.config.json.1a.unfinished")
        let outcome = try train(data.config, "--out", run)
        #expect(outcome.status == 0, "\(outcome.errors)")
        expectFailure(try train(data.config, "--out", run), 74, "holds files already")
    }

    // MARK: The first checkpoint

    @Test func aModelWithoutCheckpointBeginsAnew() throws {
        try stopped()
        let weights = FileManager.default.contents(atPath: run + "/last/model.safetensors")
        try FileManager.default.removeItem(atPath: run + "/checkpoint.safetensors")
        let changed = try train("--resume", run, "--set", "seed=7")
        expectFailure(changed, 65, "seed was 0 and is 7")
        #expect(FileManager.default.contents(atPath: run + "/last/model.safetensors") == weights)
        let outcome = try train("--resume", run)
        #expect(outcome.status == 0 && outcome.errors.contains("no checkpoint: beginning at step 0"))
        // The earlier files of the run are not overwritten.
        #expect(outcome.errors.contains("last.before") && outcome.errors.contains("training.csv.before"))
        #expect(FileManager.default.contents(atPath: run + "/last.before/model.safetensors") == weights)
        #expect(FileManager.default.contents(atPath: run + "/last/model.safetensors") == weights)
        #expect(steps("training.csv") == Array(1...10))
    }

    /// From the start of the program, whatever its state.
    @Test func aPoliteKillAtAnyTimeEndsWithTheDocumentedCode() throws {
        for wait in stride(from: 0, to: 400_000, by: 40_000) as StrideTo<UInt32> {
            let process = try Command.start(
                [
                    "train", data.config, "--out", run, "--force", "--quiet", "--threads", "1", "--set",
                    "iterations=100000",
                ])
            // Before its first instruction a program cannot handle a signal.
            while process.isRunning, !takesTermination(process) { usleep(200) }
            usleep(wait)
            process.terminate()
            process.waitUntilExit()
            #expect(process.terminationReason == .exit && process.terminationStatus == 143, "\(wait) µs")
        }
        if FileManager.default.fileExists(atPath: run + "/config.json") {
            let rest = try train("--resume", run, "--set", "iterations=\(steps("training.csv").count + 5)")
            #expect(rest.status == 0, "\(rest.errors)")
        }
    }

    private func takesTermination(_ process: Process) -> Bool {
        let status = try? String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
        return status?.split(separator: "\n").contains { line in
            guard line.hasPrefix("SigCgt:") || line.hasPrefix("SigIgn:") else { return false }
            return (UInt64(line.dropFirst(8), radix: 16) ?? 0) >> UInt64(SIGTERM - 1) & 1 == 1
        } ?? false
    }

    // MARK: Damage

    /// Damages files like a power cut before they were on the disk.
    @Test func lostEndsOfTheTablesAreNoticed() throws {
        try stopped()
        let table = text("training.csv")
        try write(String(table.prefix(table.count / 2)), "training.csv")
        try write("step,dice\n5,0.1\n\0\0\0\0\0\0", "validation.csv")
        let journal = text("tracking/journal.jsonl")
        let eighth = try #require(journal.range(of: "\"step\":8,"))
        try write(String(journal[..<eighth.upperBound]), "tracking/journal.jsonl")
        let outcome = try goOn()
        #expect(outcome.status == 0)
        for expected in [
            "training.csv: damaged rows are put aside", "of 10 steps up to the checkpoint are missing", "the last 10)",
            "validation.csv: damaged rows are put aside in \(run)/validation.csv.damaged",
            "1 of 2 steps up to the checkpoint are missing", "journal.jsonl: 1 line is damaged",
            "the journal lacks 3 steps",
        ] { #expect(outcome.errors.contains(expected), "\(expected): \(outcome.errors)") }
        #expect(steps("training.csv").suffix(2) == [11, 12] && steps("validation.csv") == [5, 12])
        #expect(!text("training.csv").contains("\0") && text("validation.csv.damaged").contains("\0"))
    }

    @Test func aHoleInATableIsPutAside() throws {
        try stopped()
        var lines = text("training.csv").split(separator: "\n").map(String.init)
        let lost = lines[4]
        lines[4] = String(lines[4].prefix(5)) + String(repeating: "\0", count: 20)
        try write(lines.joined(separator: "\n") + "\n", "training.csv")
        let outcome = try goOn()
        #expect(outcome.status == 0 && outcome.errors.contains("1 of 10 steps"), "\(outcome.errors)")
        #expect(steps("training.csv") == [1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12])
        #expect(text("training.csv.damaged").hasPrefix(String(lost.prefix(5)) + "\0"))
        let report = try Command.medseg("report", run, "--out", data.folder.file("figures"))
        #expect(report.status == 0 && report.errors.isEmpty, "\(report.errors)")
    }

    @Test func aTableWithLineEndsOfWindowsIsTakenAsItIs() throws {
        try stopped()
        let table = text("training.csv")
        try write(table.replacing("\n", with: "\r\n"), "training.csv")
        let outcome = try goOn()
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(text("training.csv").hasPrefix(table) && steps("training.csv") == Array(1...12))
    }

    @Test func aTableThatCannotBeReadIsNotTakenForEmpty() throws {
        try stopped()
        try FileManager.default.removeItem(atPath: run + "/training.csv")
        try data.folder.write([1], as: "run/training.csv/file")
        expectFailure(try goOn(), 66, "\(run)/training.csv", "not a regular file")
    }

    @Test func whatAKillCutOffAfterTheCheckpointIsNoDamage() throws {
        try stopped()
        try write(text("training.csv") + "11,0.5", "training.csv")
        let outcome = try goOn()
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(steps("training.csv") == Array(1...12))
    }

    /// A row of another step between two, as two concurrent writers left it.
    @Test func rowsOutOfOrderArePutAside() throws {
        try stopped()
        var lines = text("training.csv").split(separator: "\n").map(String.init)
        lines.insert(lines[3], at: 7)
        try write(lines.joined(separator: "\n") + "\n", "training.csv")
        let outcome = try goOn()
        #expect(outcome.status == 0 && outcome.errors.contains("put aside"), "\(outcome.errors)")
        #expect(steps("training.csv") == Array(1...12))
    }

    @Test func aReportLeavesDamagedRowsOutAndSaysSo() throws {
        try data.folder.write(
            Array("step,seconds,learning_rate,loss\n1,0,1,0.5\n2,0,\0\0\n3,0,1,0.4\n".utf8), as: "run/training.csv")
        let report = try Command.medseg("report", run, "--out", data.folder.file("figures"))
        #expect(
            report.status == 0 && report.errors.contains("1 of 3 rows are damaged and left out"), "\(report.errors)")
    }

    // MARK: The cache

    /// Another program truncates a cached case while the run reads it.
    @Test func aCacheCutShortWhileTrainingIsAnErrorAndTheRunGoesOn() throws {
        let cache = data.folder.file("cache")
        let arguments = ["--set", "cache=\(cache)", "--set", "checkpoint_every=5", "--set", "iterations=100000"]
        let folder = try ScratchFolder()
        let errors = try folder.write([], as: "errors")
        let process = try Command.start(
            ["train", data.config, "--out", run, "--threads", "1"] + arguments, errors: errors)
        while process.isRunning, steps("training.csv").count < 12 { usleep(500) }
        for name in try FileManager.default.contentsOfDirectory(atPath: cache) { truncate("\(cache)/\(name)", 0) }
        process.waitUntilExit()
        #expect(process.terminationReason == .exit && process.terminationStatus == 66)
        #expect(try String(contentsOfFile: errors, encoding: .utf8).contains("was cut short or removed"))
        let rest = try train("--resume", run, "--set", "iterations=\(steps("training.csv").count + 3)")
        #expect(rest.status == 0, "\(rest.errors)")
    }

    // MARK: Vanished labels

    @Test func aValidationLabelThatResamplingRemovesIsNamed() throws {
        let size = SmallDataset.size
        var label = [Int16](repeating: 0, count: size.count)
        label[(5 * size.h + 5) * size.w + 5] = 1
        try data.write(label, as: "labelsTr/ct_2.nii.gz")
        let coarse = ["--set", "preprocessing.pixdim=[5, 5, 6]", "--set", "sampling.pad=true"]
        let all = try Command.medseg(list: ["train", data.config, "--out", run] + coarse)
        expectFailure(all, 65, "validation: no case has a labelled voxel left", "(ct_2)", "preprocessing.pixdim")
        #expect(!FileManager.default.fileExists(atPath: run))
        let two = try Command.medseg(
            list: ["train", data.config, "--out", run, "--set", "validation=[ct_1, ct_2]"] + coarse)
        #expect(
            two.status == 0 && two.errors.contains("ct_2: no labelled voxel of this validation case is left"),
            "\(two.errors)")
        let rows = text("validation_cases.csv").split(separator: "\n").map {
            $0.split(separator: ",", omittingEmptySubsequences: false)
        }
        #expect(rows.filter { $0[1] == "ct_2" }.allSatisfy { $0[2].isEmpty } && rows.count == 5)
        let means = text("validation.csv").split(separator: "\n").dropFirst().map { $0.split(separator: ",")[1] }
        #expect(means == rows.filter { $0[1] == "ct_1" }.map { $0[2] })
        #expect(!text("tracking/journal.jsonl").contains("case_dice/ct_2"))
        let rest = try train("--resume", run, "--set", "iterations=11")
        #expect(rest.status == 0 && !rest.errors.contains("missing"), "\(rest.errors)")
    }
}
