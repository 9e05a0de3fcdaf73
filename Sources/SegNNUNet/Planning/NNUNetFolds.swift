internal import Foundation
public import SegCore
internal import SegImaging
internal import SegInference

/// Five folds of a training set; nnU-Net's `splits_final.json`, scikit-learn's `KFold(5, shuffle=True, random_state=12345)`.
public struct NNUNetFolds {
    /// The cases of one fold.
    struct Fold: Hashable {
        let training: [String]
        let validation: [String]
    }

    let folds: [Fold]

    /// The number of folds, which is also the minimum number of cases.
    public static let count = 5
    private static let seed: UInt32 = 12_345

    /// Distributes cases over the folds; nil if there are fewer cases than folds.
    public init?(cases: [String]) {
        guard cases.count >= Self.count else { return nil }
        let names = cases.sorted { $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars) }
        var order = Array(names.indices)
        var generator = NumPyRandomState(seed: Self.seed)
        for last in order.indices.dropFirst().reversed() { order.swapAt(last, generator.randint(last + 1)) }
        var start = 0
        folds = (0..<Self.count).map { fold in
            // If the cases do not divide evenly, the first folds have one case more each.
            let size = names.count / Self.count + (fold < names.count % Self.count ? 1 : 0)
            let chosen = Set(order[start..<start + size])
            start += size
            return Fold(
                training: names.indices.filter { !chosen.contains($0) }.map { names[$0] },
                validation: chosen.sorted().map { names[$0] })
        }
    }

    /// Reads a file of folds, such as the one of a raw dataset.
    /// - Throws: `DataError` that names every entry which is wrong, or a case that the dataset does not have.
    public init(file: String, cases: [String]) throws {
        guard case .array(let entries) = try ConfigValue(jsonFile: file), !entries.isEmpty else {
            throw DataError(.badData, file, "should be a list of folds, each with train and val")
        }
        let faults = FaultList(source: file, key: nil)
        let known = Set(cases)
        folds = entries.enumerated().compactMap { number, entry in
            faults.part {
                let reader = try ConfigReader(entry, path: "\(number)", source: file)
                let (training, validation) = (
                    try reader.required("train", reader.strings("train")),
                    try reader.required("val", reader.strings("val"))
                )
                for (key, names) in [("train", training), ("val", validation)] {
                    let strange = names.filter { !known.contains($0) }
                    guard strange.isEmpty else {
                        throw reader.error(key, "names \(strange.shortList()), which the dataset does not have")
                    }
                }
                return Fold(training: training, validation: validation)
            }
        }
        try faults.finish()
    }

    /// The validation cases of a fold, after checking that the fold trains with exactly the other cases.
    /// - Throws: `DataError` if the fold does not exist, leaves cases out or trains with its validation cases. MedSeg's
    ///   training does not support the last two.
    public func validation(of fold: Int, cases: [String]) throws -> [String] {
        guard folds.indices.contains(fold) else {
            throw DataError(.badArgument, "--fold", "should be from 0 to \(folds.count - 1), or all, not \(fold)")
        }
        let (training, validation) = (Set(folds[fold].training), Set(folds[fold].validation))
        let left = cases.filter { !training.contains($0) && !validation.contains($0) }
        let both = training.intersection(validation).sorted()
        for (names, fault) in [
            (left, "leaves out \(left.shortList())"), (both, "has \(both.shortList()) in train and val"),
        ]
        where !names.isEmpty {
            throw DataError(
                .badData, "splits_final.json", key: "\(fold)",
                "\(fault); a training run uses all cases outside its validation. Remove such cases from the dataset, or "
                    + "correct the fold")
        }
        return folds[fold].validation
    }

    /// The content of the file.
    public var document: ConfigValue {
        .array(
            folds.map { fold in
                [
                    "train": .array(fold.training.map { .string($0) }),
                    "val": .array(fold.validation.map { .string($0) }),
                ]
            })
    }
}
