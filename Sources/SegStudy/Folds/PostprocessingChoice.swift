package import SegCore
package import SegImaging
internal import SegMetrics

/// The connected components that are removed from masks, chosen by out-of-fold predictions; nnU-Net's
/// `determine_postprocessing`.
///
/// First, only the largest component of all the foreground together is kept: this step is used if the mean Dice rises and no
/// class's Dice falls. Then, if there are several classes, only the largest component of each class is kept: this step is used
/// if the Dice of the class rises.
package struct PostprocessingChoice {
    /// The results of the steps on the cases. A step for one class changes no other class, therefore one pass over each
    /// mask measures all steps.
    package struct Trials {
        private let labels: [Int]
        /// The masks as predicted, and with only the largest component of all the foreground.
        private(set) var plain: ValidationSummary
        package private(set) var together: ValidationSummary
        /// The same masks with only the largest component of each class.
        private(set) var plainAlone: ValidationSummary
        private(set) var togetherAlone: ValidationSummary

        package init(labels: [Int]) {
            self.labels = labels
            let none = ValidationSummary(labels: labels)
            (plain, together, plainAlone, togetherAlone) = (none, none, none, none)
        }

        /// Tries the steps on a case.
        package mutating func add(_ measured: FoldValidation.Measured) {
            var joined = measured.prediction
            MaskStep.keepAllLargest(labels.map { UInt8($0) }).apply(to: &joined, size: measured.label.size)
            add(measured, measured.prediction, &plain, &plainAlone)
            add(measured, joined, &together, &togetherAlone)
        }

        private func add(
            _ measured: FoldValidation.Measured, _ mask: [UInt8], _ whole: inout ValidationSummary,
            _ alone: inout ValidationSummary
        ) {
            whole.add(files: measured.files, ConfusionCounts.of(measured, prediction: mask, labels))
            var sifted = mask
            for label in labels {
                MaskStep.keepAllLargest([UInt8(label)]).apply(to: &sifted, size: measured.label.size)
            }
            alone.add(files: measured.files, ConfusionCounts.of(measured, prediction: sifted, labels))
        }
    }

    /// All labels, if the largest component of their union is kept; otherwise nil.
    private let joined: [Int]?
    /// The labels whose own largest component is kept.
    private let chosen: [Int]
    /// The cases after the steps.
    package let after: ValidationSummary
    /// The cases before the steps.
    package let before: ValidationSummary

    /// Chooses the steps.
    /// - Parameter choosing: False for no steps, for example if a model has its own steps.
    package init(_ trials: Trials, labels: [Int], choosing: Bool = true) {
        func rises(_ after: ValidationSummary, over before: ValidationSummary, _ label: Int) -> Bool {
            guard let new = after.meanDice(of: label), let old = before.meanDice(of: label) else { return false }
            return new > old
        }
        let (plain, together) = (trials.plain, trials.together)
        let falls = labels.contains { rises(plain, over: together, $0) }
        let isDefined = labels.allSatisfy { plain.meanDice(of: $0) != nil }
        let joins = choosing && isDefined && !falls && together.foregroundDice ?? 0 > plain.foregroundDice ?? 0
        let (source, alone) = joins ? (together, trials.togetherAlone) : (plain, trials.plainAlone)
        joined = joins ? labels : nil
        chosen = choosing && labels.count > 1 ? labels.filter { rises(alone, over: source, $0) } : []
        before = plain
        after = source.replacing(chosen, by: alone)
    }

    /// The labels of each step, in the order of the steps.
    package var groups: [[Int]] { [joined].compactMap(\.self) + chosen.map { [$0] } }

    /// The steps.
    package var steps: [MaskStep] { groups.map { .keepAllLargest($0.map { UInt8($0) }) } }

    /// nnU-Net's `postprocessing.json`.
    package var document: ConfigValue {
        func part(_ summary: ValidationSummary) -> ConfigValue {
            guard case .object(var entries) = summary.document else { return .null }
            entries["metric_per_case"] = nil
            return .object(entries)
        }
        let labels: [ConfigValue] =
            [joined.map { .array($0.map { .int($0) }) }].compactMap(\.self) + chosen.map { .int($0) }
        return [
            "input_folder": part(before), "postprocessed": part(after),
            "postprocessing_fns": .array(
                groups.map { _ in .string("remove_all_but_largest_component_from_segmentation") }),
            "postprocessing_kwargs": .array(
                labels.map { ["labels_or_regions": $0] }),
        ]
    }
}
