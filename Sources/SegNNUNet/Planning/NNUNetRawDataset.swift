internal import Foundation
internal import SegCore
internal import SegInference

/// A raw dataset of nnU-Net v2: `dataset.json`, `imagesTr/CASE_0000.nii.gz` and `labelsTr/CASE.nii.gz`.
public struct NNUNetRawDataset {
    /// A case with the files of its channels.
    struct Case: Hashable {
        let name: String
        let images: [String]
        let label: String
    }

    /// The folder.
    public let folder: String
    /// The entries of `dataset.json`.
    public let training: NNUNetTrainingSet
    /// The cases in nnU-Net's order.
    let cases: [Case]

    /// Finds the files of a dataset.
    /// - Throws: `DataError` that names every entry of `dataset.json` which cannot be used, or every file that is missing.
    public init(folder: String) throws {
        self.folder = folder
        training = try NNUNetTrainingSet(file: "\(folder)/dataset.json")
        let channels = training.dataset.channels.count
        cases = try training.listed ?? Self.cases(in: folder, ending: training.ending, channels: channels)
        let faults = FaultList(source: folder, key: nil)
        if cases.count != training.caseCount {
            faults.part {
                throw DataError(
                    .badData, training.file, key: "numTraining",
                    "is \(training.caseCount), but there are \(cases.count) training cases")
            }
        }
        for item in cases { faults.part { try Self.check(item, channels: channels) } }
        try faults.finish()
    }

    /// The names of the cases.
    public var names: [String] { cases.map(\.name) }

    /// The file of the dataset's own folds; nil if there is none.
    public var ownFolds: String? {
        let file = "\(folder)/splits_final.json"
        return FileManager.default.fileExists(atPath: file) ? file : nil
    }

    /// Finds cases by the names of their scans, in the order of the names' code points.
    private static func cases(in folder: String, ending: String, channels: Int) throws -> [Case] {
        let images = "\(folder)/imagesTr"
        guard let files = try? FileManager.default.contentsOfDirectory(atPath: images) else {
            throw DataError(.noInput, images, "is missing; it should hold the training scans, CASE_0000\(ending)")
        }
        let scans = files.filter { $0.hasSuffix(ending) && !$0.hasPrefix(".") }
        let pattern = #"^.+_[0-9]{4}$"#
        let stems = scans.map { String($0.dropLast(ending.count)) }
        if let odd = stems.sorted().first(where: { $0.range(of: pattern, options: .regularExpression) == nil }) {
            throw DataError(
                .badData, "\(images)/\(odd)\(ending)",
                "should be called CASE_0000\(ending), by its case and its channel")
        }
        let groups = Dictionary(grouping: stems.sorted()) { String($0.dropLast("_0000".count)) }
        guard !groups.isEmpty else {
            throw DataError(.noInput, images, "holds no scan whose name ends in \(ending)")
        }
        let sorted = groups.sorted { $0.key.unicodeScalars.lexicographicallyPrecedes($1.key.unicodeScalars) }
        return sorted.map { name, scans in
            Case(
                name: name, images: scans.map { "\(images)/\($0)\(ending)" },
                label: "\(folder)/labelsTr/\(name)\(ending)")
        }
    }

    private static func check(_ item: Case, channels: Int) throws {
        guard item.images.count == channels else {
            throw DataError(
                .badData, item.name, "has \(item.images.count) scans, but dataset.json names \(channels) channels")
        }
        for file in item.images + [item.label] where !FileManager.default.fileExists(atPath: file) {
            throw DataError(.noInput, file, "is missing")
        }
    }
}
