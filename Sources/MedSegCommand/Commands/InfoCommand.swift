import ArgumentParser
import Foundation
import SegCore
import SegDICOM
import SegImaging
import SegInference

/// `medseg info`.
struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract:
            "Prints header, affine, orientation, spacing and voxel values of scans, or the input that a model expects.",
        discussion: """
            For a model folder (of MedSeg, Auto3DSeg or nnU-Net) or a MONAI bundle it prints the preprocessing, the \
            windows of inference, and how the mask is computed; with --json in the form of model.json.
            """)

    @Argument(
        help:
            "NIfTI, NRRD or MetaImage files (of a pair, the header file); DICOM folders, ZIPs or files; model folders."
    )
    var files: [String]

    @OptionGroup var bundleChanges: BundleOptions
    @OptionGroup var dicom: DicomOptions

    @OptionGroup var nnunetChoice: NNUNetOptions

    @Flag(help: "Print one JSON object; for several files, keyed by file.")
    var json = false

    func run() throws {
        let folders = files.filter(Self.isModel)
        guard folders.isEmpty else {
            guard folders.count == files.count else {
                throw UsageError(
                    "give either models or scans, not both; \(folders[0]) is a model folder")
            }
            return try describe(folders)
        }
        try bundleChanges.refuse()
        try nnunetChoice.refuse()
        try dicom.register(for: files)
        guard files.count > 1 else {
            let content = try Content(files[0])
            return print(json ? try Self.text(of: content) : "\(files[0])\n\(content)")
        }
        try describe(scans: files)
    }

    /// Prints what several files contain; a file that cannot be read does not stop the others.
    private func describe(scans files: [String]) throws {
        var (infos, failures): ([String: Content], [any Error]) = ([:], [])
        for file in files {
            do {
                let content = try Content(file)
                if !json { print("\(infos.isEmpty ? "" : "\n")\(file)\n\(content)") }
                infos[file] = content
            } catch let error as any CodedError {
                note("medseg: \(error)")
                failures.append(error)
            }
        }
        if json { print(try Self.text(of: infos)) }
        if let first = failures.first {
            throw PartialFailure(
                cause: first, "\(failures.count) of \(files.count) files could not be read; see above")
        }
    }

    private static func text(of value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    /// The content of a file: a scan, or segments of a scan.
    private enum Content: Encodable, CustomStringConvertible {
        case scan(ImageInfo)
        case segments(SegmentFile)

        init(_ file: String) throws {
            self = try SegmentFile(file).map { .segments($0) } ?? .scan(ScanFile.inspect(file))
        }

        var description: String {
            switch self {
            case .scan(let info): info.description
            case .segments(let file): file.lines.joined(separator: "\n")
            }
        }

        func encode(to encoder: any Encoder) throws {
            switch self {
            case .scan(let info): try info.encode(to: encoder)
            case .segments(let file): try ["segments": file.segments].encode(to: encoder)
            }
        }
    }

    /// Whether a path is a folder of a model and not of scans.
    private static func isModel(_ path: String) -> Bool {
        ScanFile.isFolder(path) && (ModelFolder.isThere(path) || !DicomSource.isDicom(path))
    }

    private func describe(_ folders: [String]) throws {
        for (index, folder) in folders.enumerated() {
            let source = try ModelSource(folder, network: nil, bundleChanges, nnunetChoice)
            guard let description = source.description?.description else { continue }
            if json {
                print(try description.value.jsonText())
            } else {
                if index > 0 { print() }
                print(
                    ([folder, "weights      \(source.files.joined(separator: ", "))"] + description.summary).joined(
                        separator: "\n"))
            }
        }
    }
}
