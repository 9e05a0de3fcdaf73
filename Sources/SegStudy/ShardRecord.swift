internal import Foundation
internal import SegCore

/// What the parts of a divided prediction have in common, in the folder that they fill: `shards.json`.
///
/// A part skips scans whose files are there, which is right only where the same was asked for.
public enum ShardRecord {
    private struct Content: Codable, Equatable {
        let version: String
        let arguments: [String]
    }

    /// Arguments that change no file that is written, with the number of values that follow each.
    private static let freeArguments = [
        "--shard": 1, "--device": 1, "--threads": 1, "--max-memory": 1, "--collect": 0, "--stages": 0, "--force": 0,
        "--quiet": 0, "-q": 0,
    ]

    /// Insists that the folder is filled by the same arguments, and writes them into it where it has none.
    /// - Parameters:
    ///   - arguments: Those of the command, `--shard` and its like included.
    ///   - replacing: Whether others may give way.
    /// - Throws: `DataError` naming the file where it holds other arguments or another version.
    public static func check(_ folder: String, arguments: [String], replacing: Bool) throws {
        let path = "\(folder)/shards.json"
        let content = Content(version: Version.current, arguments: kept(arguments))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        if replacing || !FileManager.default.fileExists(atPath: path) {
            try OutputFolder.write(String(decoding: encoder.encode(content), as: UTF8.self) + "\n", to: path)
        }
        // Read in any case: another part may have written it at the same moment.
        let found = try? JSONDecoder().decode(Content.self, from: RegularFile.contents(of: path))
        guard found == content else {
            let theirs = found.map { "MedSeg \($0.version) with: predict \($0.arguments.joined(separator: " "))" }
            throw DataError(
                .badData, path,
                "the folder is being filled by \(theirs ?? "something else"); every shard takes the same arguments but for "
                    + "--shard: repeat those, name another folder with --out, or begin anew with --force")
        }
    }

    private static func kept(_ arguments: [String]) -> [String] {
        var (kept, skipped): ([String], Int) = ([], 0)
        for argument in arguments {
            if skipped > 0 {
                skipped -= 1
            } else if let values = freeArguments[argument] {
                skipped = values
            } else if !freeArguments.contains(where: { $1 == 1 && argument.hasPrefix($0 + "=") }) {
                kept.append(argument)
            }
        }
        return kept
    }
}
