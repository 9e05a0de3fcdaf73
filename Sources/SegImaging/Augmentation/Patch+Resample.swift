internal import Foundation
internal import SegCore

/// The values outside a patch when it is rotated or deformed; `padding_mode` of `torch.nn.functional.grid_sample`.
public enum PatchPadding: String, Hashable, Sendable, CaseIterable {
    /// Zeros.
    case zeros
    /// The nearest voxel of the patch.
    case border
    /// The patch mirrored at its faces.
    case reflection
}

/// A map from each voxel of a new patch to coordinates in voxels of the old patch.
protocol CoordinateMap {
    /// The source coordinates of a voxel; `flat` is the index of the voxel in memory.
    func source(_ i: Float, _ j: Float, _ k: Float, flat: Int) -> SIMD4<Float>
}

extension Patch {
    /// The patch resampled at the coordinates of a map, with trilinear interpolation for the image and nearest for the
    /// label; `grid_sample(align_corners=False)`.
    func resampled(_ map: some CoordinateMap, _ padding: PatchPadding) -> Patch {
        let size = size
        var result = self
        image.withUnsafeBufferPointer { image in
            label.withUnsafeBufferPointer { label in
                result.image.withUnsafeMutableBufferPointer { newImage in
                    result.label.withUnsafeMutableBufferPointer { newLabel in
                        let sampler = PatchSampler(image: image, label: label, size: size, channels: channels)
                        let edge = SIMD4<Float>(Float(size.d - 1), Float(size.h - 1), Float(size.w - 1), 0)
                        var flat = 0
                        for i in 0..<size.d {
                            for j in 0..<size.h {
                                for k in 0..<size.w {
                                    var point = map.source(Float(i), Float(j), Float(k), flat: flat)
                                    let isInside = all(point .>= 0 .& point .<= edge)
                                    if !isInside, padding != .zeros {
                                        if padding == .reflection { point = PatchSampler.reflected(point, size) }
                                        point = pointwiseMin(pointwiseMax(point, SIMD4()), edge)
                                    }
                                    let voxel = newImage.baseAddress! + flat * channels
                                    if isInside || padding != .zeros {
                                        sampler.linear(point, into: voxel)
                                        newLabel[flat] = sampler.nearest(point)
                                    } else {
                                        sampler.linearOrZero(point, into: voxel)
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

/// A sampler of a patch at coordinates between its voxels.
private struct PatchSampler {
    let image: UnsafeBufferPointer<Float>
    let label: UnsafeBufferPointer<UInt8>
    let size: Triple
    let channels: Int

    /// Mirrors a point at the outer faces of the patch's voxels until it is inside.
    static func reflected(_ point: SIMD4<Float>, _ size: Triple) -> SIMD4<Float> {
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

    /// The trilinear interpolation of each channel at a point inside the patch.
    @inline(__always)
    func linear(_ point: SIMD4<Float>, into voxel: UnsafeMutablePointer<Float>) {
        let (i, j, k) = (Int(point.x), Int(point.y), Int(point.z))
        let (x, y, z) = (point.x - Float(i), point.y - Float(j), point.z - Float(k))
        let base = ((i * size.h + j) * size.w + k) * channels
        let right = k + 1 < size.w ? channels : 0
        let below = j + 1 < size.h ? size.w * channels : 0
        let behind = i + 1 < size.d ? size.h * size.w * channels : 0
        @inline(__always) func along(_ start: Int) -> Float {
            image[start] * (1 - z) + image[start + right] * z
        }
        for channel in 0..<channels {
            let start = base + channel
            let near = along(start) * (1 - y) + along(start + below) * y
            let far = along(start + behind) * (1 - y) + along(start + behind + below) * y
            voxel[channel] = near * (1 - x) + far * x
        }
    }

    /// The class of the voxel nearest to a point inside the patch; halves round to even as in `torch`.
    @inline(__always)
    func nearest(_ point: SIMD4<Float>) -> UInt8 {
        label[(Self.round(point.x) * size.h + Self.round(point.y)) * size.w + Self.round(point.z)]
    }

    @inline(__always)
    private static func round(_ coordinate: Float) -> Int {
        let whole = Int(coordinate)
        let part = coordinate - Float(whole)
        return part > 0.5 || (part == 0.5 && whole & 1 == 1) ? whole + 1 : whole
    }

    /// The trilinear interpolation of each channel at any point; neighbours outside the patch are 0.
    func linearOrZero(_ point: SIMD4<Float>, into voxel: UnsafeMutablePointer<Float>) {
        let low = point.rounded(.down)
        let part = point - low
        for channel in 0..<channels { voxel[channel] = 0 }
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
            guard isInside else { continue }
            for channel in 0..<channels { voxel[channel] += weight * image[index * channels + channel] }
        }
    }

    /// The class of the nearest voxel, 0 outside the patch.
    func nearestOrZero(_ point: SIMD4<Float>) -> UInt8 {
        let place = point.rounded(.toNearestOrEven)
        for axis in 0..<3 where place[axis] < 0 || place[axis] >= Float(size[axis]) { return 0 }
        return label[(Int(place.x) * size.h + Int(place.y)) * size.w + Int(place.z)]
    }
}
