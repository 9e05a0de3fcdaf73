import ArgumentParser
import Foundation
import SegCore
import SegImaging
import SegInference

/// Options for postprocessing a mask in addition to the steps of the model's description.
struct PostProcessingArguments: ParsableArguments {
    @Flag(help: "Keep only the largest connected component of each label.")
    var largestComponent = false

    @Option(help: "Keep only the largest connected component of these labels, by name or number, such as spleen,liver.")
    var largestComponentOf: String?

    @Flag(help: "Fill background that a label encloses.")
    var fillHoles = false

    @Option(help: "Remove connected components of a label smaller than this many ml.")
    var minVolume: Double?

    @Option(help: "The neighbours of a voxel: those that share a face (6), also an edge (18), also a corner (26).")
    var connectivity: Int?

    /// The steps of the description with those of the options added.
    /// - Parameter segmenter: The models whose labels the options name; nil if only the numbers of the options are checked.
    func added(to described: PostProcessing, of segmenter: Segmenter? = nil) throws -> PostProcessing {
        var steps = described
        if largestComponent, largestComponentOf != nil {
            throw UsageError(
                "--largest-component applies to every label, but --largest-component-of to some; give one of the two")
        }
        if largestComponent { steps.keepLargest() }
        if let largestComponentOf, let segmenter {
            let own = described.keepsLargest ? described.largestOf : []
            // If the description keeps the largest component of every label, that does not change.
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

    /// The classes, or channels of regions, of labels that are given by name or by their number in the mask's file.
    private func labels(_ list: String, of segmenter: Segmenter) throws -> Set<UInt8> {
        let names = Dictionary(
            segmenter.labelNumbers.map { (segmenter.description.className($0), $0) },
            uniquingKeysWith: { first, _ in first })
        let numbers = Dictionary(
            zip(segmenter.writtenLabelNumbers, segmenter.labelNumbers), uniquingKeysWith: { first, _ in first })
        let wanted = list.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        let found = wanted.map { word in
            names[word] ?? Int(word).flatMap { numbers[$0] }
        }
        let strays = zip(wanted, found).filter { $1 == nil }.map(\.0)
        guard strays.isEmpty, !wanted.isEmpty else {
            let hints = strays.compactMap { nearest(to: $0, among: Array(names.keys)) }
            let hint = hints.isEmpty ? "." : "; did you mean \(hints.joined(separator: ", "))?"
            throw UsageError(
                "--largest-component-of: the model has no "
                    + "\(strays.isEmpty ? "label ''" : strays.joined(separator: ", "))\(hint) It has "
                    + names.keys.sorted().shortList())
        }
        return Set(found.compactMap { $0.map { UInt8(clamping: $0) } })
    }
}
