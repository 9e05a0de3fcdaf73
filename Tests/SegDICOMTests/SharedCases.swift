import CDicom
import Foundation
import Testing

/// Whether the library with DCMTK exists beside the tests.
let hasDicomLibrary: Bool = {
    var reason: UnsafePointer<CChar>?
    return dicom_library_open(&reason) != nil
}()

/// Real and derived DICOM beside the package, which a checkout may lack.
enum SharedCases {
    static let folder: String = {
        if let named = ProcessInfo.processInfo.environment["MEDSEG_SHARED"] { return named + "/data" }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return root.deletingLastPathComponent().appendingPathComponent("shared/data").standardizedFileURL.path
    }()

    static let isThere = FileManager.default.fileExists(atPath: folder + "/dicom/expected.json")

    /// A case by its folder and name, such as `dicom/derived/ct_plain`.
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var expect: String
        var testDescription: String { name }
        var path: String { SharedCases.folder + "/" + name }
        var entry: [String: Any] { SharedCases.expected[name] ?? [:] }
        var volumes: [[String: Any]] { entry["volumes"] as? [[String: Any]] ?? [] }
    }

    nonisolated(unsafe) static let expected: [String: [String: Any]] = {
        var all: [String: [String: Any]] = [:]
        for set in ["dicom", "dicom_second"] {
            guard let data = FileManager.default.contents(atPath: "\(folder)/\(set)/expected.json"),
                let entries = try? JSONSerialization.jsonObject(with: data) as? [String: [String: Any]]
            else { continue }
            for (name, entry) in entries { all["\(set)/\(name)"] = entry }
        }
        return all
    }()

    /// The cases of some kinds: `volume`, `choose`, `refuse`, `pixels`, `segmentation`, `structures`.
    static func cases(_ kinds: String...) -> [Case] {
        expected.compactMap { name, entry in
            guard let expect = entry["expect"] as? String, kinds.contains(expect) else { return nil }
            return Case(name: name, expect: expect)
        }.sorted { $0.name < $1.name }
    }
}
