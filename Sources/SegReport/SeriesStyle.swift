/// The style of a curve or a box on white paper. Styles differ in colour, and also in dashes and markers, for black and white.
struct SeriesStyle {
    /// A small symbol at points of a curve.
    enum Marker: CaseIterable {
        case disc, square, triangle, diamond, ring, cross, openSquare
    }

    let colour: Colour
    /// The lengths of dashes and gaps in pixels; empty for a solid line.
    let dash: [Double]
    let marker: Marker

    /// Creates the style of a number; colours, dashes and markers repeat together after seven.
    init(_ number: Int) {
        colour = Self.colours[number % Self.colours.count]
        dash = Self.dashes[number % Self.dashes.count]
        marker = Marker.allCases[number % Marker.allCases.count]
    }

    /// Okabe and Ito's colours, ordered so that neighbours also differ in lightness.
    private static let colours = [
        Colour(0x0072B2), Colour(0xD55E00), Colour(0x1B1F27), Colour(0x009E73), Colour(0xB8508F), Colour(0xC98500),
        Colour(0x3D9BD6),
    ]
    private static let dashes: [[Double]] = [
        [], [10, 5], [2, 5], [12, 4, 2, 4], [18, 6], [5, 3], [12, 4, 2, 4, 2, 4],
    ]
}

extension Canvas {
    /// Draws a marker around a point.
    func mark(_ marker: SeriesStyle.Marker, _ at: Point, size: Double, _ colour: Colour) {
        func around(_ corners: [(Double, Double)]) -> [Point] {
            corners.map { Point(x: at.x + $0.0 * size, y: at.y + $0.1 * size) }
        }
        let square = around([(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)])
        switch marker {
        case .disc: dot(at, radius: size, colour)
        case .square: polygon(square, colour)
        case .triangle: polygon(around([(0, -1.2), (1.1, 0.9), (-1.1, 0.9)]), colour)
        case .diamond: polygon(around([(0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)]), colour)
        case .ring:
            dot(at, radius: size * 1.1, colour)
            dot(at, radius: size * 0.55, .paper)
        case .cross:
            line(square[0], square[2], colour, width: size * 0.5)
            line(square[1], square[3], colour, width: size * 0.5)
        case .openSquare:
            polygon(square, .paper)
            polyline(square, closed: true, colour, width: size * 0.5)
        }
    }
}
