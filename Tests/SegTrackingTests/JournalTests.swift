import Foundation
import SegTracking
import Testing

/// A run folder that is removed after use.
private func withRun(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("run-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
}

private func lines(_ run: String) throws -> [String] {
    try String(contentsOfFile: run + "/tracking/journal.jsonl", encoding: .utf8).split(separator: "\n").map(String.init)
}

private func events(_ run: String) throws -> [TrackingEvent] {
    try lines(run).map { try JSONDecoder().decode(TrackingEvent.self, from: Data($0.utf8)) }
}

private func tracker(_ run: String) throws -> RunTracker {
    try RunTracker(runFolder: run, name: "test", server: nil, note: { _ in })
}

@Suite struct JournalTests {
    @Test func everythingLoggedStandsInTheJournalInOrder() throws {
        try withRun { run in
            let tracker = try tracker(run)
            try tracker.log(parameters: ["seed": "1"])
            try tracker.log(metrics: ["train/loss": 0.5, "odd": .nan], step: 1)
            try Data([1]).write(to: URL(fileURLWithPath: run + "/model.json"))
            try tracker.log(artifact: "model.json")
            try tracker.log(artifact: "absent.json")
            #expect(try tracker.finish(.finished) == nil)
            let events = try events(run)
            #expect(events.count == 5)
            guard case .begin(_, "test", _) = events[0], case .metrics(let values, 1, _) = events[2] else {
                Issue.record("\(events)")
                return
            }
            #expect(events[1] == .parameters(["seed": "1"]))
            #expect(values["train/loss"] == 0.5 && values["odd"]?.isNaN == true)
            #expect(events[3] == .artifact(path: "model.json"))
        }
    }

    @Test func aResumedRunWritesNoStepTwiceAndCutsATornLine() throws {
        try withRun { run in
            let first = try tracker(run)
            for step in 1...5 { try first.log(metrics: ["loss": Double(step)], step: step) }
            let path = run + "/tracking/journal.jsonl"
            let whole = try lines(run)
            let torn = whole.dropLast().joined(separator: "\n") + "\n" + whole[5].prefix(20)
            try Data(torn.utf8).write(to: URL(fileURLWithPath: path))

            let second = try tracker(run)
            #expect(second.isContinued)
            for step in 3...6 { try second.log(metrics: ["loss": Double(step), "new": 1], step: step) }
            var steps: [String: [Int]] = [:]
            for case .metrics(let values, let step, _) in try events(run) {
                for key in values.keys { steps[key, default: []].append(step) }
            }
            #expect(steps == ["loss": [1, 2, 3, 4, 5, 6], "new": [3, 4, 5, 6]])
        }
    }

    @Test func namesAreMadeFitForMLflow() throws {
        try withRun { run in
            let tracker = try tracker(run)
            try tracker.log(metrics: ["dice/../case (1)//ä": 1, "": 2, "plain_name-1.5:x": 3], step: 0)
            try tracker.log(parameters: ["long": String(repeating: "x", count: 7000)])
            let events = try events(run)
            guard case .metrics(let values, 0, _) = events[1], case .parameters(let parameters) = events[2] else {
                Issue.record("\(events)")
                return
            }
            #expect(values.keys.sorted() == ["_", "dice/_2e__2e_/case _28_1_29_/_e4_", "plain_name-1.5:x"])
            #expect(parameters["long"]?.count == 6000)
        }
    }

    @Test func damagedAndAbsentJournalsAreNamed() throws {
        try withRun { run in
            let server = try TrackingServer(uri: "http://127.0.0.1:9/", experiment: "e", environment: [:])
            #expect(server.uri == "http://127.0.0.1:9")
            let absent = #expect(throws: TrackingError.self) {
                _ = try TrackingSync(runFolder: run, server: server, timeout: 1, note: { _ in })
            }
            #expect(absent?.description.contains(run) == true)
            _ = try tracker(run)
            let handle = try #require(FileHandle(forWritingAtPath: run + "/tracking/journal.jsonl"))
            try handle.seekToEnd()
            try handle.write(contentsOf: Data("{\"event\":\"nonsense\"}\n".utf8))
            var notes: [String] = []
            let journal = try Journal(runFolder: run) { notes.append($0) }
            #expect(journal.isContinued && notes.count == 1 && notes[0].contains("1 line is damaged"))
        }
    }

    @Test(arguments: ["sqlite:///mlflow.db", "databricks", "http://", "http://user:secret@host:5000", ""])
    func addressesThatAreNoServerAreRefusedWithoutTheirSecrets(_ uri: String) {
        let error = #expect(throws: TrackingError.self) {
            try TrackingServer(uri: uri, experiment: "e", environment: [:])
        }
        #expect(error?.description.contains("secret") == false)
    }

    @Test func onlyOneProcessSendsAJournal() throws {
        try withRun { run in
            _ = try tracker(run)
            let server = try TrackingServer(uri: "http://127.0.0.1:9", experiment: "e", environment: [:])
            let sync = try TrackingSync(runFolder: run, server: server, timeout: 1, note: { _ in })
            #expect(throws: TrackingError.self) {
                _ = try TrackingSync(runFolder: run, server: server, timeout: 1, note: { _ in })
            }
            let refused = #expect(throws: TrackingError.self) { _ = try sync.send() }
            #expect(refused?.description.contains("events waiting: 1") == true)
            let kept = #expect(throws: TrackingError.self) { try Journal.remove(runFolder: run) }
            #expect(kept?.description.contains("is sending this journal") == true)
            #expect(try lines(run).count == 1)
            withExtendedLifetime(sync) {}
        }
    }

    @Test func aJournalIsRemovedWithAllThatIsBesideIt() throws {
        try withRun { run in
            try Journal.remove(runFolder: run)
            _ = try tracker(run)
            try Journal.remove(runFolder: run)
            #expect(!FileManager.default.fileExists(atPath: run + "/tracking"))
        }
    }
}
