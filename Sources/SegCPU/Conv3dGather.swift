import CSegCPU
internal import SegBackend
internal import SegCore

/// A convolution or transposed convolution as a gather: each output is the sum over the inputs that its taps read.
///
/// On every axis, output `origin + j · outStep` of a phase reads input `j · step + delta` for each of the phase's taps.
struct Conv3dGather {
    /// One axis of a phase.
    struct Axis {
        var origin: Int
        var count: Int
        /// The taps in ascending order of `delta`.
        var taps: [(index: Int, delta: Int)]

        /// Whether the taps read neighbouring inputs.
        var isRun: Bool { zip(taps, taps.dropFirst()).allSatisfy { $1.delta == $0.delta + 1 } }
    }

    /// The phases along d, h and w; the phases of the volume are all combinations of these.
    let axes: [[Axis]]
    let step: [Int]
    let outStep: [Int]

    /// Creates the gather of a convolution, which has one phase.
    init(convolution params: Conv3dParams, output: Triple) {
        axes = (0..<3).map { axis in
            let taps = (0..<params.kernel[axis]).map { k in
                (index: k, delta: k * params.dilation[axis] - params.padding[axis])
            }
            return [Axis(origin: 0, count: output[axis], taps: taps)]
        }
        step = params.stride.array
        outStep = [1, 1, 1]
    }

    /// Creates the gather of a transposed convolution, which has a phase for each residue of the output index modulo
    /// the stride.
    init(transposed params: Conv3dParams, output: Triple) {
        axes = (0..<3).map { axis in
            let stride = params.stride[axis]
            return (0..<min(stride, output[axis])).map { origin in
                let taps = (0..<params.kernel[axis]).reversed().compactMap { k -> (index: Int, delta: Int)? in
                    let distance = origin + params.padding[axis] - k * params.dilation[axis]
                    return distance % stride == 0 ? (index: k, delta: distance / stride) : nil
                }
                return Axis(origin: origin, count: (output[axis] - origin + stride - 1) / stride, taps: taps)
            }
        }
        step = [1, 1, 1]
        outStep = params.stride.array
    }

    /// The minimum offset of any tap from the output's position, on each axis.
    var low: [Int] { axes.map { phases in phases.flatMap(\.taps).map(\.delta).min() ?? 0 } }

    /// The number of input elements between the first and the last tap, on each axis.
    var span: [Int] {
        axes.map { phases in
            let deltas = phases.flatMap(\.taps).map(\.delta)
            return (deltas.max() ?? 0) - (deltas.min() ?? 0)
        }
    }

    /// The number of outputs of the largest phase, on each axis.
    var extent: [Int] { axes.map { $0.map(\.count).max() ?? 0 } }

    /// The phases, each as its three axes.
    var phases: [[Axis]] {
        axes[0].flatMap { d in axes[1].flatMap { h in axes[2].map { w in [d, h, w] } } }
    }
}

/// A grid of tiles over output indices, the same for any number of threads.
struct Conv3dTiles {
    let size: [Int]
    let counts: [Int]

    init(size: [Int], over extent: [Int]) {
        self.size = size
        counts = zip(extent, size).map { ($0 + $1 - 1) / $1 }
    }

    /// The number of tiles of one sample.
    var count: Int { counts.reduce(1, *) }

    /// The first output index of a tile.
    func start(of tile: Int) -> [Int] {
        [
            tile / (counts[1] * counts[2]) * size[0], tile / counts[2] % counts[1] * size[1],
            tile % counts[2] * size[2],
        ]
    }

    /// The largest tiles of at most `budget` bytes of which there are at least `atLeast`; a tile grows from one row.
    ///
    /// `bytes` returns the bytes that a tile of a size needs.
    static func fitting(_ extent: [Int], atLeast: Int, budget: Int, bytes: ([Int]) -> Int) -> Conv3dTiles {
        var tiles = Conv3dTiles(size: [1, 1, extent[2]], over: extent)
        while tiles.size[2] > 32 && bytes(tiles.size) > budget {
            tiles = Conv3dTiles(size: [1, 1, (tiles.size[2] + 1) / 2], over: extent)
        }
        while true {
            // The shorter axis grows first, because cubes share most of their halo.
            let order = tiles.size[0] < tiles.size[1] ? [0, 1] : [1, 0]
            let grown = order.lazy.filter { tiles.size[$0] < extent[$0] }.map { axis in
                var size = tiles.size
                let parts = (extent[axis] + size[axis] - 1) / size[axis]
                size[axis] = (extent[axis] + parts - 2) / (parts - 1)
                return Conv3dTiles(size: size, over: extent)
            }.first { $0.count >= atLeast && bytes($0.size) <= budget }
            guard let grown else { return tiles }
            tiles = grown
        }
    }
}

/// Three numbers as a C array.
func cTriple(_ values: [Int]) -> (Int, Int, Int) { (values[0], values[1], values[2]) }
