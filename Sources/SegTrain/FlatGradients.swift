internal import SegBackend
internal import SegComm
internal import SegTensor

/// The gradients of all parameters in one array of the device, to be summed over ranks.
///
/// The device adds, as it does for the passes of one rank, so that the bits do not depend on where a sum is made.
struct FlatGradients: RankArray {
    private let values: BufferView
    private let backend: any Backend
    /// Where each gradient lies; nil for a parameter without one.
    private let places: [(range: Range<Int>, shape: Shape)?]

    let count: Int
    var stride: Int { values.dtype.byteCount }

    /// Copies gradients.
    init(_ gradients: [Tensor?], on backend: any Backend) throws {
        var count = 0
        places = gradients.map { gradient in
            gradient.map { gradient in
                defer { count += gradient.shape.count }
                return (count..<count + gradient.shape.count, gradient.shape)
            }
        }
        self.count = count
        self.backend = backend
        values = try backend.allocate([count], backend.scalar)
        for case (let gradient?, let place?) in zip(gradients, places) {
            try backend.copyRegion(
                gradient.view.reshaped([gradient.shape.count]), at: [0], into: values, at: [place.range.lowerBound],
                extent: [place.range.count], accumulate: false)
        }
    }

    /// The gradients as they are now, without copying.
    var gradients: [Tensor?] {
        places.map { place in
            place.map { Tensor(values.slice($0.range).reshaped($0.shape), on: backend) }
        }
    }

    func bytes(_ range: Range<Int>) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: range.count * stride)
        guard !range.isEmpty else { return bytes }
        try bytes.withUnsafeMutableBytes { try backend.download(values.slice(range), into: $0) }
        return bytes
    }

    func add(_ bytes: [UInt8], to range: Range<Int>) throws {
        guard !range.isEmpty else { return }
        let received = try backend.allocate([range.count], values.dtype)
        try bytes.withUnsafeBytes { try backend.upload($0, to: received) }
        let own = values.slice(range)
        try backend.binary(.add, own, received, into: own)
    }

    func set(_ bytes: [UInt8], _ range: Range<Int>) throws {
        guard !range.isEmpty else { return }
        try bytes.withUnsafeBytes { try backend.upload($0, to: values.slice(range)) }
    }
}
