internal import Foundation
internal import SegImaging

/// The checks that compare all cases.
struct CohortExamination {
    private let dataset: Dataset
    private let records: [CaseRecord]
    private let labels: LabelScheme?

    /// - Parameter labels: The numbers of label maps that a configuration trains on; nil without one.
    init(dataset: Dataset, records: [CaseRecord], labels: LabelScheme?) {
        self.dataset = dataset
        self.records = records
        self.labels = labels
    }

    var findings: [DatasetFinding] {
        duplicates + spacingOutliers + convertedAffines + unusedClasses + unusedNumbers
    }

    /// Images with the same bytes: sooner or later one is in training and the other in validation.
    private var duplicates: [DatasetFinding] {
        let byDigest = Dictionary(grouping: records.filter { $0.digest != nil }) { $0.digest ?? "" }
        return byDigest.values.filter { $0.count > 1 }.flatMap { same in
            same.dropFirst().map { record in
                DatasetFinding(
                    name: record.name, file: record.image, defect: .duplicate, severity: .error,
                    finding: "it holds the same bytes as \(same[0].name)'s image",
                    mend:
                        "remove one of them: the same scan in training and validation makes the measured Dice too high")
            }
        }.sorted { $0.name < $1.name }
    }

    /// The factor by which a voxel edge may differ from the median before it is reported.
    private static let spacingFactor = 4.0
    /// The minimum number of cases for a meaningful median of the spacing.
    private static let fewestForMedian = 5

    private var spacingOutliers: [DatasetFinding] {
        let known = records.compactMap(\.spacing)
        guard known.count >= Self.fewestForMedian else { return [] }
        let medians = (0..<3).map { axis in known.map { $0[axis] }.sorted()[known.count / 2] }
        return records.compactMap { record in
            guard let spacing = record.spacing else { return nil }
            let ratios = (0..<3).map { max(spacing[$0] / medians[$0], medians[$0] / spacing[$0]) }
            guard let worst = ratios.max(), worst > Self.spacingFactor else { return nil }
            func text(_ values: [Double]) -> String {
                values.map { String(format: "%.3g", $0) }.joined(separator: " × ")
            }
            return DatasetFinding(
                name: record.name, file: record.image, defect: .spacingOutlier, severity: .warning,
                finding: "its voxels are \(text(spacing)) mm, but the median of the dataset is \(text(medians))",
                mend: "compare pixdim with the scanner's spacing; if it is right, consider leaving the case out")
        }
    }

    /// Reports converted affines case by case if only some cases have them, and once for the dataset if all have.
    private var convertedAffines: [DatasetFinding] {
        let suspicious = records.filter(\.hasConvertedAffine)
        guard !suspicious.isEmpty else { return [] }
        let mend = "compare with the scanner's export: the liver is on the patient's right; if not, repair the affine"
        guard suspicious.count < records.count || records.count == 1 else {
            return [
                DatasetFinding(
                    name: dataset.name, file: "dataset.json", defect: .suspiciousOrientation, severity: .warning,
                    finding:
                        "all \(records.count) affines look as if a conversion wrote them; left and right may be exchanged",
                    mend: mend)
            ]
        }
        return suspicious.map { record in
            DatasetFinding(
                name: record.name, file: record.image, defect: .suspiciousOrientation, severity: .warning,
                finding: "its affine looks as if a conversion wrote it; left and right may be exchanged", mend: mend)
        }
    }

    private var unusedClasses: [DatasetFinding] {
        let used = records.reduce(into: Set<Int>()) { $0.formUnion($1.classes) }
        guard !used.isEmpty else { return [] }
        return dataset.labels.keys.filter { $0 != 0 && !used.contains($0) }.sorted().map { label in
            DatasetFinding(
                name: dataset.name, file: "dataset.json", defect: .unusedClass, severity: .warning,
                finding: "no label map holds class \(label), '\(dataset.labels[label] ?? "")'",
                mend: "remove it from 'labels' or add cases that contain it")
        }
    }

    /// The configuration's classes and regions none of whose numbers is in any label map.
    private var unusedNumbers: [DatasetFinding] {
        let used = records.reduce(into: Set<Int>()) { $0.formUnion($1.classes) }
        guard !used.isEmpty else { return [] }
        return (labels?.groups ?? labels?.regions ?? []).filter { used.isDisjoint(with: $0.numbers) }.map { group in
            let numbers = group.numbers.map(String.init).joined(separator: ", ")
            return DatasetFinding(
                name: dataset.name, file: "dataset.json", defect: .unusedClass, severity: .warning,
                finding: "the configuration's '\(group.name)' is \(numbers), which no label map holds",
                mend: "correct its numbers in the configuration or add cases that contain it")
        }
    }
}
