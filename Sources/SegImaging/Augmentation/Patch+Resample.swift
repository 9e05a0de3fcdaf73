internal import Foundation

/// What lies outside a patch when it is turned or bent; `padding_mode` of `torch.nn.functional.grid_sample`.
public enum PatchPadding: String, Hashable, Sendable, CaseIterable {
    /// Zeros.
    case zeros
    /// The nearest voxel of the patch.
    case border
    /// The patch mirrored at its faces.
    case reflection
}

/// Where each voxel of a new patch comes from, in voxels of the old one.
protocol CoordinateMap {
    /// The source of a voxel; `flat` is its place in memory.
    func source(_ i: Float, _ j: Float, _ k: Float, flat: Int) -> SIMD4<Float>
}

extension Patch {
    /// The patch sampled where a map says, trilinear for the image and nearest for the label, as
    /// `grid_sample(align_corners=False)` does.
    func resampled(_ map: some CoordinateMap, _ padding: PatchPadding) -> Patch {
        let size = size
        var result = self
        image.withUnsafeBufferPointer { image in
            label.withUnsafeBufferPointer { label in
                result.image.withUnsafeMutableBufferPointer { newImage in
                    result.label.withUnsafeMutableBufferPointer { newLabel in
                        let sampler = PatchSampler(image: image, label: label, size: size)
                        let edge = SIMD4<Float>(Float(size.i - 1), Float(size.j - 1), Float(size.k - 1), 0)
                        var flat = 0
                        for i in 0..<size.i {
                            for j in 0..<size.j {
                                for k in 0..<size.k {
                                    var point = map.source(Float(i), Float(j), Float(k), flat: flat)
                                    let isInside = all(point .>= 0 .& point .<= edge)
                                    if !isInside, padding != .zeros {
                                        if padding == .reflection { point = PatchSampler.reflected(point, size) }
                                        point = pointwiseMin(pointwiseMax(point, SIMD4()), edge)
                                    }
                                    if isInside || padding != .zeros {
                                        newImage[flat] = sampler.linear(point)
                                        newLabel[flat] = sampler.nearest(point)
                                    } else {
                                        newImage[flat] = sampler.linearOrZero(point)
                                        newLabel[flat] = sampler.nearestOrZero(point)
                                    }
                                    flat += 1
                                }
                            }
                        }
                    }
                }
            }
        }
        return result
    }
}

/// Reads a patch between its voxels.
private struct PatchSampler {
    let image: UnsafeBufferPointer<Float>
    let label: UnsafeBufferPointer<UInt8>
    let size: Size3

    /// Mirrors a point at the outer faces of the patch's voxels until it is inside.
    static func reflected(_ point: SIMD4<Float>, _ size: Size3) -> SIMD4<Float> {
        var point = point
        for axis in 0..<3 {
            let extent = Float(size[axis])
            let distance = abs(point[axis] + 0.5)
            let rest = fmodf(distance, extent)
            let flips = Int(distance / extent)
            point[axis] = (flips % 2 == 0 ? rest : extent - rest) - 0.5
        }
        return point
    }

    /// The blend of eight neighbours of a point inside.
    @inline(__always)
    func linear(_ point: SIMD4<Float>) -> Float {
        let (i, j, k) = (Int(point.x), Int(point.y), Int(point.z))
        let (x, y, z) = (point.x - Float(i), point.y - Float(j), point.z - Float(k))
        let base = (i * size.j + j) * size.k + k
        let right = k + 1 < size.k ? 1 : 0
        let below = j + 1 < size.j ? size.k : 0
        let behind = i + 1 < size.i ? size.j * size.k : 0
        @inline(__always) func along(_ start: Int) -> Float {
            image[start] * (1 - z) + image[start + right] * z
        }
        let near = along(base) * (1 - y) + along(base + below) * y
        let far = along(base + behind) * (1 - y) + along(base + behind + below) * y
        return near * (1 - x) + far * x
    }

    /// The class of the nearest voxel of a point inside, halves to even as in `torch`.
    @inline(__always)
    func nearest(_ point: SIMD4<Float>) -> UInt8 {
        label[(Self.round(point.x) * size.j + Self.round(point.y)) * size.k + Self.round(point.z)]
    }

    @inline(__always)
    private static func round(_ coordinate: Float) -> Int {
        let whole = Int(coordinate)
        let part = coordinate - Float(whole)
        return part > 0.5 || (part == 0.5 && whole & 1 == 1) ? whole + 1 : whole
    }

    /// The blend of eight neighbours, of which those outside are 0.
    func linearOrZero(_ point: SIMD4<Float>) -> Float {
        let low = point.rounded(.down)
        let part = point - low
        var sum: Float = 0
        for corner in 0..<8 {
            var weight: Float = 1
            var index = 0
            var isInside = true
            for axis in 0..<3 {
                let isHigh = corner & 1 << axis != 0
                let position = low[axis] + (isHigh ? 1 : 0)
                isInside = isInside && position >= 0 && position < Float(size[axis])
                guard isInside else { break }
                index = index * size[axis] + Int(position)
                weight *= isHigh ? part[axis] : 1 - part[axis]
            }
            if isInside { sum += weight * image[index] }
        }
        return sum
    }

    /// The class of the nearest voxel, 0 outside.
    func nearestOrZero(_ point: SIMD4<Float>) -> UInt8 {
        let place = point.rounded(.toNearestOrEven)
        for axis in 0..<3 where place[axis] < 0 || place[axis] >= Float(size[axis]) { return 0 }
        return label[(Int(place.x) * size.j + Int(place.y)) * size.k + Int(place.z)]
    }
}
