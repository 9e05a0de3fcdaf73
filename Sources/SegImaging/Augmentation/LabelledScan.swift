public import SegCore

/// A source of the voxels of an image and of its classes, in arrays or in a file.
public protocol LabelledVoxels: Sendable {
    /// Calls `body` with pointers to the image and the classes of a range of voxels, in memory order, for reading. Both
    /// pointers point at the first voxel of the range. The channels of a voxel of the image are adjacent.
    /// - Throws: `DataError` if a file can no longer be read.
    func withVoxels<Result>(
        _ range: Range<Int>, _ body: (UnsafePointer<Float>, UnsafePointer<UInt8>) -> Result
    ) throws(DataError) -> Result
}

/// An image and its classes on the same grid, read box by box.
public struct LabelledScan: Sendable {
    /// The size, padding included.
    public let size: Triple
    /// The number of channels of the image.
    public let channels: Int
    /// The affine from the index of a stored voxel (without padding) to RAS+ mm.
    public let affine: Affine
    /// The part of the grid that is stored; the rest is 0.
    private let stored: Box3
    private let voxels: any LabelledVoxels

    /// Creates a scan from voxels that are stored elsewhere.
    public init(_ voxels: any LabelledVoxels, size: Triple, channels: Int, affine: Affine) {
        self.init(voxels, size: size, channels: channels, affine: affine, stored: Box3(of: size))
    }

    private init(_ voxels: any LabelledVoxels, size: Triple, channels: Int, affine: Affine, stored: Box3) {
        (self.voxels, self.size, self.channels, self.affine, self.stored) = (voxels, size, channels, affine, stored)
    }

    /// Creates a scan from an image and a label map on the same grid; the label's voxels are integers from 0 to 255.
    public init(image: ScanImage, label: Volume) {
        precondition(image.size == label.size, "image is \(image.size) voxels, label \(label.size)")
        let arrays = ArrayVoxels(
            image: image.interleaved, channels: image.channels.count, label: label.voxels.map { UInt8($0) })
        self.init(arrays, size: image.size, channels: image.channels.count, affine: image.affine)
    }

    /// The scan padded with zeros to at least a given size, half before and the rest after; `SpatialPad` without a copy.
    public func padded(to least: Triple) -> LabelledScan {
        var (size, stored) = (size, stored)
        for axis in 0..<3 {
            let width = max(least[axis] - size[axis], 0)
            stored.start[axis] += width / 2
            size[axis] += width
        }
        return LabelledScan(voxels, size: size, channels: channels, affine: affine, stored: stored)
    }

    /// A copy of the image alone.
    public var image: ScanImage {
        get throws(DataError) {
            let affine = affine.shifted(by: stored.start.map { -$0 })
            var patch = try cut(Box3(of: size))
            var image = ScanImage(
                Volume(voxels: [Float](repeating: 0, count: size.count), size: size, affine: affine))
            image.channels = []
            patch.forEachChannel { _, voxels in image.channels.append(voxels) }
            return image
        }
    }

    /// A copy of the image alone in the layout of a network's input, `[D, H, W, C]`.
    public var interleaved: [Float] { get throws(DataError) { try cut(Box3(of: size)).image } }

    /// A copy of the classes alone.
    public var classes: [UInt8] { get throws(DataError) { try cut(Box3(of: size)).label } }

    /// The classes that occur in the stored voxels, in ascending order.
    public var presentClasses: [UInt8] {
        get throws(DataError) {
            var isPresent = [Bool](repeating: false, count: 256)
            let plane = stored.size.h * stored.size.w
            for i in 0..<stored.size.d {
                try voxels.withVoxels(i * plane..<(i + 1) * plane) { _, label in
                    for index in 0..<plane { isPresent[Int(label[index])] = true }
                }
            }
            return (UInt8(0)...255).filter { isPresent[Int($0)] }
        }
    }

