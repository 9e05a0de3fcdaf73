import ArgumentParser
import Foundation
import SegCore
import SegImaging
import SegInference

/// Options that change a mask after it is predicted, on top of what the model's description says.
struct PostProcessingArguments: ParsableArguments {
    @Flag(help: "Keep only the largest connected piece of each label.")
    var largestComponent = false

    @Option(help: "Keep only the largest connected piece of these labels, by name or number, as spleen,liver.")
    var largestComponentOf: String?

    @Flag(help: "Fill background that a label encloses.")
    var fillHoles = false

    @Option(help: "Drop pieces of a label smaller than this many ml.")
    var minVolume: Double?

    @Option(help: "What hangs together: voxels with a common face (6), also edge (18), also corner (26).")
    var connectivity: Int?

    /// The description's steps with the options' added.
    /// - Parameter segmenter: Whose labels the options name; nil where only the numbers of the options are checked.
    func added(to described: PostProcessing, of segmenter: Segmenter? = nil) throws -> PostProcessing {
        var steps = described
        if largestComponent, largestComponentOf != nil {
            throw UsageError(
                "--largest-component is of every label, and --largest-component-of of some; give one of them")
        }
        if largestComponent { steps.keepLargest() }
        if let largestComponentOf, let segmenter {
            let own = described.keepsLargest ? described.largestOf : []
            // What the description keeps of every label stays so.
            steps.keepLargest(of: try own.map { try $0.union(labels(largestComponentOf, of: segmenter)) })
        }
        if fillHoles { steps.fillsHoles = true }
        if let minVolume {
            guard minVolume >= 0, minVolume.isFinite else {
                throw UsageError("--min-volume should be at least 0 ml, not \(minVolume)")
            }
            steps.minimumVolumeML = minVolume
        }
        if let connectivity {
            guard let neighbours = Connectivity(rawValue: connectivity) else {
                throw UsageError("--connectivity should be 6, 18 or 26, not \(connectivity)")
            }
            steps.connectivity = neighbours
        }
        return steps
    }

    /// The numbers of labels that are named, or given by number.
    private func labels(_ list: String, of segmenter: Segmenter) throws -> Set<UInt8> {
        let names = Dictionary(
            segmenter.labelNumbers.map { (segmenter.description.className($0), $0) },
            uniquingKeysWith: { first, _ in first })
        let wanted = list.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        let found = wanted.map { word in
            names[word] ?? Int(word).flatMap { segmenter.labelNumbers.contains($0) ? $0 : nil }
        }
        let strays = zip(wanted, found).filter { $1 == nil }.map(\.0)
        guard strays.isEmpty, !wanted.isEmpty else {
            let hints = strays.compactMap { nearest(to: $0, among: Array(names.keys)) }
            let hint = hints.isEmpty ? "" : "; did you mean \(hints.joined(separator: ", "))?"
            throw UsageError(
                "--largest-component-of: the model has no \(strays.isEmpty ? "label ''" : strays.joined(separator: ", "))\(hint) It has "
                    + names.keys.sorted().shortList())
        }
        return Set(found.compactMap { $0.map { UInt8(clamping: $0) } })
    }
}
