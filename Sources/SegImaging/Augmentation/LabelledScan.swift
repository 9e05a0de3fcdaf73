/// The voxels of an image and its classes, in arrays or in a mapped file.
public protocol LabelledVoxels: Sendable {
    /// Lends the voxels for reading.
    func withVoxels<Result>(_ body: (UnsafePointer<Float>, UnsafePointer<UInt8>) -> Result) -> Result
}

/// An image and its classes on one grid, read box by box.
public struct LabelledScan: Sendable {
    /// Extents, padding included.
    public let size: Size3
    /// Voxel index → RAS+ mm, of what is stored.
    private let affine: Affine
    /// The part of the grid that is stored; the rest is 0.
    private let stored: Box3
    private let voxels: any LabelledVoxels

    /// Takes voxels that are kept elsewhere.
    public init(_ voxels: any LabelledVoxels, size: Size3, affine: Affine) {
        self.init(voxels, size: size, affine: affine, stored: Box3(of: size))
    }

    private init(_ voxels: any LabelledVoxels, size: Size3, affine: Affine, stored: Box3) {
        (self.voxels, self.size, self.affine, self.stored) = (voxels, size, affine, stored)
    }

    /// Takes volumes that share a grid; the label's voxels are whole numbers from 0 to 255.
    public init(image: Volume, label: Volume) {
        precondition(image.size == label.size, "image is \(image.size) voxels, label \(label.size)")
        let arrays = ArrayVoxels(image: image.voxels, label: label.voxels.map { UInt8($0) })
        self.init(arrays, size: image.size, affine: image.affine)
    }

    /// The scan with zeros round it up to a size, half before and the rest after; `SpatialPad`, without a copy.
    public func padded(to least: Size3) -> LabelledScan {
        var (size, stored) = (size, stored)
        for axis in 0..<3 {
            let width = max(least[axis] - size[axis], 0)
            stored.start[axis] += width / 2
            size[axis] += width
        }
        return LabelledScan(voxels, size: size, affine: affine, stored: stored)
    }

    /// The image alone, copied.
    public var image: Volume {
        Volume(voxels: cut(Box3(of: size)).image, size: size, affine: affine.shifted(by: stored.start.map { -$0 }))
    }

    /// The classes alone, copied.
    public var classes: [UInt8] { cut(Box3(of: size)).label }

    /// The classes that occur in what is stored, in order.
    var presentClasses: [UInt8] {
        var isPresent = [Bool](repeating: false, count: 256)
        isPresent.withUnsafeMutableBufferPointer { isPresent in
            voxels.withVoxels { _, label in
                for index in 0..<stored.size.count { isPresent[Int(label[index])] = true }
            }
        }
        return (UInt8(0)...255).filter { isPresent[Int($0)] }
    }

    /// A box of the scan; what lies outside is 0.
    public func cut(_ box: Box3) -> Patch {
        let inside = box.intersection(stored)
        return voxels.withVoxels { image, label in
            Patch(
                image: Self.cut(image, stored, inside, box), label: Self.cut(label, stored, inside, box),
                size: box.size)
        }
    }

    private static func cut<Voxel: ExpressibleByIntegerLiteral>(
        _ voxels: UnsafePointer<Voxel>, _ stored: Box3, _ inside: Box3, _ box: Box3
    ) -> [Voxel] {
        [Voxel](unsafeUninitializedCapacity: box.size.count) { output, count in
            if inside.size != box.size { output.initialize(repeating: 0) }
            count = box.size.count
            guard inside.size.count > 0, let target = output.baseAddress else { return }
            for i in inside.start[0]..<inside.end(0) {
                for j in inside.start[1]..<inside.end(1) {
                    let row = (i - stored.start[0]) * stored.size.j + j - stored.start[1]
                    let from = row * stored.size.k + inside.start[2] - stored.start[2]
                    let place = (i - box.start[0]) * box.size.j + j - box.start[1]
                    let to = place * box.size.k + inside.start[2] - box.start[2]
                    (target + to).update(from: voxels + from, count: inside.size.k)
                }
            }
        }
    }

    /// Lends row (i, j) of image and classes, nil where it is all padding, with the index of its first voxel.
    func withRow<Result>(
        _ i: Int, _ j: Int,
        _ body: (_ row: (image: UnsafePointer<Float>, label: UnsafePointer<UInt8>)?, _ range: Range<Int>) -> Result
    ) -> Result {
        guard stored.contains(i, along: 0), stored.contains(j, along: 1) else { return body(nil, 0..<0) }
        let row = (i - stored.start[0]) * stored.size.j + j - stored.start[1]
        let start = row * stored.size.k
        return voxels.withVoxels { body(($0 + start, $1 + start), stored.start[2]..<stored.end(2)) }
    }
}

/// Voxels in memory.
private struct ArrayVoxels: LabelledVoxels {
    let image: [Float]
    let label: [UInt8]

    func withVoxels<Result>(_ body: (UnsafePointer<Float>, UnsafePointer<UInt8>) -> Result) -> Result {
        image.withUnsafeBufferPointer { image in
            label.withUnsafeBufferPointer { label in
                guard let image = image.baseAddress, let label = label.baseAddress else {
                    preconditionFailure("a scan without voxels")
                }
                return body(image, label)
            }
        }
    }
}
