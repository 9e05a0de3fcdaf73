import Foundation

/// Real volumes beside the package, which a checkout may lack.
enum SharedData {
    static let folder: String = {
        if let named = ProcessInfo.processInfo.environment["MEDSEG_SHARED"] { return named + "/data" }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return root.deletingLastPathComponent().appendingPathComponent("shared/data").standardizedFileURL.path
    }()

    static var isThere: Bool { FileManager.default.fileExists(atPath: folder + "/expected.json") }

    static func path(_ name: String) -> String { folder + "/" + name }

    /// The files in expected.json.
    static let names: [String] = expected.keys.sorted()

    nonisolated(unsafe) static let expected: [String: Any] = {
        guard let data = FileManager.default.contents(atPath: folder + "/expected.json"),
            let all = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
        else { return [:] }
        return all
    }()
}

/// A folder that a test fills, removed with the value.
final class ScratchFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("seg-imaging-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    @discardableResult
    func write(_ bytes: [UInt8], as name: String) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }
}
