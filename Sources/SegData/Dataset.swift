internal import Foundation
public import SegCore
internal import SegImaging

/// A labelled scan of a dataset.
public struct DatasetCase: Hashable, Sendable {
    /// The image's file name without its endings.
    public let name: String
    /// The scan.
    public let image: String
    /// Its label map.
    public let label: String

    /// Names a scan and its label map.
    public init(image: String, label: String) {
        self.init(name: NIfTI.stem(of: image), image: image, label: label)
    }

    /// A scan and its label map under a given name.
    init(name: String, image: String, label: String) {
        self.name = name
        self.image = image
        self.label = label
    }

    /// Cases of which several would have one name, with the names of their folders before it.
    static func distinguished(_ cases: [DatasetCase]) -> [DatasetCase] {
        let counts = Dictionary(grouping: cases, by: \.name).mapValues(\.count)
        return cases.map { item in
            guard counts[item.name, default: 1] > 1 else { return item }
            let folder = URL(fileURLWithPath: item.image).deletingLastPathComponent().lastPathComponent
            return DatasetCase(name: "\(folder)_\(item.name)", image: item.image, label: item.label)
        }
    }
}

/// A dataset in the layout of the Medical Segmentation Decathlon: `dataset.json`, `imagesTr`, `labelsTr`.
///
/// Antonelli et al. 2022, "The Medical Segmentation Decathlon".
public struct Dataset: Sendable {
    /// Its name.
    public let name: String
    /// Names of the classes, by number; class 0 is the background.
    public let labels: [Int: String]
    /// What scanner made the images, such as CT; nil where the dataset does not say.
    public let modality: String?
    /// The scans with labels.
    public let cases: [DatasetCase]
    /// The scans without labels.
    public let tests: [String]

    /// Makes a dataset.
    public init(name: String, labels: [Int: String], modality: String?, cases: [DatasetCase], tests: [String]) {
        self.name = name
        self.labels = labels
        self.modality = modality
        self.cases = cases
        self.tests = tests
    }

    /// Reads a `dataset.json`, or that of a folder; every file of a labelled case must be there.
    /// - Throws: `DataError` naming the file and what is missing or wrong in it.
    public init(path: String) throws(DataError) {
        let (index, file) = try DatasetIndex.read(path)
        self = try index.dataset(file: file)
        for path in cases.flatMap({ [$0.image, $0.label] }) where !FileManager.default.fileExists(atPath: path) {
            throw DataError(.noInput, path, "is named in \(file) but is not there")
        }
    }

    /// Reads a `dataset.json` without looking whether the files it names are there: the doctor says so for each.
    /// - Throws: `DataError` where the index itself cannot be read.
    public static func unchecked(path: String) throws(DataError) -> Dataset {
        let (index, file) = try DatasetIndex.read(path)
        return try index.dataset(file: file)
    }
}
