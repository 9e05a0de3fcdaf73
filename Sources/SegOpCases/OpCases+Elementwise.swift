import SegBackend

extension OpCases {
    /// Arithmetic, casts and scaling.
    static let elementwise: [OpCase] = binaries + repetitions + unaries + casts + scalings

    private static let binaries: [OpCase] = BinaryOp.allCases.flatMap { op in
        [
            binary(op, [1], [1], inPlace: false), binary(op, [2, 3, 5, 7, 3], [2, 3, 5, 7, 3], inPlace: false),
            binary(op, [2, 3, 5, 7, 3], [2, 3, 5, 7, 3], inPlace: true), binary(op, [6, 33], [33], inPlace: false),
            binary(op, [2, 4, 3, 5, 16], [16], inPlace: true), binary(op, [3, 5, 7], [5, 7], inPlace: false),
            binary(op, [11, 1], [1], inPlace: false), binary(op, [2049], [2049], inPlace: false),
            binary(op, [5, 16], [5, 16], inPlace: false).aligned, binary(op, [3, 5, 16], [16], inPlace: false).aligned,
        ]
    }

    /// Operands that repeat along the first, middle and last axes; either operand, and both.
    private static let repetitions: [OpCase] =
        [
            (Shape([1]), Shape([3, 37])), ([3, 37], [1]), ([17], [5, 17]), ([53, 1], [53, 3]), ([53, 3], [53, 1]),
            ([35, 1], [35, 33]), ([2, 1, 5], [2, 7, 5]), ([2, 7, 5], [2, 1, 5]), ([1, 7, 1], [4, 7, 16]),
            ([7, 1], [1, 19]), ([6, 1, 3, 1], [1, 5, 1, 4]), ([2, 1, 3, 1, 4], [2, 5, 3, 2, 4]),
            ([2, 3, 1, 3, 1, 2], [2, 1, 2, 1, 3, 2]), ([3, 4], [2, 1, 5, 1, 1]), ([2, 1, 5000], [2, 3, 5000]),
            ([2, 5000], [3, 2, 5000]), ([3, 1], [3, 70_001]),
        ].flatMap { a, b in
            [BinaryOp.add, .divide, .less].map { binary($0, a, b, inPlace: false) }
        } + [
            binary(.subtract, [53, 3], [53, 1], inPlace: true),
            binary(.multiply, [2, 3, 5], [2, 1, 5], inPlace: true),
            binary(.multiply, [4, 8], [1], inPlace: false).aligned,
            binary(.subtract, [1], [4, 8], inPlace: false).aligned,
        ]

    private static func binary(_ op: BinaryOp, _ a: Shape, _ b: Shape, inPlace: Bool) -> OpCase {
        let name = "binary_\(op.rawValue)_\(extents(a))_\(extents(b))" + (inPlace ? "_inplace" : "")
        let shape = a.broadcast(with: b) ?? a
        return OpCase(name, op: "binary", flops: shape.count, bytes: 4 * (a.count + b.count + shape.count)) { arrays in
            // Divisors are not close to zero, and bases of powers are not negative.
            let right = try arrays.input(b, op == .divide ? 0.5..<2 : -1..<1)
            let range: Range<Float> = op == .power ? 0.25..<4 : -1..<1
            let y = inPlace ? try arrays.state("y", shape, range, .op) : try arrays.output("y", shape, .op)
            let left = inPlace ? y : try arrays.input(a, range)
            return { try arrays.backend.binary(op, left, right, into: y) }
        }
    }

    private static let unaries: [OpCase] = UnaryOp.allCases.flatMap { op in
        [
            unary(op, [1], inPlace: false), unary(op, [2, 3, 5, 7, 3], inPlace: false), unary(op, [35], inPlace: true),
            unary(op, [1027], inPlace: false), unary(op, [5, 16], inPlace: false).aligned,
        ]
    }

    private static func unary(_ op: UnaryOp, _ shape: Shape, inPlace: Bool) -> OpCase {
        let name = "unary_\(op.rawValue)_\(extents(shape))" + (inPlace ? "_inplace" : "")
        return OpCase(name, op: "unary", bytes: 8 * shape.count) { arrays in
            let range: Range<Float> =
                switch op {
                case .log, .sqrt: 1e-3..<9
                case .log1p: -0.75..<3
                case .reciprocal: 0.25..<4
                case .exp, .abs, .sign: -4..<4
                }
            let y = inPlace ? try arrays.state("y", shape, range, .op) : try arrays.output("y", shape, .op)
            let x = inPlace ? y : try arrays.input(shape, range)
            return { try arrays.backend.unary(op, x, into: y) }
        }
    }

    private static let casts: [OpCase] = [1, 77, 1024].map { count in
        OpCase("cast_\(count)", op: "cast") { arrays in
            let x = try arrays.integers([count], 0..<300, .i32)
            let y = try arrays.output("y", [count], .exact)
            return { try arrays.backend.cast(x, into: y) }
        }
    }

    private static let scalings: [OpCase] =
        [(0.5, 0), (1.5, -0.75), (1, 1), (0, 2)].flatMap { alpha, beta in
            [1, 15, 1027].map { count in
                OpCase("scale_\(count)_alpha\(alpha)_beta\(beta)", op: "scale") { arrays in
                    let x = try arrays.input([count])
                    let y = try arrays.output("y", [count], accumulate: beta != 0, .op)
                    return { try arrays.backend.scale(x, by: Float(alpha), into: y, times: Float(beta)) }
                }
            }
        } + [
            OpCase("scale_inplace", op: "scale") { arrays in
                let y = try arrays.state("y", [77], -1..<1, .op)
                return { try arrays.backend.scale(y, by: -2.5, into: y, times: 0) }
            }
        ]

    /// The sizes as text, such as `2x3x4`.
    static func extents(_ shape: Shape) -> String { shape.dimensions.map(String.init).joined(separator: "x") }
}
