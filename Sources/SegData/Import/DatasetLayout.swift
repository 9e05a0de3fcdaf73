internal import Foundation
public import SegCore
internal import SegImaging

extension Dataset {
    /// Patterns that pair images and labels of a folder without a Decathlon index.
    public struct Patterns: Hashable, Sendable {
        /// The images, such as `*/ct.nii.gz`; the star stands for the case's name.
        public var images: String
        /// The label maps of the images, such as `*/spleen.nii.gz`.
        public var labels: String
        /// Names of the classes; empty means class 1 is "foreground".
        public var classes: [Int: String]

        /// Creates patterns.
        public init(images: String, labels: String, classes: [Int: String]) {
            self.images = images
            self.labels = labels
            self.classes = classes
        }
    }

    /// Reads a folder in one of the known layouts: the given patterns, the Decathlon's, nnU-Net's raw layout, or plain
    /// `imagesTr` and `labelsTr`.
    ///
    /// - Parameter patterns: The patterns that pair files; nil tries the other layouts.
    /// - Throws: `DataError` if no layout fits or a file of a pair is missing.
    public init(folder: String, patterns: Patterns?) throws(DataError) {
        let root = URL(fileURLWithPath: folder)
        let index = root.appendingPathComponent("dataset.json")
        if let patterns {
            self = try Self.paired(patterns, in: root)
        } else if FileManager.default.fileExists(atPath: index.path) {
            self = try Dataset.unchecked(path: folder)
        } else if FileManager.default.fileExists(atPath: root.appendingPathComponent("imagesTr").path) {
            self = try Self.plain(in: root)
        } else {
            throw DataError(
                .noInput, folder,
                "has neither dataset.json nor imagesTr; give the patterns of images and labels, "
                    + "as in --images '*/ct.nii.gz' --labels '*/spleen.nii.gz'")
        }
        guard !cases.isEmpty else { throw DataError(.noInput, folder, "holds no case with a scan and a label map") }
    }

    /// Pairs `imagesTr` with `labelsTr`, whose files all have the same file extension.
    private static func plain(in root: URL) throws(DataError) -> Dataset {
        let endings = ScanFile.singleFileEndings
        var found: [String] = []
        for ending in endings where try !CasePattern("imagesTr/*\(ending)").files(in: root).isEmpty {
            found.append(ending)
        }
        guard found.count < 2 else {
            throw DataError(
                .badData, root.appendingPathComponent("imagesTr").path,
                "holds \(found.joined(separator: " and ")) files; choose one kind, as in "
                    + "--images 'imagesTr/*.nii.gz' --labels 'labelsTr/*.nii.gz', or write a dataset.json")
        }
        let ending = found.first ?? endings[0]
        let cases = try paired(
            Patterns(images: "imagesTr/*\(ending)", labels: "labelsTr/*\(ending)", classes: [:]), in: root)
        let tests = try CasePattern("imagesTs/*\(ending)").files(in: root).values.sorted()
        return Dataset(name: cases.name, labels: cases.labels, channelNames: [], cases: cases.cases, tests: tests)
    }

    private static func paired(_ patterns: Patterns, in root: URL) throws(DataError) -> Dataset {
        let classes = patterns.classes.isEmpty ? [1: "foreground"] : patterns.classes
        return Dataset(
            name: root.lastPathComponent, labels: classes.merging([0: "background"]) { named, _ in named },
            channelNames: [],
            cases: try CasePattern.pairs(images: patterns.images, labels: patterns.labels, in: root), tests: [])
    }
}
