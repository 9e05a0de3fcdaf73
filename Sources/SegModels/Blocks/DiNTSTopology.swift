internal import SegBackend
internal import SegCore
internal import SegNN

/// An operation on a path of a DiNTS topology; the raw values are the numbers in `arch_code_c`.
enum DiNTSOperation: Int, Hashable, Sendable, CaseIterable {
    /// The identity.
    case skip
    /// A convolution of 3³.
    case cube
    /// Convolutions along two axes, then along the third: 3 × 3 × 1 and 1 × 1 × 3.
    case planeOfDH
    /// 3 × 1 × 3 and 1 × 3 × 1.
    case planeOfDW
    /// 1 × 3 × 3 and 3 × 1 × 1.
    case planeOfHW
}

/// An existing path of a block, from a depth of the previous block to a depth of this block.
struct DiNTSPath: Hashable, Sendable {
    /// The number of the path among the block's possible paths. These are ordered by target depth, then by source
    /// depth: finer, same, coarser.
    let number: Int
    /// The depth that the path starts from.
    let source: Int
    /// The depth that the path leads to.
    let target: Int
    /// The operations of the path, whose outputs are summed.
    let operations: [DiNTSOperation]
}

/// A searched topology: `monai.networks.nets.TopologyInstance`.
public struct DiNTSTopology: Hashable, Sendable {
    /// The number of resolutions, each half of the previous one.
    public let depthCount: Int
    /// Whether the stem halves the size before the first depth; `use_downsample`.
    public let halvesInput: Bool
    /// The number of channels at the input's resolution and at each halved resolution.
    let filters: [Int]
    /// The paths of each block.
    let blocks: [[DiNTSPath]]
    let activation: BlockOptions.ActivationOption
    let norm: BlockOptions.NormOption

    var stemHalvings: Int { halvesInput ? 1 : 0 }

    /// Returns the number of channels of a depth.
    func channels(_ depth: Int) -> Int { filters[depth + stemHalvings] }

    /// The maximum numbers of blocks and of depths; MONAI's own bundles have 12 and 4.
    private static let (mostBlocks, mostDepths) = (64, 8)

    init(_ reader: ConfigReader) throws {
        let target = try reader.required("_target_", reader.string("_target_"))
        guard ["TopologyInstance", "monai.networks.nets.TopologyInstance"].contains(target) else {
            throw reader.error(
                "_target_",
                "only monai.networks.nets.TopologyInstance, the result of a search, is supported, not '\(target)'")
        }
        reader.ignore("device")
        try reader.requireThreeDimensions("spatial_dims")
        let (blockCount, depths) = (try reader.positive("num_blocks") ?? 6, try reader.positive("num_depths") ?? 3)
        guard blockCount <= Self.mostBlocks, (2...Self.mostDepths).contains(depths) else {
            throw reader.error(
                "num_blocks",
                "1 to \(Self.mostBlocks) blocks with 2 to \(Self.mostDepths) depths are supported, not \(blockCount) with "
                    + "\(depths)")
        }
        depthCount = depths
        halvesInput = try reader.bool("use_downsample") ?? true
        let factor = try reader.double("channel_mul") ?? 1
        filters = (0...depths).map { Int((Double(32 << $0) * factor).rounded(.towardZero)) }
        guard factor <= 64, filters.allSatisfy({ $0 > 1 }) else {
            throw reader.error("channel_mul", "\(factor) should be at most 64 and leave at least 2 channels")
        }
        activation = try Self.activation(reader)
        norm = try Self.norm(reader)
        try reader.expect("cell", .null)
        blocks = try Self.blocks(reader, count: blockCount, depths: depths)
        try reader.finish()
    }

    /// Returns the source and target depths of all possible paths: each depth has one from the finer depth, from itself
    /// and from the coarser depth.
    private static func paths(depths: Int) -> [(source: Int, target: Int)] {
        (0..<depths).flatMap { target in
            [target - 1, target, target + 1].filter { (0..<depths).contains($0) }.map { ($0, target) }
        }
    }

