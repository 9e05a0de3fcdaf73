import Foundation
import SegData
import SegModels

/// Which cases a training saw: the `split.json` of a run folder.
struct CaseSplit: Codable {
    let training: [String]
    let validation: [String]

    init(_ split: Dataset.Split) {
        training = split.training.map(\.name)
        validation = split.validation.map(\.name)
    }

    /// Reads a `split.json`.
    init(file: String) throws {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw ConfigError(.noInput, source: file, key: nil, "cannot be read; a run folder holds a split.json")
        }
        do {
            self = try JSONDecoder().decode(CaseSplit.self, from: data)
        } catch {
            throw ConfigError(source: file, key: nil, "should list case names under 'training' and 'validation'")
        }
    }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}
