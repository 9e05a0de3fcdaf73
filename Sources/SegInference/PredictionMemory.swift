internal import SegBackend
internal import SegCore
internal import SegImaging

/// The memory that a prediction of several samples needs after its scan is on the network's grid. A prediction that needs
/// more than the free memory is refused before a window is computed. The network's own memory for a window is not counted.
struct PredictionMemory {
    /// The size of the network's volume.
    var image: Triple
    /// The size of the scan.
    var scan: Triple
    /// The number of input channels of the network.
    var inputs: Int
    /// The number of output channels of the network.
    var channels: Int
    /// The number of planes of a window.
    var planes: Int
    /// The number of voxels of the largest grid between the network's grid and the scan's; 0 if there is none.
    var between = 0
    /// Whether some of the samples are predictions of mirrored volumes.
    var isMirrored = false

    /// The number of bytes of arrays.
    var arrays: Int {
        let (network, whole) = (4 * image.count, scan.count)
        var floats = 2 * channels + 3
        if isMirrored { floats += channels + 1 }
        let rows = min(whole, max(Prediction.slab(channels: channels), scan.h * scan.w))
        // Either the mask and a slab of probabilities, or a map and its file, are in memory.
        let output = whole + max(4 * channels * rows, 12 * whole)
        // Several channels are in memory twice at the same time: separate and interleaved.
        let side = inputs > 1 ? inputs * network : 0
        return floats * network + side + output + 4 * channels * between
    }

    /// The number of bytes of tensors: the image, and the sums of logits and of weights for the planes of a window.
    var tensors: Int { 4 * (image.count * inputs + min(planes, image.d) * image.h * image.w * (channels + 1)) }

    /// Refuses a prediction that does not fit into memory.
    /// - Throws: `DataError` of the kind `tooLarge` naming the scan.
    func check(on backend: any Backend, name: String) throws(DataError) {
        // Any other device reports by itself that its memory is full.
        try FreeMemory.check(
            arrays: arrays, tensors: backend.usesHostMemory ? tensors : 0, subject: name,
            for: "predicting \(channels) channels of \(image) voxels with uncertainty",
            advice: "check the spacing in its header, cut the scan, or free memory")
    }
}