    /// Reads `arch_code`: the existing paths and the operation of each. Without it, every path exists with all operations.
    private static func blocks(_ reader: ConfigReader, count: Int, depths: Int) throws -> [[DiNTSPath]] {
        let possible = paths(depths: depths)
        var codes: (paths: [[Int]], operations: [[Int]])?
        if let value = reader.value("arch_code") {
            guard case .array(let pair) = value, pair.count == 2 else {
                throw reader.error("arch_code", "should be [arch_code_a, arch_code_c], not \(value)")
            }
            codes = (
                try matrix(pair[0], "arch_code", rows: count, columns: possible.count, 0...1, reader),
                try matrix(
                    pair[1], "arch_code", rows: count, columns: possible.count,
                    0...DiNTSOperation.allCases.count - 1, reader)
            )
        }
        return (0..<count).map { block in
            possible.enumerated().compactMap { number, ends in
                guard codes.map({ $0.paths[block][number] == 1 }) ?? true else { return nil }
                let chosen = codes.flatMap { DiNTSOperation(rawValue: $0.operations[block][number]) }
                return DiNTSPath(
                    number: number, source: ends.source, target: ends.target,
                    operations: chosen.map { [$0] } ?? DiNTSOperation.allCases)
            }
        }
    }

    /// Reads a matrix of integers from a list of lists.
    private static func matrix(
        _ value: ConfigValue, _ key: String, rows: Int, columns: Int, _ range: ClosedRange<Int>, _ reader: ConfigReader
    ) throws -> [[Int]] {
        let fault = reader.error(
            key, "should have \(rows) rows of \(columns) integers from \(range.lowerBound) to \(range.upperBound)")
        guard case .array(let lines) = value, lines.count == rows else { throw fault }
        return try lines.map { line in
            guard case .array(let items) = line else { throw fault }
            let numbers = items.compactMap(\.wholeNumber)
            guard numbers.count == columns, items.count == columns, numbers.allSatisfy(range.contains) else {
                throw fault
            }
            return numbers
        }
    }

    /// Reads the network's `node_a`, the depths that the input and the output use, and checks the paths against it.
    func nodes(_ reader: ConfigReader) throws -> (entrances: [Bool], deepestExit: Int) {
        let ones = [[Int]](repeating: [Int](repeating: 1, count: depthCount), count: blocks.count + 1)
        let nodes = try reader.value("node_a").map {
            try Self.matrix($0, "node_a", rows: blocks.count + 1, columns: depthCount, 0...1, reader)
        }
        let entrances = (nodes ?? ones)[0].map { $0 == 1 }
        var reached = Set(entrances.indices.filter { entrances[$0] })
        for (block, paths) in blocks.enumerated() {
            guard paths.allSatisfy({ reached.contains($0.source) }) else {
                throw reader.error(
                    "node_a", "block \(block) of dints_space has a path from a depth that no path leads to")
            }
            reached = Set(paths.map(\.target))
        }
        let exits = (nodes ?? ones)[blocks.count]
        guard let deepest = exits.lastIndex(of: 1), reached.contains(deepest) else {
            throw reader.error("node_a", "its last row should select a depth that a path leads to")
        }
        return (entrances, deepest)
    }

    /// Reads `act_name`. An in-place activation is refused, because it would change the input of the other paths from
    /// the same depth.
    static func activation(_ reader: ConfigReader) throws -> BlockOptions.ActivationOption {
        if case .array(let pair)? = reader.value("act_name"), case .object(let arguments)? = pair.last,
            let inPlace = arguments["inplace"], inPlace != false
        {
            throw reader.error("act_name", "inplace is not supported, because it would change the input of other paths")
        }
        let activation = try BlockOptions.activation(reader, "act_name", default: "relu")
        guard activation.slopeCount == 1 else {
            throw reader.error("act_name", "PReLU with num_parameters does not fit depths of different channel counts")
        }
        return activation
    }

    /// Reads `norm_name`; without it the norm is an affine instance norm.
    static func norm(_ reader: ConfigReader) throws -> BlockOptions.NormOption {
        try BlockOptions.norm(reader, "norm_name", default: "instance", affine: reader.value("norm_name") == nil)
    }
}
