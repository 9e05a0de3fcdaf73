import ArgumentParser
import SegImaging

/// Options for postprocessing a mask in addition to the steps of the model's description.
struct PostProcessingArguments: ParsableArguments {
    @Flag(help: "Keep only the largest connected component of each label.")
    var largestComponent = false

    @Flag(help: "Fill background that a label encloses.")
    var fillHoles = false

    @Option(help: "Remove connected components of a label smaller than this many ml.")
    var minVolume: Double?

    @Option(help: "The neighbours of a voxel: those that share a face (6), also an edge (18), also a corner (26).")
    var connectivity: Int?

    /// The steps of the description with those of the options added.
    func added(to described: PostProcessing) throws -> PostProcessing {
        var steps = described
        if largestComponent { steps.keepsLargest = true }
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
}
