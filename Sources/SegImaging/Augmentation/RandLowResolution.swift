internal import SegCore

/// Lowers the resolution with a probability; nnU-Net's `SimulateLowResolutionTransform`, MONAI's
/// `RandSimulateLowResolutiond(downsample_mode="nearest-exact")`.
public struct RandLowResolution: RandomPatchTransform, Hashable {
    /// The probability of a change.
    public let probability: Double
    /// The range of the factor by which the size along every axis is multiplied.
    public let zoom: ClosedRange<Double>
    private var random = NumPyRandomState(seed: 0)

    /// Creates the transform from its probability and the range of the factor.
    public init(probability: Double, zoom: ClosedRange<Double>) {
        self.probability = probability
        self.zoom = zoom
    }

    /// Restarts the random draws from a seed.
    public mutating func reseed(_ seed: UInt32) { random = NumPyRandomState(seed: seed) }

    /// Draws a factor in the range.
    public mutating func draw(channels: Int) -> (any PatchChange)? {
        guard random.rand() < probability else { return nil }
        return LowerResolution(zoom: random.uniform(zoom.lowerBound, zoom.upperBound))
    }
}

/// Samples the image on a coarser grid by nearest voxel, then interpolates trilinearly back to the full grid.
public struct LowerResolution: PatchChange, Hashable {
    /// The factor by which the size along every axis is multiplied.
    public let zoom: Double

    /// Creates the change from its factor.
    public init(zoom: Double) { self.zoom = zoom }

    /// Changes the image only, all channels alike.
    public func apply(to patch: inout Patch) {
        let size = patch.size
        patch.forEachChannel { _, voxels in
            voxels.withUnsafeMutableBufferPointer { apply(to: $0, full: size) }
        }
    }

    private func apply(to voxels: UnsafeMutableBufferPointer<Float>, full: Triple) {
        func coarse(_ extent: Int) -> Int { max(1, Int((Double(extent) * zoom).rounded(.toNearestOrEven))) }
        let small = Triple(coarse(full.d), coarse(full.h), coarse(full.w))
        let picks = (0..<3).map { axis in Self.picks(full[axis], small[axis]) }
        let picked = [Float](unsafeUninitializedCapacity: small.count) { output, count in
            for i in 0..<small.d {
                for j in 0..<small.h {
                    let (row, start) = ((i * small.h + j) * small.w, (picks[0][i] * full.h + picks[1][j]) * full.w)
                    for k in 0..<small.w { output[row + k] = voxels[start + picks[2][k]] }
                }
            }
            count = small.count
        }
        let taps = (0..<3).map { axis in Self.taps(small[axis], full[axis]) }
        var row = [Float](repeating: 0, count: small.w)
        picked.withUnsafeBufferPointer { input in
            for i in 0..<full.d {
                for j in 0..<full.h {
                    Self.blend(&row, input, taps[0][i], taps[1][j], small)
                    let start = (i * full.h + j) * full.w
                    for (k, tap) in taps[2].enumerated() {
                        voxels[start + k] = row[tap.low] * tap.lowWeight + row[tap.high] * tap.highWeight
                    }
                }
            }
        }
    }

    /// The indices and weights of two neighbouring voxels.
    private struct Tap {
        var low: Int
        var high: Int
        var lowWeight: Float
        var highWeight: Float
    }

    /// The indices of an axis that a coarser axis keeps; `interpolate(mode="nearest-exact")`.
    private static func picks(_ full: Int, _ small: Int) -> [Int] {
        let step = Float(full) / Float(small)
        return (0..<small).map { min(Int((Float($0) + 0.5) * step), full - 1) }
    }

    /// The neighbours on a coarser axis of each voxel; `interpolate(mode="trilinear", align_corners=False)`.
    private static func taps(_ small: Int, _ full: Int) -> [Tap] {
        let step = Float(small) / Float(full)
        return (0..<full).map { index in
            let place = max((Float(index) + 0.5) * step - 0.5, 0)
            let low = min(Int(place), small - 1)
            let part = min(max(place - Float(low), 0), 1)
            return Tap(low: low, high: min(low + 1, small - 1), lowWeight: 1 - part, highWeight: part)
        }
    }

    /// Sets `row` to the weighted sum of the four neighbouring coarse rows.
    private static func blend(
        _ row: inout [Float], _ input: UnsafeBufferPointer<Float>, _ i: Tap, _ j: Tap, _ size: Triple
    ) {
        let starts = (
            (i.low * size.h + j.low) * size.w, (i.low * size.h + j.high) * size.w,
            (i.high * size.h + j.low) * size.w, (i.high * size.h + j.high) * size.w
        )
        row.withUnsafeMutableBufferPointer { row in
            for k in 0..<size.w {
                let near = input[starts.0 + k] * j.lowWeight + input[starts.1 + k] * j.highWeight
                let far = input[starts.2 + k] * j.lowWeight + input[starts.3 + k] * j.highWeight
                row[k] = near * i.lowWeight + far * i.highWeight
            }
        }
    }
}
