internal import Foundation
internal import SegCore
internal import SegImaging

/// The `dataset.json` of the Medical Segmentation Decathlon, as far as MedSeg reads and writes it.
struct DatasetIndex: Codable {
    struct Pair: Codable {
        let image: String
        let label: String
    }

    var name: String?
    var description: String?
    var modality: [String: String]?
    var tensorImageSize: String?
    var labels: [String: String]
    var numTraining: Int?
    var numTest: Int?
    var training: [Pair]
    var test: [String]?

    private enum CodingKeys: String, CodingKey {
        case name, description, modality, tensorImageSize, labels, numTraining, numTest, training, test
    }

    init(name: String, description: String, modality: String?, labels: [Int: String], training: [Pair], test: [String])
    {
        self.name = name
        self.description = description
        self.modality = modality.map { ["0": $0] }
        tensorImageSize = "3D"
        self.labels = Dictionary(uniqueKeysWithValues: labels.map { (String($0.key), $0.value) })
        numTraining = training.count
        numTest = test.count
        self.training = training
        self.test = test
    }

    /// Reads what decides; of the free texts one of another type than usual is passed over.
    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        labels = try container.decode([String: String].self, forKey: .labels)
        training = try container.decode([Pair].self, forKey: .training)
        name = try? container.decode(String.self, forKey: .name)
        modality = try? container.decode([String: String].self, forKey: .modality)
        test = try? container.decode([String].self, forKey: .test)
    }

    /// Reads an index, or that of a folder, and the file it stands in.
    static func read(_ path: String) throws(DataError) -> (index: DatasetIndex, file: String) {
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        let file = isFolder.boolValue ? URL(fileURLWithPath: path).appendingPathComponent("dataset.json").path : path
        guard exists, let data = FileManager.default.contents(atPath: file) else {
            throw DataError(
                .noInput, file,
                "cannot be read; a dataset is a folder with dataset.json, imagesTr and labelsTr, "
                    + "as `medseg data import` makes of other layouts")
        }
        do {
            return (try JSONDecoder().decode(DatasetIndex.self, from: data), file)
        } catch {
            throw DataError(.badData, file, "is not the dataset.json of a Decathlon dataset: \(reason(error))")
        }
    }

    /// The dataset it describes, its paths taken relative to the index's own folder.
    func dataset(file: String) throws(DataError) -> Dataset {
        let names = try numbered(file: file)
        let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
        func resolve(_ path: String) -> String {
            URL(fileURLWithPath: path, relativeTo: folder).standardizedFileURL.path
        }
        // Archives made on a Mac carry resource forks under names that begin with "._".
        func isHidden(_ path: String) -> Bool { URL(fileURLWithPath: path).lastPathComponent.hasPrefix("._") }
        let cases = training.filter { !isHidden($0.image) }
            .map { DatasetCase(image: resolve($0.image), label: resolve($0.label)) }
        guard !cases.isEmpty else { throw DataError(.badData, file, "names no training cases") }
        if let twice = Dictionary(grouping: cases, by: \.image).first(where: { $0.value.count > 1 }) {
            throw DataError(
                .badData, file,
                "names \(twice.key) \(twice.value.count) times; a case that is trained and measured on proves nothing")
        }
        return Dataset(
            name: name ?? folder.lastPathComponent, labels: names, modality: modality?["0"],
            cases: DatasetCase.distinguished(cases), tests: (test ?? []).filter { !isHidden($0) }.map(resolve))
    }

    private func numbered(file: String) throws(DataError) -> [Int: String] {
        var numbered: [Int: String] = [:]
        for (number, label) in labels {
            guard let number = Int(number) else {
                throw DataError(
                    .badData, file,
                    "labels should map numbers to names, as {\"1\": \"spleen\"}, not \"\(number)\" to \(label)")
            }
            numbered[number] = label
        }
        return numbered
    }

    /// Writes the index under a temporary name, then renames it.
    func write(to file: URL) throws(DataError) {
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            try encoder.encode(self).write(to: file, options: .atomic)
        } catch {
            throw DataError(
                .cannotWrite, file.path,
                "cannot be written (\(error.localizedDescription)); check space and permissions.")
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch error as? DecodingError {
        case .keyNotFound(let key, _): "'\(key.stringValue)' is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "'\(context.codingPath.map(\.stringValue).joined(separator: "."))' has the wrong type"
        default: "it is not valid JSON"
        }
    }
}
