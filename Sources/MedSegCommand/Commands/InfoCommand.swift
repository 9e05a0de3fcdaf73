import ArgumentParser
import Foundation
import SegImaging

/// `medseg info`.
struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Prints header, affine, orientation, spacing, and what the voxels hold, of scans.")

    @Argument(help: "NIfTI, NRRD or MetaImage files; of a pair its header.")
    var files: [String]

    @Flag(help: "Print one JSON object, of several files keyed by file.")
    var json = false

    func run() throws {
        guard json else {
            for (index, file) in files.enumerated() {
                if index > 0 { print() }
                print("\(file)\n\(try ScanFile.inspect(file))")
            }
            return
        }
        var infos: [String: ImageInfo] = [:]
        for file in files { infos[file] = try ScanFile.inspect(file) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let data = files.count == 1 ? try infos[files[0]].map(encoder.encode) : try encoder.encode(infos)
        print(String(decoding: data ?? Data(), as: UTF8.self))
    }
}
