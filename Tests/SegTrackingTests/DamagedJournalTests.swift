import Foundation
import SegTracking
import Testing

/// Journals after power cuts, full disks and two concurrent writers.
@Suite struct DamagedJournalTests {
    private let run = FileManager.default.temporaryDirectory.appendingPathComponent("run-\(UUID().uuidString)").path
    private var path: String { run + "/tracking/journal.jsonl" }

    /// Six lines, damaged, then opened again by a run that repeats steps from 2 on.
    private func reopened(_ damage: ([UInt8]) -> [UInt8]) throws -> (notes: [String], steps: [Int], aside: String?) {
        defer { try? FileManager.default.removeItem(atPath: run) }
        do {
            let journal = try Journal(runFolder: run) { _ in }
            try journal.append(.begin(key: "k", name: nil, time: 1))
            for step in 1...5 { try journal.append(.metrics(["loss": Double(step)], step: step, time: 2)) }
        }
        let whole = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
        try Data(damage(whole)).write(to: URL(fileURLWithPath: path))
        var notes: [String] = []
        do {
            let journal = try Journal(runFolder: run) { notes.append($0) }
            #expect(journal.isContinued)
            for step in 2...6 { try journal.append(.metrics(["loss": Double(step)], step: step, time: 3)) }
        }
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        let events = try lines.map { try JSONDecoder().decode(TrackingEvent.self, from: Data($0.utf8)) }
        let steps = events.compactMap { event -> Int? in
            if case .metrics(_, let step, _) = event { step } else { nil }
        }
        // A second start has nothing to report.
        _ = try Journal(runFolder: run) { Issue.record("\($0)") }
        let aside = FileManager.default.contents(atPath: path + ".damaged").map { String(decoding: $0, as: UTF8.self) }
        return (notes, steps, aside)
    }

    private func lines(_ bytes: [UInt8]) -> [[UInt8]] {
        bytes.split(separator: UInt8(ascii: "\n")).map { Array($0) + [UInt8(ascii: "\n")] }
    }

    @Test func aHoleOfNULsIsPutAsideAndFilledAgain() throws {
        let (notes, steps, aside) = try reopened { bytes in
            var bytes = bytes
            let start = lines(bytes)[..<3].joined().count - 5
            for place in start..<start + 90 { bytes[place] = 0 }
            return bytes
        }
        #expect(
            notes.count == 1 && notes[0].contains("1 line is damaged") && notes[0].contains("journal.jsonl.damaged"))
        #expect(steps == [1, 5, 2, 3, 4, 6])
        #expect(aside?.contains("\0\0") == true)
    }

    @Test func anEndOfNULsAndATornLineArePutAside() throws {
        let zeros = try reopened { $0 + [UInt8](repeating: 0, count: 4096) }
        #expect(zeros.notes.count == 1 && zeros.steps == [1, 2, 3, 4, 5, 6])
        let torn = try reopened { Array($0.dropLast(9)) }
        #expect(torn.notes.count == 1 && torn.steps == [1, 2, 3, 4, 5, 6])
        #expect(torn.aside?.hasPrefix("{\"event\"") == true)
    }

    /// Two concurrent writers, as an older program allowed.
    @Test func linesWithinLinesArePutAside() throws {
        let (notes, steps, _) = try reopened { bytes in
            let lines = lines(bytes)
            return Array((lines[..<2] + [Array(lines[2].prefix(20))] + lines[3...] + [[7, 10]]).joined())
        }
        #expect(notes.count == 1 && notes[0].contains("2 lines are damaged"))
        #expect(steps == [1, 4, 5, 2, 3, 6])
    }

    @Test func aJournalWithoutDamageIsLeftAlone() throws {
        let (notes, steps, aside) = try reopened { $0 }
        #expect(notes.isEmpty && steps == [1, 2, 3, 4, 5, 6] && aside == nil)
    }

    /// The ID of the server's run was lost with the first line; the run continues under another ID.
    @Test func aLostBeginningIsWrittenAnew() throws {
        defer { try? FileManager.default.removeItem(atPath: run) }
        do {
            let tracker = try RunTracker(runFolder: run, name: "a", server: nil, note: { _ in })
            try tracker.log(metrics: ["loss": 1], step: 1)
        }
        var bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
        bytes[3] = 0
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let server = try TrackingServer(uri: "http://127.0.0.1:9", experiment: "e", environment: [:])
        let sync = try TrackingSync(runFolder: run, server: server, timeout: 1, note: { _ in })
        let error = #expect(throws: TrackingError.self) { _ = try sync.send() }
        #expect(error?.description.contains("--resume") == true)
        _ = consume sync
        let tracker = try RunTracker(runFolder: run, name: "a", server: nil, note: { _ in })
        #expect(!tracker.isContinued && tracker.missing("loss", through: 3) == 2)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.contains("\"event\":\"begin\""))
    }
}
