internal import Foundation
public import SegCore
internal import SegData
internal import SegImaging

/// The masks of two folders in pairs of the same case, such as predictions and labels.
///
/// The case of a mask is its file name without the file extension, `_mask` and `_0000`: `case_0000_mask.nii.gz` of
/// `medseg predict` and `case.nii.gz` of nnU-Net both belong to `case`. If a folder has files with `_mask`, its other files
/// count as maps, not as masks.
public struct MaskPairs: Sendable {
    /// The two masks of a case.
    public struct Pair: Hashable, Sendable {
        /// The name of the case.
        public let name: String
        /// The mask in the first folder.
        public let prediction: String
        /// The mask in the second folder.
        public let reference: String
    }

    /// The cases that both folders have, sorted by name.
    public let pairs: [Pair]
    /// The files whose case is missing in the other folder.
    public let alone: [String]

    /// Matches the files of two folders.
    /// - Throws: `DataError` naming a folder if it has no masks, two masks of one case, or no case in common with the other.
    public init(predictions: String, references: String) throws(DataError) {
        let (first, second) = (try Self.masks(in: predictions), try Self.masks(in: references))
        pairs = first.keys.sorted().compactMap { name in
            guard let prediction = first[name], let reference = second[name] else { return nil }
            return Pair(name: name, prediction: prediction, reference: reference)
        }
        guard !pairs.isEmpty else {
            throw DataError(
                .badData, predictions,
                "has no case in common with \(references); masks are matched by name: case_mask.nii.gz or case.nii.gz "
                    + "with case.nii.gz")
        }
        alone = (first.filter { second[$0.key] == nil } + second.filter { first[$0.key] == nil }).map(\.value).sorted()
    }

    /// Whether a path is a folder with volumes of one file each, and not a single mask or a DICOM series.
    public static func isFolder(_ path: String) -> Bool { !files(in: path).isEmpty }

    private static func files(in folder: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { name in
            !name.hasPrefix(".") && ScanFile.singleFileEndings.contains(where: name.lowercased().hasSuffix)
        }.sorted()
    }

    /// The masks of a folder by case.
    private static func masks(in folder: String) throws(DataError) -> [String: String] {
        let names = files(in: folder)
        guard !names.isEmpty else {
            throw DataError(.noInput, folder, "is not a folder with masks; give such a folder, or two files")
        }
        let suffix = "_mask"
        let named = names.filter { ScanFile.stem(of: $0).hasSuffix(suffix) }
        var masks: [String: String] = [:]
        for name in named.isEmpty ? names : named {
            let stem = ScanFile.stem(of: name)
            let item = CaseChannels(files: [stem.hasSuffix(suffix) ? String(stem.dropLast(suffix.count)) : stem]).name
            if let other = masks.updateValue("\(folder)/\(name)", forKey: item) {
                throw DataError(
                    .badData, folder, "\(other) and \(name) both belong to the case \(item); remove one of them")
            }
        }
        return masks
    }
}

extension MaskPairs {
    /// The labels that occur in any of the masks of both folders.
    /// - Throws: `DataError` naming a file that cannot be read.
    public func labels() throws(DataError) -> Set<UInt16> {
        var isPresent = [Bool](repeating: false, count: 1 << 16)
        for pair in pairs {
            for (file, other) in [(pair.prediction, pair.reference), (pair.reference, pair.prediction)] {
                let mask = try ScanFile.readLabel(file, of: other).volume
                for label in try LabelMap.numbers(of: mask, file: file) { isPresent[Int(label)] = true }
            }
        }
        return Set((1...UInt16.max).filter { isPresent[Int($0)] })
    }
}

extension Evaluation {
    /// Measures the masks of a folder against the masks of another. Each label that occurs in any mask is measured in every
    /// case.
    /// - Parameters:
    ///   - labels: Labels that are also measured, such as those of another model's masks.
    ///   - report: Called with remarks about the files.
    /// - Throws: `DataError` naming a file that cannot be read or does not fit the other.
    public mutating func add(
        _ masks: MaskPairs, labels: Set<UInt16> = [], report: (DatasetEvaluation.Event) -> Void
    ) throws {
        let all = try masks.labels().union(labels)
        for file in masks.alone {
            report(.note(file: file, "The other folder has no mask of this case; the case is left out."))
        }
        for pair in masks.pairs {
            try add(mask: pair.prediction, against: pair.reference, name: pair.name, labels: all, report: report)
        }
    }
}
