import SegBackend
import SegCore

extension OpCases {
    /// Convolutions: forward and both gradients of every geometry.
    static let convolutions: [OpCase] =
        convGeometries.flatMap(\.cases)
        + convGeometries.prefix(4).flatMap {
            [$0.forward(bias: true, accumulate: true), $0.forward(bias: false, accumulate: false), $0.layerCase]
        }

    /// Convolutions and transposed convolutions with a number of taps per axis and a stride, as far as Winograd's
    /// algorithm can compute at least one of their outputs.
    package static func winograd(taps: Int, stride: Int) -> [OpCase] {
        winogradGeometries(taps: taps, stride: stride).flatMap { $0.cases + [$0.layerCase] }
    }

    private static func winogradGeometries(taps: Int, stride: Int) -> [ConvGeometry] {
        (convGeometries + transposedGeometries).filter {
            $0.params.kernel == Triple(taps) && !$0.winogradOutputs(stride: stride).isEmpty
        }
    }

    /// Whether the CPU may compute an output of a case by F(2, 5) or F(4, 5).
    package static func isWinogradOfFiveTaps(_ opCase: OpCase, output: String) -> Bool {
        outputsOfFiveTaps[opCase.name]?.contains(output) == true
    }

    /// The outputs by the name of the case.
    private static let outputsOfFiveTaps: [String: Set<String>] = {
        let named = winogradGeometries(taps: 5, stride: 1).flatMap { geometry in
            (geometry.cases + [geometry.layerCase]).map { ($0.name, geometry.winogradOutputs(stride: 1)) }
        }
        return Dictionary(named) { first, _ in first }
    }()

    private static let convGeometries = awkwardConvs + networkConvs + winogradConvs

    /// Cubes that overhang on every side; volumes smaller than a cube; an odd number of vectors of channels; inputs for
    /// which the CPU keeps the transforms of all pairs of points with some numbers of threads, but not with others; and
    /// output channels that do not fill vectors. All at strides 1 and 2.
    private static let winogradConvs: [ConvGeometry] = [
        ConvGeometry(16, 48, [1, 9, 2], k: 3, s: 1), ConvGeometry(48, 16, [2, 1, 17], k: 5, s: 1).batched(2),
        ConvGeometry(32, 16, [5, 6, 7], k: [5, 5, 5], s: [1, 1, 1], p: [0, 1, 2], d: [1, 1, 1], g: 1),
        ConvGeometry(16, 32, [3, 4, 6], k: [5, 5, 5], s: [1, 1, 1], p: [4, 3, 5], d: [1, 1, 1], g: 1),
        ConvGeometry(16, 16, [6, 3, 4], k: [3, 3, 3], s: [1, 1, 1], p: [3, 0, 2], d: [1, 1, 1], g: 1),
        ConvGeometry(80, 48, [5, 4, 8], k: 3, s: 1), ConvGeometry(16, 16, [7, 15, 18], k: 5, s: 1),
        ConvGeometry(32, 2, [7, 9, 6], k: 5, s: 1), ConvGeometry(16, 40, [5, 6, 9], k: 3, s: 1).batched(2),
        ConvGeometry(7, 48, [4, 5, 6], k: 5, s: 1), ConvGeometry(16, 48, [1, 14, 3], k: 3, s: 2).batched(2),
        ConvGeometry(80, 16, [7, 6, 13], k: 3, s: 2), ConvGeometry(32, 40, [11, 8, 5], k: 3, s: 2),
    ]

