internal import Foundation
public import SegCore
internal import SegData
internal import SegImaging

/// The masks of two folders that are of the same cases, as predictions beside labels.
///
/// A mask's case is its file's name without its ending, `_mask` and `_0000`: `case_0000_mask.nii.gz`, as `medseg predict` names one,
/// and `case.nii.gz`, as nnU-Net does, are of `case`. Where a folder has files of the first kind, its others are maps.
public struct MaskPairs: Sendable {
    /// Two masks of a case.
    public struct Pair: Hashable, Sendable {
        /// The case.
        public let name: String
        /// The file of the first folder.
        public let prediction: String
        /// The file of the second.
        public let reference: String
    }

    /// The cases of both folders, by name.
    public let pairs: [Pair]
    /// Files whose case the other folder does not have.
    public let alone: [String]

    /// Matches the files of two folders.
    /// - Throws: `DataError` naming a folder that holds no masks or two of one case, or where they have no case in common.
    public init(predictions: String, references: String) throws(DataError) {
        let (first, second) = (try Self.masks(in: predictions), try Self.masks(in: references))
        pairs = first.keys.sorted().compactMap { name in
            guard let prediction = first[name], let reference = second[name] else { return nil }
            return Pair(name: name, prediction: prediction, reference: reference)
        }
        guard !pairs.isEmpty else {
            throw DataError(
                .badData, predictions,
                "has no case in common with \(references); masks are matched by name, as case_mask.nii.gz or case.nii.gz "
                    + "with case.nii.gz")
        }
        alone = (first.filter { second[$0.key] == nil } + second.filter { first[$0.key] == nil }).map(\.value).sorted()
    }

    /// Whether a path is a folder that holds volumes of a file each, and no DICOM series or single mask.
    public static func isFolder(_ path: String) -> Bool { !files(in: path).isEmpty }

    private static func files(in folder: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { name in
            !name.hasPrefix(".") && ScanFile.singleFileEndings.contains(where: name.lowercased().hasSuffix)
        }.sorted()
    }

    /// The mask of each case.
    private static func masks(in folder: String) throws(DataError) -> [String: String] {
        let names = files(in: folder)
        guard !names.isEmpty else {
            throw DataError(.noInput, folder, "is no folder that holds masks; name one, or two files")
        }
        let suffix = "_mask"
        let named = names.filter { ScanFile.stem(of: $0).hasSuffix(suffix) }
        var masks: [String: String] = [:]
        for name in named.isEmpty ? names : named {
            let stem = ScanFile.stem(of: name)
            let item = CaseChannels(files: [stem.hasSuffix(suffix) ? String(stem.dropLast(suffix.count)) : stem]).name
            if let other = masks.updateValue("\(folder)/\(name)", forKey: item) {
                throw DataError(
                    .badData, folder, "\(other) and \(name) are both of the case \(item); leave one of them")
            }
        }
        return masks
    }
}

extension Evaluation {
    /// Measures the masks of a folder against those of another.
    /// - Parameter report: Called with sentences on the files.
    /// - Throws: `DataError` naming a file that cannot be read or that does not fit the other.
    public mutating func add(_ masks: MaskPairs, report: (DatasetEvaluation.Event) -> Void) throws {
        for file in masks.alone {
            report(.note(file: file, "The other folder has no mask of this case, which is left out."))
        }
        for pair in masks.pairs {
            try add(mask: pair.prediction, against: pair.reference, name: pair.name, report: report)
        }
    }
}
