import SegBackend

extension OpCases {
    /// Filling, copies of boxes of every rank, and flips.
    static let memory: [OpCase] = fills + regions + flips

    private static let flips: [OpCase] = [
        ([7], [0]), ([3, 5], [1]), ([1, 4, 3, 5, 1], [1, 3]), ([2, 3, 4, 5, 6], [2]), ([1, 1, 6, 7, 33], [1, 2, 3]),
        ([2, 3, 4, 5, 3], [0, 4]), ([2, 2, 3], []),
    ].flatMap { extents, axes in
        [false, true].map { accumulate in
            let name = "flip_\(extents.map(String.init).joined(separator: "x"))_\(axes)"
            return OpCase(name + (accumulate ? "_accumulate" : ""), op: "flip") { arrays in
                let x = try arrays.input(Shape(extents))
                let y = try arrays.state("y", Shape(extents), -1..<1, .op)
                return { try arrays.backend.flip(x, axes: axes, into: y, accumulate: accumulate) }
            }
        }
    }

    private static let fills: [OpCase] = [1, 17, 1000].map { count in
        OpCase("fill_\(count)", op: "fill") { arrays in
            let y = try arrays.output("y", [count], .exact)
            let integers = try arrays.output("integers", [count], .i32, startingAt: -1)
            let bytes = try arrays.output("bytes", [count], .u8, startingAt: 9)
            return {
                try arrays.backend.fill(y, with: -0.375)
                try arrays.backend.fill(integers, with: 70_000)
                try arrays.backend.fill(bytes, with: 200)
            }
        }
    }

    private struct Region {
        let source: [Int]
        let sourceOrigin: [Int]
        let destination: [Int]
        let origin: [Int]
        let extent: [Int]
    }

    private static let boxes: [Region] = [
        Region(source: [37], sourceOrigin: [5], destination: [40], origin: [9], extent: [21]),
        Region(source: [7, 9], sourceOrigin: [2, 0], destination: [6, 11], origin: [1, 2], extent: [5, 9]),
        Region(
            source: [4, 5, 6], sourceOrigin: [0, 1, 2], destination: [5, 4, 7], origin: [1, 0, 3], extent: [4, 4, 1]),
        Region(
            source: [3, 4, 5, 6], sourceOrigin: [1, 0, 2, 1], destination: [4, 6, 3, 7], origin: [0, 2, 0, 3],
            extent: [2, 4, 3, 4]),
        // Concatenation of channels: 16 channels are copied to channels 16 ..< 32.
        Region(
            source: [2, 3, 4, 5, 16], sourceOrigin: [0, 0, 0, 0, 0], destination: [2, 3, 4, 5, 33],
            origin: [0, 0, 0, 0, 16], extent: [2, 3, 4, 5, 16]),
        // Crop and pad.
        Region(
            source: [2, 7, 6, 5, 3], sourceOrigin: [1, 2, 1, 0, 0], destination: [1, 6, 4, 9, 3],
            origin: [0, 1, 0, 4, 0], extent: [1, 4, 4, 5, 3]),
        Region(
            source: [1, 2, 2, 2, 1], sourceOrigin: [0, 0, 0, 0, 0], destination: [1, 2, 2, 2, 1],
            origin: [0, 0, 0, 0, 0], extent: [1, 2, 2, 2, 1]),
    ]

    private static let regions: [OpCase] =
        boxes.flatMap { box in
            [floats(box, accumulate: false), floats(box, accumulate: true), integers(box, .i32), integers(box, .u8)]
        } + [
            // Concatenation of channels larger than the caches, so the CPU's copies bypass them.
            floats(
                Region(
                    source: [33001, 32], sourceOrigin: [0, 0], destination: [33001, 64], origin: [0, 32],
                    extent: [33001, 32]), accumulate: false
            ).aligned
        ]

    private static func name(_ box: Region) -> String {
        "copyRegion_\(box.extent.map(String.init).joined(separator: "x"))"
            + "_of_\(box.source.map(String.init).joined(separator: "x"))"
    }

    private static func floats(_ box: Region, accumulate: Bool) -> OpCase {
        OpCase(name(box) + (accumulate ? "_accumulate" : ""), op: "copyRegion") { arrays in
            let source = try arrays.input(Shape(box.source))
            // The destination starts with known values in both cases, because elements outside the box must not change.
            let destination = try arrays.state("destination", Shape(box.destination), -1..<1, .op)
            return {
                try arrays.backend.copyRegion(
                    source, at: box.sourceOrigin, into: destination, at: box.origin, extent: box.extent,
                    accumulate: accumulate)
            }
        }
    }

    private static func integers(_ box: Region, _ dtype: DType) -> OpCase {
        OpCase("\(name(box))_\(dtype)", op: "copyRegion") { arrays in
            let source = try arrays.integers(Shape(box.source), 0..<100, dtype)
            let destination = try arrays.output("destination", Shape(box.destination), dtype, startingAt: 111)
            return {
                try arrays.backend.copyRegion(
                    source, at: box.sourceOrigin, into: destination, at: box.origin, extent: box.extent,
                    accumulate: false)
            }
        }
    }
}
