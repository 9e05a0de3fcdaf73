/// The closed outlines of a label in a slice: marching squares through the midpoints between voxel centres.
///
/// Points are in voxels from the slice's top left corner. A label at the slice's border is closed half a voxel beyond
/// the border voxel's centre.
struct MaskContour {
    private(set) var loops: [[Point]] = []

    init(_ slice: Slice<UInt8>, label: UInt8) {
        func holds(_ x: Int, _ y: Int) -> Bool {
            x >= 0 && y >= 0 && x < slice.width && y < slice.height && slice.values[y * slice.width + x] == label
        }
        var next: [Edge: Edge] = [:]
        for y in -1..<slice.height {
            for x in -1..<slice.width {
                let cell = (holds(x, y), holds(x + 1, y), holds(x + 1, y + 1), holds(x, y + 1))
                for (from, to) in Self.segments(cell, x, y) { next[from] = to }
            }
        }
        // The edges are sorted, so that a figure has the same bytes each time.
        for start in next.keys.sorted(by: Edge.precedes) {
            var loop: [Point] = []
            var edge = start
            while let to = next.removeValue(forKey: edge) {
                loop.append(edge.point)
                edge = to
            }
            if !loop.isEmpty { loops.append(loop) }
        }
    }

    /// The midpoint between two neighbouring voxel centres, in half voxels.
    private struct Edge: Hashable {
        var x2: Int
        var y2: Int

        var point: Point { Point(x: Double(x2) / 2, y: Double(y2) / 2) }

        static func precedes(_ a: Edge, _ b: Edge) -> Bool { (a.y2, a.x2) < (b.y2, b.x2) }
    }

    /// The directed segments of the cell between the centres of (x, y) and (x + 1, y + 1), with the label on their
    /// left.
    private static func segments(_ cell: (Bool, Bool, Bool, Bool), _ x: Int, _ y: Int) -> [(Edge, Edge)] {
        let top = Edge(x2: 2 * x + 2, y2: 2 * y + 1)
        let right = Edge(x2: 2 * x + 3, y2: 2 * y + 2)
        let bottom = Edge(x2: 2 * x + 2, y2: 2 * y + 3)
        let left = Edge(x2: 2 * x + 1, y2: 2 * y + 2)
        let sides = [(cell.0, cell.1, top), (cell.1, cell.2, right), (cell.2, cell.3, bottom), (cell.3, cell.0, left)]
        // Clockwise around the cell, the label begins where the outline enters the cell and ends where the outline
        // leaves it.
        let ends = sides.filter { $0.0 && !$0.1 }.map(\.2)
        let begins = sides.filter { !$0.0 && $0.1 }.map(\.2)
        guard ends.count == 2 else { return ends.isEmpty ? [] : [(begins[0], ends[0])] }
        // With two opposite corners, each corner is cut off separately.
        return cell.0 ? [(left, top), (right, bottom)] : [(top, right), (bottom, left)]
    }
}
