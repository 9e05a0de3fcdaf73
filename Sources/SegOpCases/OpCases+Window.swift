import SegBackend
import SegCore

extension OpCases {
    /// The blending of two overlapping windows, and the division by the sum of their weights.
    static let windows: [OpCase] =
        [1, 2, 3, 17].map { channels in
            OpCase("blendWindow_\(channels)", op: "blendWindow") { arrays in
                let size: Shape = [4, 3, 5]
                let (first, second) = (
                    try arrays.input(Shape(size.dimensions + [channels])),
                    try arrays.input(Shape(size.dimensions + [channels]))
                )
                let weights = try arrays.input(size, 0.1..<1)
                let sum = try arrays.zeros("sum", [7, 6, 9, channels], .op)
                let weightSum = try arrays.zeros("weightSum", [7, 6, 9], .op)
                return {
                    let backend = arrays.backend
                    try backend.blendWindow(first, weights: weights, at: Triple(0, 0, 0), into: sum, weightSum)
                    try backend.blendWindow(
                        second, weights: weights, at: Triple(3, 2, 4), into: sum, weightSum)
                }
            }
        } + [1, 2, 3, 17].flatMap { channels in [false, true].map { divide(channels, inPlace: $0) } }

    private static func divide(_ channels: Int, inPlace: Bool) -> OpCase {
        OpCase("divideRows_\(channels)" + (inPlace ? "_inplace" : ""), op: "divideRows") { arrays in
            let shape: Shape = [53, channels]
            let divisors = try arrays.input([53], 0.25..<2)
            let y = inPlace ? try arrays.state("y", shape, -1..<1, .op) : try arrays.output("y", shape, .op)
            let x = inPlace ? y : try arrays.input(shape)
            return { try arrays.backend.divideRows(x, by: divisors, into: y) }
        }
    }
}
