internal import Foundation
public import SegImaging

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

    private init(name: String, image: String, label: String) {
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
    /// The scans with labels.
    public let cases: [DatasetCase]

    /// Makes a dataset.
    public init(name: String, labels: [Int: String], cases: [DatasetCase]) {
        self.name = name
        self.labels = labels
        self.cases = cases
    }

    /// Reads a `dataset.json`, or that of a folder; every file it names must be there.
    /// - Throws: `ImagingError` naming the file and what is missing or wrong in it.
    public init(path: String) throws(ImagingError) {
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        let file = isFolder.boolValue ? URL(fileURLWithPath: path).appendingPathComponent("dataset.json").path : path
        guard exists, let data = FileManager.default.contents(atPath: file) else {
            throw ImagingError(
                .noInput, file, "cannot be read; a dataset is a folder with dataset.json, imagesTr and labelsTr")
        }
        let document: Document
        do {
            document = try JSONDecoder().decode(Document.self, from: data)
        } catch {
            throw ImagingError(.badData, file, "is not the dataset.json of a Decathlon dataset: \(Self.reason(error))")
        }
        var labels: [Int: String] = [:]
        for (number, label) in document.labels {
            guard let number = Int(number) else {
                throw ImagingError(
                    .badData, file,
                    "labels should map numbers to names, as {\"1\": \"spleen\"}, not \"\(number)\" to \(label)")
            }
            labels[number] = label
        }
        let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
        func resolve(_ path: String) -> String {
            URL(fileURLWithPath: path, relativeTo: folder).standardizedFileURL.path
        }
        // Archives made on a Mac carry resource forks under names that begin with "._".
        let pairs = document.training.filter { !URL(fileURLWithPath: $0.image).lastPathComponent.hasPrefix("._") }
        cases = DatasetCase.distinguished(
            pairs.map { DatasetCase(image: resolve($0.image), label: resolve($0.label)) })
        for path in cases.flatMap({ [$0.image, $0.label] }) where !FileManager.default.fileExists(atPath: path) {
            throw ImagingError(.noInput, path, "is named in \(file) but is not there")
        }
        guard !cases.isEmpty else { throw ImagingError(.badData, file, "names no training cases") }
        name = document.name ?? folder.lastPathComponent
        self.labels = labels
    }

    private struct Document: Decodable {
        struct Pair: Decodable {
            let image: String
            let label: String
        }
        let name: String?
        let labels: [String: String]
        let training: [Pair]
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

extension Dataset {
    /// Cases for training and for validation.
    public struct Split: Sendable {
        /// What is learnt from.
        public var training: [DatasetCase]
        /// What is only measured on.
        public var validation: [DatasetCase]
    }

    /// Sets a share of the cases aside, chosen by a seed; at least one where the share is not 0.
    /// - Throws: `ImagingError` where nothing would be left to train on.
    public func split(validation share: Double, seed: UInt32) throws(ImagingError) -> Split {
        guard share >= 0, share < 1 else {
            throw ImagingError(.badArgument, "validation", "should be at least 0 and below 1, not \(share)")
        }
        let count = share == 0 ? 0 : max(1, Int((Double(cases.count) * share).rounded()))
        guard count < cases.count else {
            throw ImagingError(
                .badData, name,
                "\(cases.count) cases leave none for training when \(count) are set aside; use validation: 0")
        }
        var random = NumPyRandomState(seed: seed)
        var order = Array(cases.indices)
        for last in order.indices.reversed().dropLast() { order.swapAt(last, random.randint(last + 1)) }
        let chosen = Set(order.prefix(count))
        return Split(
            training: cases.indices.filter { !chosen.contains($0) }.map { cases[$0] },
            validation: cases.indices.filter(chosen.contains).map { cases[$0] })
    }

    /// Sets the named cases aside.
    /// - Throws: `ImagingError` naming a case that is not in the dataset.
    public func split(validation names: [String]) throws(ImagingError) -> Split {
        for wanted in names where !cases.contains(where: { $0.name == wanted }) {
            let known = cases.map(\.name).sorted().joined(separator: ", ")
            throw ImagingError(.badData, name, "has no case '\(wanted)'; its cases: \(known)")
        }
        return Split(
            training: cases.filter { !names.contains($0.name) }, validation: cases.filter { names.contains($0.name) })
    }
}
