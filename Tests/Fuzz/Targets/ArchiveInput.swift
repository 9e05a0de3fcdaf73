internal import Foundation
internal import SegData

/// Archives of datasets.
enum ArchiveInput {
    /// Runs a whole import, which must leave the complete dataset or nothing.
    static func importing(_ input: [UInt8], _ folder: FuzzFolder) throws {
        try folder.clear()
        let archive = try folder.write(input, as: "archive")
        let target = URL(fileURLWithPath: folder.file("dataset"))
        let importing = DatasetImport(archive, to: target, patterns: nil, transfer: .copy, md5: nil)
        let found = try unlessRefused { try importing.run { _ in } }
        let expected: Set = found == nil ? ["archive"] : ["archive", "dataset"]
        let left = Set(try folder.names())
        try insist(left == expected, "an import left \(left.subtracting(expected).sorted())")
    }
}