    /// Sizes, strides, dilations and paddings that differ on every axis; groups; sizes of 1; odd channels.
    private static let awkwardConvs: [ConvGeometry] = [
        ConvGeometry(3, 5, [9, 11, 7], k: [3, 3, 2], s: [2, 1, 3], p: [2, 1, 0], d: [1, 2, 3], g: 1).batched(2),
        ConvGeometry(6, 9, [7, 8, 9], k: [3, 2, 1], s: [1, 2, 3], p: [1, 0, 2], d: [2, 1, 1], g: 3).batched(2),
        ConvGeometry(16, 16, [7, 6, 9], k: 3, s: 1).batched(2),
        ConvGeometry(8, 8, [5, 7, 6], k: [3, 3, 3], s: [1, 1, 1], p: [1, 1, 1], d: [1, 1, 1], g: 8),
        ConvGeometry(17, 34, [4, 5, 3], k: [3, 1, 3], s: [2, 1, 1], p: [1, 0, 1], d: [1, 1, 1], g: 17),
        ConvGeometry(32, 32, [5, 6, 7], k: [3, 3, 3], s: [1, 1, 1], p: [1, 1, 1], d: [1, 1, 1], g: 2),
        ConvGeometry(16, 16, [9, 8, 11], k: [3, 3, 3], s: [1, 1, 1], p: [2, 2, 2], d: [2, 2, 2], g: 1),
        ConvGeometry(4, 6, [9, 10, 8], k: [3, 3, 3], s: [2, 2, 2], p: [0, 0, 0], d: [1, 1, 1], g: 1),
        ConvGeometry(16, 32, [8, 7, 10], k: [3, 3, 3], s: [2, 2, 2], p: [0, 0, 0], d: [1, 1, 1], g: 1).batched(2),
        ConvGeometry(2, 3, [7, 8, 9], k: [2, 2, 2], s: [3, 3, 3], p: [0, 0, 0], d: [1, 1, 1], g: 1),
        ConvGeometry(5, 17, [5, 4, 3], k: [5, 3, 3], s: [1, 1, 1], p: [0, 0, 0], d: [1, 1, 1], g: 1),
        ConvGeometry(5, 2, [2, 3, 1], k: 5, s: 1),
        ConvGeometry(3, 2, [1, 1, 1], k: 3, s: 1),
        ConvGeometry(33, 3, [1, 1, 1], k: 1, s: 1).batched(2),
        ConvGeometry(16, 16, [1, 1, 1], k: 3, s: 1).batched(2),
        ConvGeometry(16, 32, [1, 1, 1], k: 3, s: 2),
        ConvGeometry(1, 2, [5, 1, 7], k: 3, s: 1),
        ConvGeometry(2, 1, [1, 9, 4], k: 3, s: 2),
        ConvGeometry(17, 33, [5, 4, 6], k: 3, s: 1),
        ConvGeometry(33, 17, [3, 5, 4], k: 3, s: 2),
        ConvGeometry(33, 3, [6, 5, 4], k: 1, s: 1),
        ConvGeometry(3, 16, [5, 6, 7], k: 1, s: 2),
        ConvGeometry(12, 8, [6, 5, 7], k: [1, 3, 3], s: [1, 2, 2], p: [0, 1, 1], d: [1, 1, 1], g: 1),
        ConvGeometry(16, 16, [6, 5, 9], k: [3, 3, 3], s: [1, 1, 1], p: [0, 0, 0], d: [1, 1, 1], g: 1),
        ConvGeometry(16, 16, [5, 4, 6], k: [3, 3, 3], s: [1, 1, 1], p: [2, 2, 2], d: [1, 1, 1], g: 1),
        ConvGeometry(4, 4, [6, 7, 5], k: [4, 4, 4], s: [2, 2, 2], p: [1, 1, 1], d: [1, 1, 1], g: 1),
        ConvGeometry(16, 20, [9, 6, 7], k: [7, 7, 7], s: [2, 2, 2], p: [3, 3, 3], d: [1, 1, 1], g: 1),
    ]

    /// The layers of UNet, VNet and UNETR on small volumes, with widths that no tile divides.
    private static let networkConvs: [ConvGeometry] = [
        ConvGeometry(1, 16, [9, 7, 13], k: 3, s: 1), ConvGeometry(1, 16, [10, 9, 13], k: 3, s: 2),
        ConvGeometry(1, 32, [6, 5, 31], k: 3, s: 1), ConvGeometry(2, 16, [6, 7, 8], k: 3, s: 1),
        ConvGeometry(16, 16, [13, 7, 25], k: 3, s: 1), ConvGeometry(16, 16, [12, 12, 12], k: 3, s: 1),
        ConvGeometry(16, 32, [9, 7, 5], k: 3, s: 2), ConvGeometry(16, 32, [12, 10, 26], k: 3, s: 2),
        ConvGeometry(32, 32, [7, 5, 13], k: 3, s: 1), ConvGeometry(32, 64, [7, 8, 6], k: 3, s: 2),
        ConvGeometry(32, 16, [4, 6, 31], k: 3, s: 1), ConvGeometry(48, 33, [5, 6, 7], k: 3, s: 1),
        ConvGeometry(64, 64, [5, 7, 6], k: 3, s: 1).batched(2), ConvGeometry(64, 128, [6, 5, 7], k: 3, s: 2),
        ConvGeometry(128, 128, [6, 6, 6], k: 3, s: 1), ConvGeometry(128, 256, [4, 4, 4], k: 3, s: 2),
        ConvGeometry(256, 256, [3, 4, 3], k: 3, s: 1), ConvGeometry(384, 128, [3, 3, 4], k: 3, s: 1),
        ConvGeometry(1, 16, [9, 8, 11], k: 5, s: 1), ConvGeometry(16, 16, [7, 9, 13], k: 5, s: 1),
        ConvGeometry(32, 32, [6, 7, 9], k: 5, s: 1), ConvGeometry(64, 64, [4, 5, 4], k: 5, s: 1),
        ConvGeometry(32, 2, [5, 7, 6], k: 5, s: 1), ConvGeometry(32, 2, [9, 7, 13], k: 1, s: 1),
        ConvGeometry(16, 64, [7, 5, 6], k: 1, s: 1), ConvGeometry(256, 64, [3, 4, 5], k: 1, s: 1),
        ConvGeometry(2, 2, [9, 7, 6], k: 1, s: 1), ConvGeometry(16, 32, [8, 6, 10], k: 2, s: 2),
        ConvGeometry(32, 64, [6, 4, 8], k: 2, s: 2).batched(2), ConvGeometry(1, 96, [32, 16, 48], k: 16, s: 16),
        ConvGeometry(2, 24, [8, 16, 4], k: 4, s: 4).batched(2),
    ]

