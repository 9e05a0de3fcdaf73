import SegBackend

extension OpCases {
    /// Arithmetic, scaling and dropout.
    static let elementwise: [OpCase] = binaries + scalings + dropouts

    private static let binaries: [OpCase] = BinaryOp.allCases.flatMap { op in
        [
            binary(op, [1], [1], inPlace: false), binary(op, [2, 3, 5, 7, 3], [2, 3, 5, 7, 3], inPlace: false),
            binary(op, [2, 3, 5, 7, 3], [2, 3, 5, 7, 3], inPlace: true), binary(op, [6, 33], [33], inPlace: false),
            binary(op, [2, 4, 3, 5, 16], [16], inPlace: true), binary(op, [3, 5, 7], [5, 7], inPlace: false),
            binary(op, [11, 1], [1], inPlace: false), binary(op, [2049], [2049], inPlace: false),
        ]
    }

    private static func binary(_ op: BinaryOp, _ a: Shape, _ b: Shape, inPlace: Bool) -> OpCase {
        let name = "binary_\(op.rawValue)_\(extents(a))_\(extents(b))" + (inPlace ? "_inplace" : "")
        return OpCase(name, op: "binary", flops: a.count, bytes: 4 * (2 * a.count + b.count)) { arrays in
            // Divisors stay away from zero.
            let right = try arrays.input(b, op == .divide ? 0.5..<2 : -1..<1)
            let y = inPlace ? try arrays.state("y", a, -1..<1, .op) : try arrays.output("y", a, .op)
            let left = inPlace ? y : try arrays.input(a)
            return { try arrays.backend.binary(op, left, right, into: y) }
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

    private static let dropouts: [OpCase] = [Float(0), 0.1, 0.5, 0.9].flatMap { probability in
        [false, true].flatMap { channelwise in
            [
                dropout([2, 3, 4, 5, 17], probability, channelwise, .overwritten),
                dropout([2, 3, 4, 5, 16], probability, channelwise, .accumulated),
                dropout([3, 2, 1, 7, 3], probability, channelwise, .inPlace),
            ]
        }
    }

    private enum Destination: String {
        case overwritten, accumulated, inPlace
    }

    private static func dropout(
        _ shape: Shape, _ probability: Float, _ channelwise: Bool, _ destination: Destination
    ) -> OpCase {
        let name = "dropout_p\(probability)_\(channelwise ? "channels" : "elements")_\(extents(shape))_\(destination)"
        return OpCase(name, op: "dropout") { arrays in
            let params = DropoutParams(
                probability: probability, seed: 0x1234_5678_9ABC_DEF0, layer: 3, pass: 41, channelwise: channelwise)
            let inPlace = destination == .inPlace
            let y =
                inPlace
                ? try arrays.state("y", shape, -1..<1, .op)
                : try arrays.output("y", shape, accumulate: destination == .accumulated, .op)
            let x = inPlace ? y : try arrays.input(shape)
            return { try arrays.backend.dropout(x, params, into: y, accumulate: destination == .accumulated) }
        }
    }

    /// `2x3x4`.
    static func extents(_ shape: Shape) -> String { shape.dimensions.map(String.init).joined(separator: "x") }
}
