internal import Foundation
public import SegCore
internal import SegImaging

extension Dataset {
    /// How the files of a folder without a Decathlon index pair up.
    public struct Patterns: Hashable, Sendable {
        /// The images, such as `*/ct.nii.gz`; the star stands for the case's name.
        public var images: String
        /// Their label maps, such as `*/spleen.nii.gz`.
        public var labels: String
        /// Names of the classes; empty means class 1 is "foreground".
        public var classes: [Int: String]

        /// Makes patterns.
        public init(images: String, labels: String, classes: [Int: String]) {
            self.images = images
            self.labels = labels
            self.classes = classes
        }
    }

    /// Reads a folder of any layout that is known: the patterns', the Decathlon's, nnU-Net's raw one, or plain
    /// `imagesTr` and `labelsTr`.
    ///
    /// - Parameter patterns: How files pair up; nil looks for one of the other layouts.
    /// - Throws: `DataError` where none is found or a file of a pair is missing.
    public init(folder: String, patterns: Patterns?) throws(DataError) {
        let root = URL(fileURLWithPath: folder)
        let index = root.appendingPathComponent("dataset.json")
        let name = root.lastPathComponent
        if let patterns {
            self = try Self.paired(patterns, in: root)
        } else if FileManager.default.fileExists(atPath: index.path) {
            if let raw = try NNUNetIndex(file: index) {
                self = try raw.dataset(in: root)
            } else {
                self = try Dataset.unchecked(path: folder)
            }
        } else if FileManager.default.fileExists(atPath: root.appendingPathComponent("imagesTr").path) {
            let plain = Patterns(images: "imagesTr/*.nii.gz", labels: "labelsTr/*.nii.gz", classes: [:])
            self = try Self.paired(plain, in: root)
        } else {
            throw DataError(
                .noInput, folder,
                "has neither dataset.json nor imagesTr; say how images and labels are named, "
                    + "as in --images '*/ct.nii.gz' --labels '*/spleen.nii.gz'")
        }
        guard !cases.isEmpty else { throw DataError(.noInput, name, "holds no labelled case") }
    }

    private static func paired(_ patterns: Patterns, in root: URL) throws(DataError) -> Dataset {
        let classes = patterns.classes.isEmpty ? [1: "foreground"] : patterns.classes
        return Dataset(
            name: root.lastPathComponent, labels: classes.merging([0: "background"]) { named, _ in named },
            modality: nil,
            cases: try CasePattern.pairs(images: patterns.images, labels: patterns.labels, in: root), tests: [])
    }
}

/// The `dataset.json` of nnU-Net's raw datasets: labels map names to numbers, images end in the channel's number.
private struct NNUNetIndex: Decodable {
    let name: String?
    let channelNames: [String: String]
    let labels: [String: Int]
    let fileEnding: String

    private enum CodingKeys: String, CodingKey {
        case name, labels
        case channelNames = "channel_names"
        case fileEnding = "file_ending"
    }

    /// Reads the index; nil where it is not nnU-Net's.
    init?(file: URL) throws(DataError) {
        guard let data = FileManager.default.contents(atPath: file.path),
            let document = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
            document["channel_names"] != nil
        else { return nil }
        do {
            self = try JSONDecoder().decode(NNUNetIndex.self, from: data)
        } catch {
            throw DataError(
                .badData, file.path,
                "is an nnU-Net index that cannot be used: labels should map names to single numbers (regions are not "
                    + "supported), file_ending should be there")
        }
        guard channelNames.count == 1 else {
            throw DataError(
                .badData, file.path, "has \(channelNames.count) channels; MedSeg's networks take scans of one")
        }
        guard [".nii.gz", ".nii"].contains(fileEnding) else {
            throw DataError(.badData, file.path, "its images are \(fileEnding); convert them to .nii.gz")
        }
    }

    func dataset(in root: URL) throws(DataError) -> Dataset {
        let cases = try CasePattern.pairs(
            images: "imagesTr/*_0000\(fileEnding)", labels: "labelsTr/*\(fileEnding)", in: root)
        let tests = try CasePattern("imagesTs/*_0000\(fileEnding)").files(in: root)
        return Dataset(
            name: name ?? root.lastPathComponent,
            labels: Dictionary(labels.map { ($0.value, $0.key) }) { first, _ in first },
            modality: channelNames.first?.value, cases: cases, tests: tests.values.sorted())
    }
}