    /// Transposed convolutions: forward and both gradients of every geometry.
    static let transposedConvolutions: [OpCase] =
        transposedGeometries.flatMap(\.cases)
        + transposedGeometries.prefix(3).flatMap {
            [$0.forward(bias: true, accumulate: true), $0.forward(bias: false, accumulate: false), $0.layerCase]
        }

    private static let transposedGeometries: [ConvGeometry] = [
        ConvGeometry(6, 4, [4, 5, 3], k: [3, 3, 2], s: [2, 1, 3], p: [1, 0, 1], d: [1, 2, 1], g: 2)
            .batched(2).transposed(outputPadding: [1, 0, 2]),
        ConvGeometry(5, 3, [3, 4, 5], k: [2, 3, 4], s: [1, 2, 3], p: [0, 1, 2], d: [2, 1, 1], g: 1)
            .transposed(outputPadding: [0, 1, 1]),
        ConvGeometry(32, 2, [5, 6, 7], k: 3, s: 2).transposed(outputPadding: [1, 1, 1]),
        ConvGeometry(32, 16, [6, 5, 7], k: 3, s: 2).batched(2).transposed(outputPadding: [1, 1, 1]),
        ConvGeometry(64, 32, [4, 3, 5], k: 3, s: 2).transposed(outputPadding: [1, 1, 1]),
        ConvGeometry(48, 16, [4, 5, 3], k: 3, s: 2).transposed(outputPadding: [1, 1, 1]),
        ConvGeometry(17, 33, [3, 4, 5], k: 3, s: 2).transposed(outputPadding: [0, 1, 0]),
        ConvGeometry(256, 64, [3, 2, 3], k: 3, s: 2).transposed(outputPadding: [1, 1, 1]),
        ConvGeometry(16, 8, [5, 4, 7], k: 2, s: 2).transposed(outputPadding: [0, 0, 0]),
        ConvGeometry(256, 128, [2, 3, 2], k: 2, s: 2).transposed(outputPadding: [0, 0, 0]),
        ConvGeometry(3, 2, [3, 2, 4], k: 2, s: 2).batched(2).transposed(outputPadding: [0, 0, 0]),
        ConvGeometry(8, 16, [4, 3, 5], k: [4, 4, 4], s: [2, 2, 2], p: [1, 1, 1], d: [1, 1, 1], g: 1)
            .transposed(outputPadding: [0, 0, 0]),
        ConvGeometry(16, 16, [5, 4, 6], k: [1, 2, 2], s: [1, 2, 2], p: [0, 0, 0], d: [1, 1, 1], g: 1)
            .transposed(outputPadding: [0, 0, 0]),
        ConvGeometry(16, 16, [5, 7, 6], k: 3, s: 1).transposed(outputPadding: [0, 0, 0]),
        ConvGeometry(16, 1, [6, 5, 7], k: 3, s: 1).transposed(outputPadding: [0, 0, 0]),
        ConvGeometry(16, 16, [4, 5, 6], k: 5, s: 1).transposed(outputPadding: [0, 0, 0]),
        ConvGeometry(3, 1, [1, 1, 1], k: 3, s: 2).transposed(outputPadding: [1, 1, 1]),
        ConvGeometry(4, 5, [3, 3, 4], k: [2, 2, 2], s: [3, 3, 3], p: [0, 0, 0], d: [1, 1, 1], g: 1)
            .transposed(outputPadding: [2, 0, 1]),
        ConvGeometry(8, 8, [4, 3, 5], k: [3, 3, 3], s: [2, 2, 2], p: [1, 1, 1], d: [1, 1, 1], g: 8)
            .transposed(outputPadding: [1, 1, 1]),
        ConvGeometry(48, 32, [1, 7, 4], k: 3, s: 2).batched(2).transposed(outputPadding: [0, 1, 0]),
        ConvGeometry(16, 80, [5, 2, 8], k: 3, s: 2).transposed(outputPadding: [1, 0, 1]),
    ]
}
