internal import Foundation
internal import SegCore

/// Convolution with a Gaussian along the three axes; MONAI's `GaussianFilter(approx="erf")`, zeros outside.
struct GaussianFilter {
    /// Half of the symmetric kernel of each axis, from its centre outwards.
    private let kernels: [[Float]]

    /// Creates kernels from the standard deviations in voxels; `truncated` is the kernel radius in standard deviations.
    init(sigmas: [Double], truncated: Double) {
        kernels = sigmas.map { sigma in
            let tail = Int(max(sigma * truncated, 0.5) + 0.5)
            let scale = 0.707_106_78 / max(sigma, 1e-12)
            return (0...tail).map { offset in
                let x = Double(offset)
                return Float(max(0, 0.5 * (erf(scale * (x + 0.5)) - erf(scale * (x - 0.5)))))
            }
        }
    }

    /// Filters voxels in place.
    func callAsFunction(_ voxels: inout [Float], size: Triple) {
        precondition(voxels.count == size.count, "\(size) needs \(size.count) voxels")
        guard size.count > 0 else { return }
        var scratch = voxels
        voxels.withUnsafeMutableBufferPointer { voxels in
            scratch.withUnsafeMutableBufferPointer { scratch in
                guard let a = voxels.baseAddress, let b = scratch.baseAddress else { return }
                Self.across(a, b, kernels[0], outer: 1, extent: size.d, inner: size.h * size.w)
                Self.across(b, a, kernels[1], outer: size.d, extent: size.h, inner: size.w)
                Self.along(a, b, kernels[2], rows: size.d * size.h, extent: size.w)
                a.update(from: b, count: size.count)
            }
        }
    }

    /// Filters along an axis that is not contiguous: whole runs of memory are added, in chunks that fit in the L1
    /// cache.
    private static func across(
        _ input: UnsafeMutablePointer<Float>, _ output: UnsafeMutablePointer<Float>, _ kernel: [Float],
        outer: Int, extent: Int, inner: Int
    ) {
        let piece = 1024
        for block in 0..<outer {
            let base = block * extent * inner
            for start in stride(from: 0, to: inner, by: piece) {
                let count = min(piece, inner - start)
                for position in 0..<extent {
                    let target = output + base + position * inner + start
                    let centre = input + base + position * inner + start
                    let weight = kernel[0]
                    for index in 0..<count { target[index] = weight * centre[index] }
                    // Where both sides of the kernel lie inside, four taps are added in one pass, which saves writes.
                    let inside = min(position, extent - 1 - position, kernel.count - 1) / 2 * 2
                    for offset in stride(from: 1, to: inside, by: 2) {
                        let (first, second) = (offset * inner, (offset + 1) * inner)
                        add(
                            target, centre - first, centre + first, kernel[offset], centre - second, centre + second,
                            kernel[offset + 1], count)
                    }
                    for offset in (inside + 1)..<kernel.count {
                        let (low, high) = (position - offset >= 0, position + offset < extent)
                        let weight = kernel[offset]
                        if low, high {
                            add(target, centre - offset * inner, centre + offset * inner, weight, count)
                        } else if low {
                            add(target, centre - offset * inner, weight, count)
                        } else if high {
                            add(target, centre + offset * inner, weight, count)
                        }
                    }
                }
            }
        }
    }

    /// Filters along the contiguous axis: each row is first copied to a buffer with zeros at both ends.
    private static func along(
        _ input: UnsafeMutablePointer<Float>, _ output: UnsafeMutablePointer<Float>, _ kernel: [Float],
        rows: Int, extent: Int
    ) {
        let tail = kernel.count - 1
        var padded = [Float](repeating: 0, count: extent + 2 * tail)
        padded.withUnsafeMutableBufferPointer { padded in
            guard let centre = padded.baseAddress.map({ $0 + tail }) else { return }
            for row in 0..<rows {
                centre.update(from: input + row * extent, count: extent)
                let target = output + row * extent
                let weight = kernel[0]
                for index in 0..<extent { target[index] = weight * centre[index] }
                let even = tail / 2 * 2
                for offset in stride(from: 1, to: even, by: 2) {
                    add(
                        target, centre - offset, centre + offset, kernel[offset], centre - offset - 1,
                        centre + offset + 1, kernel[offset + 1], extent)
                }
                if tail > even { add(target, centre - tail, centre + tail, kernel[tail], extent) }
            }
        }
    }

    @inline(__always)
    private static func add(
        _ target: UnsafeMutablePointer<Float>, _ a: UnsafeMutablePointer<Float>, _ b: UnsafeMutablePointer<Float>,
        _ first: Float, _ c: UnsafeMutablePointer<Float>, _ d: UnsafeMutablePointer<Float>, _ second: Float,
        _ count: Int
    ) {
        for index in 0..<count { target[index] += first * (a[index] + b[index]) + second * (c[index] + d[index]) }
    }

    @inline(__always)
    private static func add(
        _ target: UnsafeMutablePointer<Float>, _ a: UnsafeMutablePointer<Float>, _ b: UnsafeMutablePointer<Float>,
        _ weight: Float, _ count: Int
    ) {
        for index in 0..<count { target[index] += weight * (a[index] + b[index]) }
    }

    @inline(__always)
    private static func add(
        _ target: UnsafeMutablePointer<Float>, _ a: UnsafeMutablePointer<Float>, _ weight: Float, _ count: Int
    ) {
        for index in 0..<count { target[index] += weight * a[index] }
    }
}
