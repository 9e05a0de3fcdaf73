package import SegBackend
internal import SegComm
package import SegTensor

/// The gradients of all trainable parameters in one array of the device, to be summed over ranks.
///
/// The device adds the arrays, as it does for the passes of one rank, so the bits do not depend on where a sum is made.
/// The array of every rank includes every parameter. If the loss of a rank does not depend on a parameter, the rank's values
/// for it are -0, which changes no sum.
package struct FlatGradients: RankArray {
    /// One flag per parameter, 1 if a rank has a gradient of it; then the gradients.
    private let values: BufferView
    private let backend: any Backend
    /// The range and shape of each gradient.
    private let places: [(range: Range<Int>, shape: Shape)]

    package let count: Int
    package var stride: Int { values.dtype.byteCount }

    /// Copies gradients.
    /// - Parameters:
    ///   - gradients: One gradient per shape; nil for a parameter without a gradient.
    ///   - shapes: The shapes of all parameters, the same on every rank.
    package init(_ gradients: [Tensor?], shapes: [Shape], on backend: any Backend) throws {
        var count = shapes.count
        places = shapes.map { shape in
            defer { count += shape.count }
            return (count..<count + shape.count, shape)
        }
        self.count = count
        self.backend = backend
        values = try backend.allocate([count], backend.scalar)
        let flags = try Tensor(gradients.map { $0 == nil ? 0.0 : 1 }, shape: [shapes.count], on: backend)
        for (part, place) in zip([flags] + gradients, [(range: 0..<shapes.count, shape: flags.shape)] + places) {
            guard let part else {
                try backend.fill(values.slice(place.range), with: -0.0)
                continue
            }
            try backend.copyRegion(
                part.view.reshaped([place.range.count]), at: [0], into: values, at: [place.range.lowerBound],
                extent: [place.range.count], accumulate: false)
        }
    }

    /// The current gradients, without copying; nil for a parameter if no rank has a gradient of it.
    package func gradients() throws -> [Tensor?] {
        let flags = try Tensor(values.slice(0..<places.count), on: backend).doubles()
        return zip(places, flags).map { place, flag in
            flag > 0 ? Tensor(values.slice(place.range).reshaped(place.shape), on: backend) : nil
        }
    }

    package func bytes(_ range: Range<Int>) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: range.count * stride)
        guard !range.isEmpty else { return bytes }
        try bytes.withUnsafeMutableBytes { try backend.download(values.slice(range), into: $0) }
        return bytes
    }

    package func add(_ bytes: [UInt8], to range: Range<Int>) throws {
        guard !range.isEmpty else { return }
        let received = try backend.allocate([range.count], values.dtype)
        try bytes.withUnsafeBytes { try backend.upload($0, to: received) }
        let own = values.slice(range)
        try backend.binary(.add, own, received, into: own)
    }

    package func set(_ bytes: [UInt8], _ range: Range<Int>) throws {
        guard !range.isEmpty else { return }
        try bytes.withUnsafeBytes { try backend.upload($0, to: values.slice(range)) }
    }
}
