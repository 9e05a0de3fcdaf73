/// A plan for a convolution, its weight gradient or a matrix product: an algorithm with its sizes.
enum Conv3dPlan: Hashable, CustomStringConvertible {
    /// One item per output, or per weight; supports any geometry.
    case direct
    /// Vectors of 16 outputs in registers, for devices that are CPUs. The number is the number of rows that an item
    /// computes or, for a weight gradient, the number of inputs.
    case vector(Int)
    /// An implicit matrix product through local memory; supports any geometry.
    case gemm(GemmTile)
    /// Winograd's F(n, 3) for 3³ taps at stride 1, with n outputs per tile and axis; not for weight gradients.
    case winograd(Int)

    /// The text in a tuning file: `direct`, `vector 6`, `gemm 128 16 4 4`, `winograd 2`.
    var description: String {
        switch self {
        case .direct: "direct"
        case .vector(let count): "vector \(count)"
        case .gemm(let tile): "gemm \(tile.rows) \(tile.columns) \(tile.itemRows) \(tile.itemColumns)"
        case .winograd(let outputs): "winograd \(outputs)"
        }
    }

    /// Creates the plan that has this description; nil if no candidate has it.
    init?(_ text: String) {
        guard let plan = Self.all.first(where: { $0.description == text }) else { return nil }
        self = plan
    }

    /// Every plan that a tuner may choose; the tests compare each with the reference.
    static let all: [Conv3dPlan] =
        [.direct] + [2, 4, 6, 8].map { .vector($0) } + GemmTile.candidates.map { .gemm($0) }
        + winogradSizes.map { .winograd($0) }

    /// The numbers of outputs of a tile per axis.
    static let winogradSizes = [2, 4]

    /// Whether the plan can compute the op that a key of a tuning file describes.
    func suits(_ key: String) -> Bool {
        switch self {
        case .gemm: true
        case .direct, .vector: !key.hasPrefix("matmul")
        case .winograd:
            (key.hasPrefix("conv3d ") || key.hasPrefix("convTranspose3d ")) && key.contains(" k3x3x3 s1x1x1 ")
                && key.hasSuffix(" d1x1x1 g1")
        }
    }

    /// Whether a device can run the plan. For tiles, the plain kernel must fit, because it replaces a wide kernel that
    /// does not fit.
    func fits(_ device: OpenCLDevice, _ units: MatrixUnits?) -> Bool {
        guard case .gemm(let tile) = self else { return true }
        return TiledProduct.allCases.allSatisfy { tile.fits(device, $0, isWide: false, units) }
    }
}

extension OpenCLConv3dAlgorithm {
    /// The plan of the algorithm if no plan was tuned.
    func plan(groupOutputs: Int, vectors: Int) -> Conv3dPlan {
        switch self {
        case .direct: .direct
        case .vector: .vector(vectors)
        case .gemm: .gemm(GemmTile.forColumns(groupOutputs))
        }
    }
}
