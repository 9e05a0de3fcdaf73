internal import Foundation
internal import SegCore

/// A pattern for files whose names differ in one place, such as `*/ct.nii.gz` or `masks/*_seg.nii.gz`.
struct CasePattern {
    private let before: String
    private let after: String
    private let pattern: String

    /// - Throws: `DataError` unless there is exactly one star.
    init(_ pattern: String) throws(DataError) {
        let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            throw DataError(
                .badArgument, pattern,
                "should contain one star, which stands for the case's name, as in 'images/*.nii.gz' or '*/ct.nii.gz'")
        }
        self.pattern = pattern
        (before, after) = (String(parts[0]), String(parts[1]))
    }

    /// The files of a folder that match, keyed by the text in place of the star; hidden files are left out.
    func files(in folder: URL) throws(DataError) -> [String: String] {
        guard let paths = FileManager.default.subpaths(atPath: folder.path) else {
            throw DataError(.noInput, folder.path, "cannot be listed; check its name and permissions")
        }
        var files: [String: String] = [:]
        for path in paths where path.count > before.count + after.count {
            guard path.hasPrefix(before), path.hasSuffix(after) else { continue }
            let name = String(path.dropFirst(before.count).dropLast(after.count))
            guard !name.contains("/"), !name.hasPrefix(".") else { continue }
            files[name] = folder.appendingPathComponent(path).path
        }
        return files
    }

    /// Pairs of images and labels with the same name.
    /// - Throws: `DataError` naming an image or a label without a partner.
    static func pairs(images: String, labels: String, in folder: URL) throws(DataError) -> [DatasetCase] {
        let scans = try CasePattern(images).files(in: folder)
        let masks = try CasePattern(labels).files(in: folder)
        guard !scans.isEmpty else { throw DataError(.noInput, folder.path, "has no file like '\(images)'") }
        try check(scans, against: masks, has: "label", like: labels)
        try check(masks, against: scans, has: "image", like: images)
        return scans.keys.sorted().map { name in
            DatasetCase(name: name, images: [scans[name] ?? ""], label: masks[name] ?? "")
        }
    }

    /// Checks that every file has a partner.
    private static func check(
        _ files: [String: String], against partners: [String: String], has kind: String, like pattern: String
    ) throws(DataError) {
        let alone = files.filter { partners[$0.key] == nil }.sorted { $0.key < $1.key }
        guard let first = alone.first else { return }
        let names = alone.map { "'\($0.key)'" }.shortList()
        throw DataError(
            .badData, first.value, "has no \(kind): no file matches '\(pattern)' for \(names)")
    }
}
