internal import Foundation
internal import SegCore

/// The mean, variance and entropies of probability volumes that are added one at a time and not kept. Welford 1962.
package struct UncertaintyAccumulator {
    private let channels: Int
    private var count = 0
    /// The mean of every class, `[voxels, channels]`.
    private var mean: [Float]
    /// Sum of the foreground probability's squared deviations from its mean.
    private var squares: [Float]
    /// Sum of the samples' entropies.
    private var entropies: [Float]

    /// Creates an accumulator without samples; one channel is the probability of class 1 against the background.
    package init(voxels: Int, channels: Int) {
        self.channels = channels
        mean = [Float](repeating: 0, count: voxels * channels)
        squares = [Float](repeating: 0, count: voxels)
        entropies = [Float](repeating: 0, count: voxels)
    }

    /// Adds a sample, `[voxels, channels]`.
    package mutating func add(_ sample: [Float]) {
        precondition(sample.count == mean.count, "a sample is not of the accumulator's volume")
        count += 1
        let (channels, share) = (channels, 1 / Float(count))
        sample.withUnsafeBufferPointer { sample in
            mean.withUnsafeMutableBufferPointer { mean in
                squares.withUnsafeMutableBufferPointer { squares in
                    entropies.withUnsafeMutableBufferPointer { entropies in
                        nonisolated(unsafe) let (sample, mean) = (sample, mean)
                        nonisolated(unsafe) let (squares, entropies) = (squares, entropies)
                        concurrently(squares.count) { part in
                            for voxel in part {
                                let base = voxel * channels
                                let before = foreground(UnsafeBufferPointer(mean), base, channels)
                                for c in base..<base + channels { mean[c] += (sample[c] - mean[c]) * share }
                                let after = foreground(UnsafeBufferPointer(mean), base, channels)
                                let value = foreground(sample, base, channels)
                                squares[voxel] += (value - before) * (value - after)
                                entropies[voxel] += entropy(sample, base, channels)
                            }
                        }
                    }
                }
            }
        }
    }

    /// The statistics of all samples.
    package struct Summary: Sendable {
        /// The mean of every class, `[voxels, channels]`.
        package let mean: [Float]
        /// The variance of the foreground probability; for n samples, the divisor is n − 1.
        package let variance: [Float]
        /// The entropy of the mean, in nats.
        package let entropy: [Float]
        /// The entropy of the mean minus the mean entropy, in nats.
        package let mutualInformation: [Float]
    }

    /// The statistics of the samples, of which there have to be at least two.
    package consuming func summary() -> Summary {
        precondition(count >= 2, "a variance needs two samples")
        let (channels, share) = (channels, 1 / Float(count))
        let freedom = Float(count - 1)
        let voxels = squares.count
        let ofMean = mean.withUnsafeBufferPointer { mean in
            [Float](unsafeUninitializedCapacity: voxels) { output, initialised in
                nonisolated(unsafe) let (mean, output) = (mean, output)
                concurrently(voxels) { part in
                    for voxel in part {
                        output.initializeElement(at: voxel, to: entropy(mean, voxel * channels, channels))
                    }
                }
                initialised = voxels
            }
        }
        for voxel in 0..<voxels {
            squares[voxel] /= freedom
            // By Jensen's inequality the value is not negative; rounding must not make it negative.
            entropies[voxel] = max(0, ofMean[voxel] - entropies[voxel] * share)
        }
        return Summary(mean: mean, variance: squares, entropy: ofMean, mutualInformation: entropies)
    }
}

/// 1 minus the background's probability, computed as the sum of the other probabilities, which keeps small values exact.
@inline(__always)
private func foreground(_ values: UnsafeBufferPointer<Float>, _ base: Int, _ channels: Int) -> Float {
    if channels == 1 { return values[base] }
    var sum: Float = 0
    for c in base + 1..<base + channels { sum += values[c] }
    return sum
}

/// −Σ p ln p over the classes.
@inline(__always)
private func entropy(_ values: UnsafeBufferPointer<Float>, _ base: Int, _ channels: Int) -> Float {
    func term(_ p: Float) -> Float { p > 0 ? -p * log(p) : 0 }
    if channels == 1 { return term(values[base]) + term(1 - values[base]) }
    var sum: Float = 0
    for c in base..<base + channels { sum += term(values[c]) }
    return sum
}
