internal import SegBackend
internal import SegCore
internal import SegTensor

/// The sums of `BlendedSlab` in a temporary file. Only one plane of a window and the sums of the weights are in memory.
///
/// The planes of each window are read from the file, the window is added on the device, and the planes are written back. The
/// values equal those of `BlendedSlab`, bit for bit.
struct SpilledSlab: WindowSums {
    let size: Triple
    let holdsAll = false
    private let file: ScratchFile
    private let channels: Int
    /// The sum of the weights for the unfinished planes, `[capacity, H, W]`.
    private let weightSum: Tensor
    private let capacity: Int
    private var first = 0
    private var backend: any Backend { weightSum.backend }

    /// Creates a slab without windows.
    /// - Parameters:
    ///   - capacity: The number of planes of a window.
    ///   - folder: The folder of the file.
    /// - Throws: `DataError` if the file cannot be created or does not fit on the disk.
    init(of size: Triple, capacity: Int, channels: Int, in folder: String, on backend: any Backend) throws {
        (self.size, self.channels, self.capacity) = (size, channels, min(capacity, size.d))
        file = try ScratchFile(in: folder, reserving: 4 * self.capacity * size.h * size.w * channels)
        weightSum = try Tensor(repeating: 0, shape: [self.capacity, size.h, size.w], on: backend)
    }

    mutating func add(_ window: Tensor, weights: Tensor, at start: Triple) throws {
        let extents = weights.shape.dimensions
        let (h, w) = (extents[1], extents[2])
        let box = try backend.allocate([1, h, w], backend.scalar)
        var values = [Float](repeating: 0, count: h * w * channels)
        for plane in 0..<extents[0] {
            let d = start.d + plane
            try lines(&values, count: h) { try file.read(into: $1, at: place(d, start.h + $0, start.w)) }
            let sum = try Tensor(values, shape: [1, h, w, channels], on: backend)
            let origin = [d - first, start.h, start.w]
            try backend.copyRegion(
                weightSum.view, at: origin, into: box, at: [0, 0, 0], extent: [1, h, w], accumulate: false)
            try backend.blendWindow(
                window.view.slice(plane..<plane + 1), weights: weights.view.slice(plane..<plane + 1), at: Triple(0),
                into: sum.view, box)
            try backend.copyRegion(
                box, at: [0, 0, 0], into: weightSum.view, at: origin, extent: [1, h, w], accumulate: false)
            values = try sum.floats()
            try lines(&values, count: h) {
                try file.write(UnsafeRawBufferPointer($1), at: place(d, start.h + $0, start.w))
            }
        }
    }

    mutating func finish(upTo end: Int, _ body: (Range<Int>, Tensor) throws -> Void) throws {
        for d in first..<end {
            var values = [Float](repeating: 0, count: size.h * size.w * channels)
            try values.withUnsafeMutableBytes { try file.read(into: $0, at: place(d, 0, 0)) }
            let sum = try Tensor(values, shape: [1, size.h, size.w, channels], on: backend)
            let flat = sum.view.reshaped([size.h * size.w, channels])
            let weights = weightSum.view.slice(d - first..<d - first + 1).reshaped([size.h * size.w])
            try backend.divideRows(flat, by: weights, into: flat)
            try body(d..<d + 1, sum)
            // A later plane is stored at the same position of the file.
            guard d + capacity < size.d else { continue }
            values = [Float](repeating: 0, count: values.count)
            try values.withUnsafeBytes { try file.write($0, at: place(d, 0, 0)) }
        }
        if end < size.d { try weightSum.shiftPlanes(by: end - first) }
        first = end
    }

    /// The offset of a voxel's sums in the file, which has as many planes as a window.
    private func place(_ d: Int, _ h: Int, _ w: Int) -> Int {
        4 * ((d % capacity * size.h + h) * size.w + w) * channels
    }

    /// Calls a body with each line of a plane of a window.
    private func lines(
        _ values: inout [Float], count: Int, _ body: (Int, UnsafeMutableRawBufferPointer) throws -> Void
    ) rethrows {
        try values.withUnsafeMutableBytes { bytes in
            let step = bytes.count / count
            for line in 0..<count {
                try body(line, UnsafeMutableRawBufferPointer(rebasing: bytes[line * step..<(line + 1) * step]))
            }
        }
    }
}
