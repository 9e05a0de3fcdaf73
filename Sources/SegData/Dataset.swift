internal import Foundation
public import SegCore
internal import SegImaging

/// A labelled case of a dataset.
public struct DatasetCase: Hashable, Sendable {
    /// The first image's file name without its file extension, and without the `_0000` of a first channel.
    public let name: String
    /// The scans of the case, one per channel; or one file, which may hold several channels.
    public let images: [String]
    /// The label map.
    public let label: String

    /// The first scan, which identifies the case in messages.
    public var image: String { images[0] }

    /// Creates a case from a scan and its label map.
    public init(image: String, label: String) {
        self.init(name: ScanFile.stem(of: image), images: [image], label: label)
    }

    /// Creates a case from scans and their label map under a given name.
    public init(name: String, images: [String], label: String) {
        precondition(!images.isEmpty, "a case needs an image")
        self.name = name
        self.images = images
        self.label = label
    }
}

/// A scan that is not used for training.
public struct TestScan: Hashable, Sendable {
    /// The first image's file name without its file extension, and without the `_0000` of a first channel.
    public let name: String
    /// The scans of the case, one per channel; or one file, which may hold several channels.
    public let images: [String]
    /// The label map; nil if there is none.
    public let label: String?
}

/// A dataset in the layout of the Medical Segmentation Decathlon: `dataset.json`, `imagesTr`, `labelsTr`.
///
/// nnU-Net's raw layouts are read as well. Antonelli et al. 2022, "The Medical Segmentation Decathlon".
public struct Dataset: Sendable {
    /// The name of the dataset.
    public let name: String
    /// Names of the classes, by number; class 0 is the background.
    public let labels: [Int: String]
    /// The number of ignored voxels, nnU-Net's label `ignore`; nil for none.
    public internal(set) var ignoredLabel: Int?
    /// The name of each channel, such as CT or T1; empty if the dataset gives none.
    public let channelNames: [String]
    /// The scans with labels.
    public let cases: [DatasetCase]
    /// The scans that are set aside for a test; most have no label map.
    public let testScans: [TestScan]
    /// The splits in the index: one from its list `validation`, or one for each `fold`; usually none.
    public internal(set) var ownSplits: [CaseSplit] = []
    /// The path of the index that the notes refer to; empty if there is none.
    public internal(set) var index = ""
    /// Oddities of the index that are not errors, such as a wrong count; sentences without the index's name.
    public internal(set) var notes: [String] = []

    /// The notes for the user, each with the index's path in front.
    public var remarks: [String] { notes.map { index.isEmpty ? $0 : "\(index): \($0)" } }

    /// The files of the test scans.
    public var tests: [String] { testScans.flatMap(\.images) }

    /// Creates a dataset.
    public init(name: String, labels: [Int: String], channelNames: [String], cases: [DatasetCase], tests: [String]) {
        self.init(
            name: name, labels: labels, channelNames: channelNames, cases: cases,
            testScans: tests.map { TestScan(name: ScanFile.stem(of: $0), images: [$0], label: nil) })
    }

    /// Creates a dataset whose test scans may have label maps.
    init(name: String, labels: [Int: String], channelNames: [String], cases: [DatasetCase], testScans: [TestScan]) {
        self.name = name
        self.labels = labels
        self.channelNames = channelNames
        self.cases = cases
        self.testScans = testScans
    }

    /// Reads a `dataset.json` of the Decathlon or of nnU-Net, given as a file or by its folder; every file of a
    /// labelled case must exist.
    /// - Throws: `DataError` naming the files that are missing, or the faults of the index.
    public init(path: String) throws(DataError) {
        self = try .unchecked(path: path)
        let missing = Self.missing(of: cases.flatMap { $0.images + [$0.label] })
        guard missing.isEmpty else {
            throw DataError(
                .noInput, Self.indexFile(path),
                "names \(missing.count == 1 ? "a file that is" : "\(missing.count) files that are") not there: "
                    + "\(missing.shortList()); restore them or remove their entries")
        }
        let absent = Self.missing(of: tests)
        if !absent.isEmpty {
            notes.append("test scans that are missing: \(absent.shortList())")
        }
    }

    /// Reads a `dataset.json` without checking that the files in it exist: the doctor reports each missing file.
    /// - Throws: `DataError` if the index itself cannot be read.
    public static func unchecked(path: String) throws(DataError) -> Dataset {
        let file = indexFile(path)
        let members = try JSONDocument.members(
            of: file,
            missing: "a dataset is a folder with dataset.json, imagesTr and labelsTr, "
                + "as `medseg data import` makes of other layouts",
            form: "'labels' and 'training', as in the Decathlon")
        let dataset =
            NNUNetIndex.describes(members)
            ? try NNUNetIndex(members, file: file).dataset()
            : try DatasetIndex(members, file: file).dataset(file: file)
        if let fault = LabelScheme.sharedName(dataset.labels) {
            throw DataError(.badData, file, key: "labels", fault)
        }
        return dataset
    }

    /// The path of the index in a folder, or the file itself.
    private static func indexFile(_ path: String) -> String {
        var isFolder: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        return isFolder.boolValue ? URL(fileURLWithPath: path).appendingPathComponent("dataset.json").path : path
    }

    /// The files that do not exist.
    static func missing(of files: [String]) -> [String] {
        files.filter { !FileManager.default.fileExists(atPath: $0) }
    }

    /// Names of scans; scans that share a name get as many of their parent folders in front as are needed to
    /// distinguish them.
    /// - Throws: `DataError` if folders do not distinguish them, as for `x.nii` beside `x.nii.gz`.
    static func distinctNames(of images: [IndexedImage], source: String) throws(DataError) -> [String] {
        var names = images.map(\.name)
        for depth in 1...6 {
            let counts = Dictionary(grouping: names) { $0 }.mapValues(\.count)
            let shared = names.indices.filter { counts[names[$0], default: 1] > 1 }
            guard !shared.isEmpty else { return names }
            for index in shared {
                let folders = URL(fileURLWithPath: images[index].paths[0]).deletingLastPathComponent().pathComponents
                names[index] = (folders.dropFirst().suffix(depth) + [images[index].name]).joined(separator: "_")
            }
        }
        let counts = Dictionary(grouping: names) { $0 }.mapValues(\.count)
        let twins = names.indices.filter { counts[names[$0], default: 1] > 1 }.map { images[$0].paths[0] }
        guard twins.isEmpty else {
            throw DataError(
                .badData, source, "contains scans with the same name: \(twins.shortList()); rename or remove them")
        }
        return names
    }
}
