import Foundation
import SegTestNeeds
import Testing

/// Every entry in docs/configuration.md is read, and every default in it is the program's.
@Suite(.needs("A build of medseg and medseg-bench") { Command.areBuilt }) struct DocumentedConfigurationTests {
    /// An entry of a configuration: its key, and its text with the key.
    struct Entry: CustomTestStringConvertible {
        let key: String
        let text: String

        /// The settings without a default, and the name, as one line.
        var least: String {
            let needed = text.replacing(/#.*/, with: "").matches(
                of: /\b(name|learning_rate|size|foreground_oversampling): ([\w.]+)/)
            return "\(key): {\(needed.map { "\($0.1): \($0.2)" }.joined(separator: ", "))}\n"
        }

        var testDescription: String { least }
    }

    /// The entries of every YAML block, in order.
    static let entries: [Entry] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/configuration.md")
        guard let text = try? String(contentsOf: file, encoding: .utf8) else { return [] }
        let blocks = text.matches(of: /```yaml\n([^`]*)```/).map { String($0.1) }
        return blocks.flatMap { block in
            block.matches(of: /(?m)^(\w+):.*\n(?: .*\n)*/).map { Entry(key: String($0.1), text: String($0.0)) }
        }
    }()

    /// Keys that a configuration may leave out or give in several ways, each tried alone.
    static let choices = [
        "preprocessing", "labels", "postprocessing", "sampling", "augmentation", "loss", "optimizer", "schedule",
    ]

    /// The configuration that the program reads from the required entries and one more.
    private func printed(with entry: String, in folder: ScratchFolder) throws -> Command.Outcome {
        let always = Self.entries.filter { !Self.choices.contains($0.key) }.map(\.text).joined()
        let optimizer = entry.hasPrefix("optimizer") ? "" : "optimizer: {learning_rate: 0.1}\n"
        let preprocessing = entry.hasPrefix("preprocessing") ? "" : "preprocessing: {}\n"
        let file = try folder.write(Array((always + optimizer + preprocessing + entry).utf8), as: "train.yaml")
        let outcome = try Command.medseg("train", file, "--print-config")
        #expect(outcome.status == 0, "\(entry)\(outcome.errors)")
        return outcome
    }

    @Test func everythingIsFound() {
        #expect(Self.entries.count > 30)
        #expect(Self.choices.allSatisfy { key in Self.entries.contains { $0.key == key } })
    }

    @Test(arguments: entries.filter { choices.contains($0.key) })
    func anEntryIsReadAndItsDefaultsAreTrue(_ entry: Entry) throws {
        let folder = try ScratchFolder()
        let whole = try printed(with: entry.text, in: folder).output
        guard !["augmentation", "labels", "preprocessing", "postprocessing"].contains(entry.key) else { return }
        #expect(try printed(with: entry.least, in: folder).output == whole)
    }
}
