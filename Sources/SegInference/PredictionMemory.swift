internal import SegBackend
internal import SegCore
internal import SegImaging

/// The memory that a prediction takes once its scan is on the network's grid, so that one beyond what is free is refused
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
    /// Maps that the mask has: one of classes, or one for each region.
    var maps = 1
    /// Voxels of the largest grid that a prediction passes on its way back to the scan; 0 where there is none.
    var between = 0
    /// Whether mean and uncertainties of several samples are gathered.
    var isUncertain: Bool
    /// Whether samples of mirrored volumes are among them.
    var isMirrored = false

    /// Bytes of arrays.
    var arrays: Int {
        let (network, whole) = (4 * image.count, scan.count)
        var floats = channels
        if isUncertain { floats += channels + 3 }
        if isMirrored { floats += channels + 1 }
        let rows = min(whole, max(Prediction.slab(channels: channels), scan.h * scan.w))
        // The mask with a slab of probabilities, or a map with the file that is made of it. Regions come back one by one.
        let mask = maps > 1 ? 2 * maps * whole : whole
        let output = max(mask + 4 * channels * rows, mask + (isUncertain ? 12 * whole : 0))
        // Several channels are laid side by side, and lie apart before that.
        let side = inputs > 1 ? inputs * network : 0
        return floats * network + side + output + 4 * channels * between
    }

    /// Bytes of tensors: the image, the sum of logits and of weights, and the probabilities.
    var tensors: Int { 4 * image.count * (inputs + 2 * channels + 1) }

    /// Refuses what does not fit.
    /// - Throws: `DataError` of the kind `tooLarge` naming the scan.
    func check(on backend: any Backend, name: String) throws(DataError) {
        // Another device says itself when its own memory is full.
        let isHost = backend.name == "cpu" || backend.name == "reference"
        try FreeMemory.check(
            arrays: arrays, tensors: isHost ? tensors : 0, subject: name,
            for: "predicting \(channels) channels of \(image) voxels"
                + (isUncertain ? " with uncertainty" : ""),
            advice: "check the spacing in its header, cut the scan, or free memory")
    }
}
