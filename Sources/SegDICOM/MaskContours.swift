/// The contours of a mask's slice, half-way between pixels inside and outside, found by marching squares.
///
/// Points are in half pixels: (2x + 1, 2y) is between the pixels (x, y) and (x + 1, y). Diagonal neighbours are not
/// connected. Every contour is one closed polygon with the inside on its left, in an image whose y axis points down. A
/// hole is joined to its surrounding contour by a keyhole: a line that is followed in both directions and passes
/// through no pixel's centre.
struct MaskContours {
    /// A point in half pixels.
    struct Point: Hashable {
        var x: Int, y: Int

        static func + (left: Point, right: Point) -> Point { Point(x: left.x + right.x, y: left.y + right.y) }
        static func - (left: Point, right: Point) -> Point { Point(x: left.x - right.x, y: left.y - right.y) }

        /// Positive if `other` points to the right of this direction, because y points down.
        func cross(_ other: Point) -> Int { x * other.y - y * other.x }
        func dot(_ other: Point) -> Int { x * other.x + y * other.y }
    }

    /// The closed polygons; the first point is not repeated.
    let polygons: [[Point]]

    /// - Parameters:
    ///   - isInside: The pixels, row by row.
    ///   - columns: The number of pixels in a row.
    init(_ isInside: [Bool], columns: Int) {
        let image = Image(isInside: isInside, columns: columns)
        polygons = Self.joined(Self.loops(image), image).map(Self.withoutMiddles)
    }

    /// The pixels; pixels beyond the edges are outside.
    private struct Image {
        let isInside: [Bool]
        let columns: Int
        var rows: Int { isInside.count / columns }

        subscript(x: Int, y: Int) -> Bool {
            x >= 0 && y >= 0 && x < columns && y < rows && isInside[y * columns + x]
        }

        /// The two pixels on both sides of a point.
        func neighbours(of point: Point) -> (Bool, Bool) {
            let (x, y) = (point.x >> 1, point.y >> 1)
            return point.x & 1 == 1 ? (self[x, y], self[x + 1, y]) : (self[x, y], self[x, y + 1])
        }
    }

    // MARK: - Loops

    /// The closed loops: each square of four pixels adds the lines through it, with the inside on their left.
    private static func loops(_ image: Image) -> [[Point]] {
        var next: [Point: Point] = [:]
        var starts: [Point] = []
        for y in -1..<image.rows {
            for x in -1..<image.columns {
                let (upper, lower) = ((image[x, y], image[x + 1, y]), (image[x, y + 1], image[x + 1, y + 1]))
                guard upper != lower || upper.0 != upper.1 else { continue }
                // The corners, clockwise from the upper left one, and after each corner the midpoint of the square's
                // next edge.
                let corners = [upper.0, upper.1, lower.1, lower.0]
                let edges = [
                    Point(x: 2 * x + 1, y: 2 * y), Point(x: 2 * x + 2, y: 2 * y + 1),
                    Point(x: 2 * x + 1, y: 2 * y + 2), Point(x: 2 * x, y: 2 * y + 1),
                ]
                // For each run of corners inside, one line cuts off the run: from the edge after it to the edge before it.
                for first in 0..<4 where corners[first] && !corners[(first + 3) % 4] {
                    var last = first
                    while corners[(last + 1) % 4] { last = (last + 1) % 4 }
                    next[edges[last]] = edges[(first + 3) % 4]
                    starts.append(edges[last])
                }
            }
        }
        var loops: [[Point]] = []
        for start in starts where next[start] != nil {
            var loop: [Point] = []
            var point = start
            while let following = next.removeValue(forKey: point) {
                loop.append(point)
                point = following
            }
            loops.append(loop)
        }
        return loops
    }

    // MARK: - Keyholes

    /// A point of a polygon, and the index of the next node.
    private struct Node {
        var point: Point
        var next: Int
    }

    /// Joins every hole to its surrounding contour.
    private static func joined(_ loops: [[Point]], _ image: Image) -> [[Point]] {
        let areas = loops.map(area)
        guard let outerSign = areas.max(by: { abs($0) < abs($1) })?.signum() else { return [] }
        var nodes: [Node] = []
        var places: [Point: Int] = [:]
        var (outlines, holes): ([Int], [(start: Int, end: Int)]) = ([], [])
        for (loop, area) in zip(loops, areas) {
            // A hole begins at its point nearest to the upper left.
            let isOutline = area.signum() == outerSign
            let first = isOutline ? 0 : loop.indices.min { loop[$0].x + loop[$0].y < loop[$1].x + loop[$1].y } ?? 0
            let start = nodes.count
            for point in loop[first...] + loop[..<first] {
                places[point] = nodes.count
                nodes.append(Node(point: point, next: nodes.count + 1))
            }
            nodes[nodes.count - 1].next = start
            if isOutline { outlines.append(start) } else { holes.append((start, nodes.count - 1)) }
        }
        for hole in holes {
            let first = nodes[hole.start].point
            // The line of a hole always goes up and to the left, therefore no two holes are joined to each other in
            // both directions.
            guard let home = places[landing(from: first, image)] else {
                preconditionFailure("a hole lies in no outline")
            }
            nodes[hole.end].next = nodes.count
            nodes.append(Node(point: first, next: nodes.count + 1))
            nodes.append(Node(point: nodes[home].point, next: nodes[home].next))
            nodes[home].next = hole.start
        }
        return outlines.map { start in
            var (polygon, node) = ([nodes[start].point], nodes[start].next)
            while node != start {
                polygon.append(nodes[node].point)
                node = nodes[node].next
            }
            return polygon
        }
    }

    /// The point at which a walk from a hole's outline, up and to the left between the pixels, meets another outline.
    private static func landing(from start: Point, _ image: Image) -> Point {
        var point = start
        repeat {
            // Each step goes from a point between two pixels of a row to one between two pixels of a column, or back.
            point = point + Point(x: -1, y: -1)
        } while image.neighbours(of: point).0 == image.neighbours(of: point).1
        return point
    }

    /// Twice the signed area.
    private static func area(_ polygon: [Point]) -> Int {
        polygon.indices.reduce(0) { $0 + polygon[$1].cross(polygon[($1 + 1) % polygon.count]) }
    }

    /// Removes points in the middle of a straight line; the ends of a keyhole, where the line turns back, stay.
    private static func withoutMiddles(_ polygon: [Point]) -> [Point] {
        polygon.indices.filter { index in
            let before = polygon[index] - polygon[(index + polygon.count - 1) % polygon.count]
            let after = polygon[(index + 1) % polygon.count] - polygon[index]
            return before.cross(after) != 0 || before.dot(after) <= 0
        }.map { polygon[$0] }
    }
}
