import Foundation
import SegFuzzTargets
import Testing

/// Runs every input of `Tests/Fuzz/corpus`: seeds, inputs that reached new code, and all former faults.
@Suite(.serialized) struct FuzzCorpusTests {
    private static let corpus = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Fuzz/corpus")

    @Test(arguments: FuzzTarget.all.map(\.name))
    func everyInputPasses(_ name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        let inputs = try FileManager.default.contentsOfDirectory(
            at: Self.corpus.appendingPathComponent(name), includingPropertiesForKeys: nil)
        #expect(!inputs.isEmpty)
        let folder = try FuzzFolder()
        for input in inputs {
            let bytes = Array(try Data(contentsOf: input))
            let time = ContinuousClock().measure {
                #expect(throws: Never.self, "\(input.lastPathComponent)") { try target.run(bytes, folder) }
            }
            #expect(time < .seconds(5), "\(input.lastPathComponent) took \(time)")
        }
    }

    @Test func everyFolderHasATarget() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Self.corpus.path)
        #expect(Set(folders) == Set(FuzzTarget.all.map(\.name)))
    }
}
