import SegBackend

extension OpCases {
    /// Dropout of elements and of channels that overwrites, accumulates and works in place.
    static let dropouts: [OpCase] = [Float(0), 0.1, 0.5, 0.9].flatMap { probability in
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
}
