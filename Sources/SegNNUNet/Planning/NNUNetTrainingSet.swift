internal import Foundation
internal import SegCore
internal import SegInference

/// The entries of a raw dataset's `dataset.json` that a planner needs.
public struct NNUNetTrainingSet {
    /// The file.
    let file: String
    /// Channels and labels.
    let dataset: NNUNetDataset
    /// The number of entries of `labels`, including the background and an ignored label.
    let labelCount: Int
    /// The number of cases of the training set; `numTraining`.
    let caseCount: Int
    /// The file extension of scans and labels; `file_ending`.
    let ending: String
    /// The cases if the file lists them one by one with their files; nil if the folders determine them.
    let listed: [NNUNetRawDataset.Case]?
    /// The reader that the file gives; nil if the file extension decides.
    private let readerOverride: String?

    /// The readers of nnU-Net that are supported.
    static let readers = ["SimpleITKIO", "NibabelIO", "NibabelIOWithReorient", "SimpleITKIOWithReorient"]

    /// Reads the file.
    /// - Throws: `DataError` that names every entry which is missing, wrong or not supported.
    public init(file: String) throws {
        let reader = try ConfigReader(ConfigValue(jsonFile: file), path: "", source: file)
        guard reader.value("training") == nil || reader.value("file_ending") != nil else {
            throw DataError(
                .badData, file,
                "is the index of a dataset as in the Decathlon, but nnU-Net's raw dataset is needed: channel_names, labels, "
                    + "numTraining and file_ending in dataset.json, imagesTr/CASE_0000.nii.gz and labelsTr/CASE.nii.gz; "
                    + "nnU-Net's `nnUNetv2_convert_MSD_dataset -i FOLDER` makes one")
        }
        let faults = FaultList(source: file, key: nil)
        let dataset = faults.part { try NNUNetDataset(file: file) }
        if dataset != nil { faults.part { try Self.checkOrder(of: reader, file) } }
        let caseCount = faults.part { try Self.caseCount(reader) }
        let ending = faults.part { try reader.required("file_ending", reader.string("file_ending")) }
        let stated = faults.part { try reader.string("overwrite_image_reader_writer") }
        let override = stated.flatMap { $0 == "None" ? nil : $0 }
        if let ending { faults.part { _ = try Self.reader(override, ending: ending, reader) } }
        listed = faults.part { try Self.listed(reader, file) } ?? nil
        try faults.finish()
        guard let dataset, let caseCount, let ending else { throw DataError(.badData, file, "cannot be understood") }
        self.file = file
        self.dataset = dataset
        labelCount = try ConfigValue.keys(ofObject: "labels", inJSONFile: file).count
        (self.caseCount, self.ending, readerOverride) = (caseCount, ending, override)
    }

    /// The reader of scans; `image_reader_writer`.
    /// - Parameter isSheared: Whether the first scan's axes are not perpendicular, which ITK refuses.
    func reader(isSheared: Bool) -> String {
        if let readerOverride { return readerOverride }
        return ending.lowercased() == ".nii" || isSheared && ending.lowercased() == ".nii.gz"
            ? "NibabelIO" : "SimpleITKIO"
    }

    /// Checks that the reader is supported.
    private static func reader(_ override: String?, ending: String, _ reader: ConfigReader) throws {
        if let override {
            guard readers.contains(override) else {
                throw reader.error(
                    "overwrite_image_reader_writer",
                    "'\(override)' is not supported; supported: \(readers.joined(separator: ", "))")
            }
            return
        }
        guard [".nii.gz", ".nii", ".nrrd", ".mha"].contains(ending.lowercased()) else {
            throw reader.error(
                "file_ending", "'\(ending)' is not supported; supported: .nii.gz, .nii, .nrrd, .mha")
        }
    }

    private static func caseCount(_ reader: ConfigReader) throws -> Int {
        let count = try reader.required("numTraining", reader.int("numTraining"))
        guard (1...1_000_000).contains(count) else {
            throw reader.error("numTraining", "should be from 1 to 1000000, not \(count)")
        }
        return count
    }

    /// Checks that channels are written in order: nnU-Net assigns normalisations by the written order, not by the numbers.
    private static func checkOrder(of reader: ConfigReader, _ file: String) throws {
        let key = reader.value("channel_names") == nil ? "modality" : "channel_names"
        let keys = try ConfigValue.keys(ofObject: key, inJSONFile: file)
        guard keys == keys.indices.map(String.init) else {
            throw reader.error(
                key,
                "should be written in the order 0 to \(keys.count - 1): nnU-Net plans in the order of the file, "
                    + "which is \(keys.joined(separator: ", "))")
        }
    }

    /// The cases of an object `dataset`, in the order of the file.
    private static func listed(_ reader: ConfigReader, _ file: String) throws -> [NNUNetRawDataset.Case]? {
        guard let entries = try reader.object("dataset") else { return nil }
        let folder = (file as NSString).deletingLastPathComponent
        func path(_ name: String) -> String { name.hasPrefix("/") ? name : "\(folder)/\(name)" }
        return try ConfigValue.keys(ofObject: "dataset", inJSONFile: file).map { name in
            let entry = try entries.required(name, entries.object(name))
            return NNUNetRawDataset.Case(
                name: name, images: try entry.required("images", entry.strings("images")).map(path),
                label: path(try entry.required("label", entry.string("label"))))
        }
    }
}