    /// Copies a box out of the scan; voxels outside the scan are 0.
    public func cut(_ box: Box3) throws(DataError) -> Patch {
        var image = [Float](repeating: 0, count: channels * box.size.count)
        var label = [UInt8](repeating: 0, count: box.size.count)
        let inside = box.intersection(stored)
        guard inside.size.count > 0 else {
            return Patch(image: image, label: label, size: box.size, channels: channels)
        }
        let (rows, width) = (inside.size.h, inside.size.w)
        for i in inside.start[0]..<inside.end(0) {
            let first = offset(i, inside.start[1]) + inside.start[2] - stored.start[2]
            let place = ((i - box.start[0]) * box.size.h + inside.start[1] - box.start[1]) * box.size.w
            let to = place + inside.start[2] - box.start[2]
            // One range holds all rows of a plane, with the voxels between these rows.
            try voxels.withVoxels(first..<first + (rows - 1) * stored.size.w + width) { images, labels in
                copy(images, to: &image, at: to, rows: rows, width: width, step: box.size.w, values: channels)
                copy(labels, to: &label, at: to, rows: rows, width: width, step: box.size.w, values: 1)
            }
        }
        return Patch(image: image, label: label, size: box.size, channels: channels)
    }

    /// Copies rows of voxels with `values` values each. The row stride is `stored.size.w` voxels in the source and `step`
    /// voxels in the output.
    private func copy<Value>(
        _ voxels: UnsafePointer<Value>, to output: inout [Value], at place: Int, rows: Int, width: Int, step: Int,
        values: Int
    ) {
        output.withUnsafeMutableBufferPointer { output in
            guard let target = output.baseAddress else { return }
            for row in 0..<rows {
                (target + (place + row * step) * values).update(
                    from: voxels + row * stored.size.w * values, count: width * values)
            }
        }
    }

    /// The index of the first voxel of row (i, j) in the stored voxels.
    private func offset(_ i: Int, _ j: Int) -> Int {
        ((i - stored.start[0]) * stored.size.h + j - stored.start[1]) * stored.size.w
    }

    /// Pointers to a row of the image, its channels adjacent, and to a row of classes; nil if the row is all padding.
    typealias Row = (image: UnsafePointer<Float>, label: UnsafePointer<UInt8>)

    /// Calls `body` with row (i, j), nil if it is all padding, and with the range of indices along axis 2 of its stored
    /// voxels.
    func withRow<Result>(
        _ i: Int, _ j: Int, _ body: (_ row: Row?, _ range: Range<Int>) -> Result
    ) throws(DataError) -> Result {
        guard stored.contains(i, along: 0), stored.contains(j, along: 1) else { return body(nil, 0..<0) }
        let start = offset(i, j)
        return try voxels.withVoxels(start..<start + stored.size.w) { body(($0, $1), stored.start[2]..<stored.end(2)) }
    }

    /// Calls `body` with the rows (i, 0), (i, 1), … in this order, as `withRow` does.
    func forEachRow(_ i: Int, _ body: (_ row: Row?, _ range: Range<Int>) -> Void) throws(DataError) {
        guard stored.contains(i, along: 0) else { return (0..<size.h).forEach { _ in body(nil, 0..<0) } }
        let start = offset(i, stored.start[1])
        try voxels.withVoxels(start..<start + stored.size.h * stored.size.w) { image, label in
            for j in 0..<size.h {
                guard stored.contains(j, along: 1) else {
                    body(nil, 0..<0)
                    continue
                }
                let row = (j - stored.start[1]) * stored.size.w
                body((image + row * channels, label + row), stored.start[2]..<stored.end(2))
            }
        }
    }
}

/// Voxels in memory.
private struct ArrayVoxels: LabelledVoxels {
    let image: [Float]
    let channels: Int
    let label: [UInt8]

    func withVoxels<Result>(
        _ range: Range<Int>, _ body: (UnsafePointer<Float>, UnsafePointer<UInt8>) -> Result
    ) -> Result {
        image.withUnsafeBufferPointer { image in
            label.withUnsafeBufferPointer { label in
                guard let image = image.baseAddress, let label = label.baseAddress else {
                    preconditionFailure("a scan without voxels")
                }
                return body(image + range.lowerBound * channels, label + range.lowerBound)
            }
        }
    }
}
