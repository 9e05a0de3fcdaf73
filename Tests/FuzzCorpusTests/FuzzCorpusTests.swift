import Foundation
import SegCore
import SegFuzzTargets
import SegTestNeeds
import Testing

private let corpus = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Fuzz/corpus")

/// The program that replays inputs, in a process of its own, which a fault may crash.
private let program: URL? = {
    let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    let build = corpus.appendingPathComponent("../../../.build/release")
    return [bundle, build].map { $0.appendingPathComponent("medseg-fuzz") }
        .first { FileManager.default.isExecutableFile(atPath: $0.path) }
}()

/// Runs every input of `Tests/Fuzz/corpus`: seeds, inputs that reached new code, and all former faults.
@Suite(.needs("A build of medseg-fuzz") { program != nil }, .serialized) struct FuzzCorpusTests {
    @Test(arguments: FuzzTarget.all.map(\.name))
    func everyInputPasses(_ name: String) throws {
        let inputs = try FileManager.default.contentsOfDirectory(
            at: corpus.appendingPathComponent(name), includingPropertiesForKeys: nil)
        #expect(!inputs.isEmpty)
        try replay(inputs.map(\.path).sorted(), target: name)
    }

    /// Feeds files to a target; each must pass within 5 s of the processor and 1 GiB.
    private func replay(_ files: [String], target: String) throws {
        let output = FileManager.default.temporaryDirectory.appendingPathComponent("medseg-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: output) }
        try Data().write(to: output)
        let process = Process()
        process.executableURL = program
        process.arguments = files
        process.environment = ProcessInfo.processInfo.environment.merging(["FUZZ_TARGET": target]) { $1 }
        let handle = try FileHandle(forWritingTo: output)
        (process.standardOutput, process.standardError) = (handle, handle)
        try process.run()
        process.waitUntilExit()
        let text = try String(contentsOf: output, encoding: .utf8)
        #expect(process.terminationReason == .exit && process.terminationStatus == 0, "\(text.suffix(2000))")
        #expect(text.split(separator: "\n").count { $0.hasPrefix("passed: ") } == files.count)
    }

    /// 30 MB of empty tuples once took 2 GiB: marks, tuples, lists, dictionaries, and tuples that are remembered.
    @Test(arguments: ["(", ")", "]", "}", ")\u{94}"])
    func picklesOfTooManyValuesStayWithinTheMemory(_ piece: String) throws {
        let pieces = Array(
            repeatElement(piece.unicodeScalars.map { UInt8($0.value) }, count: Limits.pickleNodes).joined())
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("medseg-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(pieces).write(to: URL(fileURLWithPath: path))
        try replay([path], target: "pickle")
    }

    @Test func everyFolderHasATarget() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: corpus.path)
        #expect(Set(folders) == Set(FuzzTarget.all.map(\.name)))
    }
}
