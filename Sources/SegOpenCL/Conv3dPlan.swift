/// How a convolution, its weight gradient or a matrix product is computed: an algorithm with its sizes.
enum Conv3dPlan: Hashable, CustomStringConvertible {
    /// An item an output, or a weight; any geometry.
    case direct
    /// Vectors of 16 outputs in registers, for devices that are CPUs; rows of an item, or inputs for a weight gradient.
    case vector(Int)
    /// An implicit matrix product through local memory; any geometry.
    case gemm(GemmTile)
    /// Winograd's F(n, 3) for 3³ taps at stride 1, of n outputs a tile and axis; no weight gradient.
    case winograd(Int)

    /// `direct`, `vector 6`, `gemm 128 16 4 4`, `winograd 2`: what a tuning file holds.
    var description: String {
        switch self {
        case .direct: "direct"
        case .vector(let count): "vector \(count)"
        case .gemm(let tile): "gemm \(tile.rows) \(tile.columns) \(tile.itemRows) \(tile.itemColumns)"
        case .winograd(let outputs): "winograd \(outputs)"
        }
    }

    /// The plan of a description; nil where it is not one of the candidates.
    init?(_ text: String) {
        guard let plan = Self.all.first(where: { $0.description == text }) else { return nil }
        self = plan
    }

    /// Every plan that a tuner may choose; each is held to the reference by the tests.
    static let all: [Conv3dPlan] =
        [.direct] + [2, 4, 6, 8].map { .vector($0) } + GemmTile.candidates.map { .gemm($0) }
        + winogradSizes.map { .winograd($0) }

    /// Outputs of a tile along an axis.
    static let winogradSizes = [2, 4]

    /// Whether it computes the op that a key of a tuning file names.
    func suits(_ key: String) -> Bool {
        switch self {
        case .gemm: true
        case .direct, .vector: !key.hasPrefix("matmul")
        case .winograd:
            (key.hasPrefix("conv3d ") || key.hasPrefix("convTranspose3d ")) && key.contains(" k3x3x3 s1x1x1 ")
                && key.hasSuffix(" d1x1x1 g1")
        }
    }

    /// Whether a device can run it; of tiles the plain kernels, which take the places of wide ones that it cannot.
    func fits(_ device: OpenCLDevice, _ units: MatrixUnits?) -> Bool {
        guard case .gemm(let tile) = self else { return true }
        return TiledProduct.allCases.allSatisfy { tile.fits(device, $0, isWide: false, units) }
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
