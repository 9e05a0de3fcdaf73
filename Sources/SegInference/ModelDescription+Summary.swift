internal import SegCore
internal import SegImaging
internal import SegModels

extension ModelDescription {
    /// Lines for the user: the network, the preprocessing, the windows, the steps of the mask, and the classes with
    /// their numbers in the mask's file.
    package var summary: [String] {
        let outline = try? network.outline()
        let name = network.value["_target_"]?.text?.split(separator: ".").last.map(String.init) ?? "unknown"
        let channels = outline.map { ", \($0.inputChannels) → \($0.outputChannels) channels" } ?? ""
        var lines = ["network      \(name)\(channels)"]
        lines += preprocessing.steps.map { "scan         \($0.summary)" }
        lines.append(
            "windows      "
                + (roiSize.map { "\($0) voxels, overlap \(overlap), \(mode.rawValue) weights" } ?? "the whole scan"))
        if !mirrorAxes.isEmpty { lines.append("windows      averaged over flips along axes \(mirrorAxes)") }
        lines += maskPlan.summary(channels: outline?.outputChannels ?? 2).map { "mask         \($0)" }
        let written = labelScheme.writtenNumbers
        lines += maskLabels.sorted { $0.key < $1.key }.map { label, name in
            "\(maskPlan.isRegions ? "region" : "class ")       \(written.map { Int($0[label]) } ?? label): \(name)"
        }
        return lines
    }
}

extension ConfigValue {
    /// An entry of an object; nil if the object has no such entry.
    fileprivate subscript(key: String) -> ConfigValue? {
        if case .object(let entries) = self { entries[key] } else { nil }
    }

    fileprivate var text: String? { if case .string(let text) = self { text } else { nil } }
}

extension MaskPlan {
    /// The steps from the network's output to the mask, one line per step.
    fileprivate func summary(channels: Int) -> [String] {
        let isSigmoid = channels == 1 || probabilities == .sigmoid
        let probabilities = isSigmoid ? "probabilities of each channel (sigmoid)" : "probabilities (softmax)"
        let discrete =
            !painting.isEmpty
            ? "regions from probability \(threshold) on, painted in this order: "
                + painting.map { "channel \($0.channel) as \($0.label)" }.joined(separator: ", ")
            : isRegions
                ? "\(channels) regions, from probability \(threshold) on"
                : channels == 1 ? "class 1 from probability \(threshold) on" : "the most probable class"
        switch restoration {
        case .trilinear:
            return [probabilities + ", resampled trilinearly to the scan", discrete] + after.map(\.summary)
        case .nearest:
            return [probabilities + ", " + discrete] + before.map(\.summary) + [
                "resampled to the scan by nearest neighbour"
            ]
                + after.map(\.summary)
        case .logits:
            let classes =
                painting.isEmpty ? "the class of the largest" : "regions above probability 0.5, painted in order"
            return ["outputs resampled trilinearly to the scan", classes] + after.map(\.summary)
        case .none:
            return [probabilities + ", " + discrete] + before.map(\.summary) + ["left on the network's grid"]
        }
    }
}

extension MaskStep {
    /// The step in words for the user.
    fileprivate var summary: String {
        func of(_ labels: Labels) -> String { labels.map { " of \($0)" } ?? "" }
        switch self {
        case .keepLargest(let labels, let independent, _, let count):
            return "the largest \(count == 1 ? "connected component" : "\(count) connected components")\(of(labels))"
                + (independent ? "" : " together")
        case .keepAllLargest(let labels): return "the largest connected component\(of(labels)) together"
        case .fillHoles(let labels, _): return "holes\(of(labels)) filled"
        case .removeSmall(let least, _, _): return "connected components below \(least) voxels removed"
        case .keepLabels(let labels): return "only the labels \(labels) kept"
        }
    }
}
