/// How a convolution, its weight gradient or a matrix product is computed: an algorithm with its sizes.
enum Conv3dPlan: Hashable, CustomStringConvertible {
    /// An item an output, or a weight; any geometry.
    case direct
    /// Vectors of 16 outputs in registers, for devices that are CPUs; rows of an item, or inputs for a weight gradient.
    case vector(Int)
    /// An implicit matrix product through local memory; any geometry.
    case gemm(GemmTile)

    /// `direct`, `vector 6`, `gemm 128 16 4 4`: what a tuning file holds.
    var description: String {
        switch self {
        case .direct: "direct"
        case .vector(let count): "vector \(count)"
        case .gemm(let tile): "gemm \(tile.rows) \(tile.columns) \(tile.itemRows) \(tile.itemColumns)"
        }
    }

    /// The plan of a description; nil where it is not one of the candidates.
    init?(_ text: String) {
        guard let plan = Self.all.first(where: { $0.description == text }) else { return nil }
        self = plan
    }

    /// Every plan that a tuner may choose; each is held to the reference by the tests.
    static let all: [Conv3dPlan] = [.direct] + [2, 4, 6, 8].map { .vector($0) } + GemmTile.candidates.map { .gemm($0) }

    /// Whether a device can run it.
    func fits(_ device: OpenCLDevice) -> Bool {
        guard case .gemm(let tile) = self else { return true }
        return tile.items <= device.largestGroup && tile.localBytes <= device.localMemory
    }
}

extension OpenCLConv3dAlgorithm {
    /// The plan of an algorithm where nothing was tuned.
    func plan(groupOutputs: Int, vectors: Int) -> Conv3dPlan {
        switch self {
        case .direct: .direct
        case .vector: .vector(vectors)
        case .gemm: .gemm(GemmTile.forColumns(groupOutputs))
        }
    }
}
