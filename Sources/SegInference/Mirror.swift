internal import SegImaging

/// A mirror image of a volume; its own inverse.
struct Mirror: Hashable, Sendable {
    /// The axes that run backwards.
    let axes: [Int]

    /// Voxels of some channels each, `[size.i, size.j, size.k, channels]`, mirrored.
    func callAsFunction(_ values: [Float], size: Size3, channels: Int) -> [Float] {
        guard !axes.isEmpty else { return values }
        let (flipsI, flipsJ, flipsK) = (axes.contains(0), axes.contains(1), axes.contains(2))
        return [Float](unsafeUninitializedCapacity: values.count) { output, count in
            var target = 0
            for i in 0..<size.i {
                for j in 0..<size.j {
                    let row = ((flipsI ? size.i - 1 - i : i) * size.j + (flipsJ ? size.j - 1 - j : j)) * size.k
                    for k in 0..<size.k {
                        let source = (row + (flipsK ? size.k - 1 - k : k)) * channels
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
