internal import SegBackend
internal import SegCore
internal import SegImaging

/// The memory that a prediction of several samples takes once its scan is on the network's grid, so that one beyond what is free is refused
/// before a window is computed. What the network itself takes for a window is not counted.
struct PredictionMemory {
    /// Extents of the network's volume.
    var image: Triple
    /// Extents of the scan.
    var scan: Triple
    /// Input channels of the network.
    var inputs: Int
    /// Output channels of the network.
    var channels: Int
    /// Planes of a window.
    var planes: Int
    /// Voxels of the largest grid that a prediction passes on its way back to the scan; 0 where there is none.
    var between = 0
    /// Whether samples of mirrored volumes are among them.
    var isMirrored = false

    /// Bytes of arrays.
    var arrays: Int {
        let (network, whole) = (4 * image.count, scan.count)
        var floats = 2 * channels + 3
        if isMirrored { floats += channels + 1 }
        let rows = min(whole, max(Prediction.slab(channels: channels), scan.h * scan.w))
        // The mask with a slab of probabilities, or a map with the file that is made of it.
        let output = whole + max(4 * channels * rows, 12 * whole)
        // Several channels are laid side by side, and lie apart before that.
        let side = inputs > 1 ? inputs * network : 0
        return floats * network + side + output + 4 * channels * between
    }

    /// Bytes of tensors: the image, and the sums of logits and of weights over the planes of a window.
    var tensors: Int { 4 * (image.count * inputs + min(planes, image.d) * image.h * image.w * (channels + 1)) }

    /// Refuses what does not fit.
    /// - Throws: `DataError` of the kind `tooLarge` naming the scan.
    func check(on backend: any Backend, name: String) throws(DataError) {
        // Another device says itself when its own memory is full.
        let isHost = backend.name == "cpu" || backend.name == "reference"
        try FreeMemory.check(
            arrays: arrays, tensors: isHost ? tensors : 0, subject: name,
            for: "predicting \(channels) channels of \(image) voxels with uncertainty",
            advice: "check the spacing in its header, cut the scan, or free memory")
    }
}
