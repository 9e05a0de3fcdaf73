internal import SegCore
internal import SegImaging

/// A flip of a volume along some axes; its own inverse.
struct Mirror: Hashable, Sendable {
    /// The axes that are flipped.
    let axes: [Int]

    /// Flips voxels of several channels, `[size.d, size.h, size.w, channels]`.
    func callAsFunction(_ values: [Float], size: Triple, channels: Int) -> [Float] {
        guard !axes.isEmpty else { return values }
        let (flipsI, flipsJ, flipsK) = (axes.contains(0), axes.contains(1), axes.contains(2))
        return [Float](unsafeUninitializedCapacity: values.count) { output, count in
            var target = 0
            for i in 0..<size.d {
                for j in 0..<size.h {
                    let row = ((flipsI ? size.d - 1 - i : i) * size.h + (flipsJ ? size.h - 1 - j : j)) * size.w
                    for k in 0..<size.w {
                        let source = (row + (flipsK ? size.w - 1 - k : k)) * channels
                        for channel in 0..<channels {
                            output.initializeElement(at: target, to: values[source + channel])
                            target += 1
                        }
                    }
                }
            }
            count = target
        }
    }
}
