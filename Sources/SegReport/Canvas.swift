import CCairo

/// A Cairo drawing context in pixels, y downwards, with the drawing operations of the figures.
final class Canvas {
    let context: OpaquePointer

    init(_ surface: OpaquePointer) {
        context = cairo_create(surface)
        cairo_set_line_cap(context, CAIRO_LINE_CAP_ROUND)
        cairo_set_line_join(context, CAIRO_LINE_JOIN_ROUND)
    }

    deinit { cairo_destroy(context) }

    /// The position of a text relative to its point.
    enum Anchor {
        case start, middle, end
    }

    func setColour(_ colour: Colour, alpha: Double = 1) {
        cairo_set_source_rgba(context, colour.red, colour.green, colour.blue, alpha)
    }

    func fill(_ box: Rectangle, _ colour: Colour, alpha: Double = 1, radius: Double = 0) {
        path(box, radius: radius)
        setColour(colour, alpha: alpha)
        cairo_fill(context)
    }

    func stroke(_ box: Rectangle, _ colour: Colour, alpha: Double = 1, width: Double = 1, radius: Double = 0) {
        path(box, radius: radius)
        setColour(colour, alpha: alpha)
        cairo_set_line_width(context, width)
        cairo_stroke(context)
    }

    func line(_ from: Point, _ to: Point, _ colour: Colour, alpha: Double = 1, width: Double = 1, dash: [Double] = []) {
        polyline([from, to], colour, alpha: alpha, width: width, dash: dash)
    }

    func polyline(
        _ points: [Point], closed: Bool = false, _ colour: Colour, alpha: Double = 1, width: Double, dash: [Double] = []
    ) {
        cairo_set_dash(context, dash, Int32(dash.count), 0)
        defer { cairo_set_dash(context, [], 0, 0) }
        trace(points, closed: closed)
        setColour(colour, alpha: alpha)
        cairo_set_line_width(context, width)
        cairo_stroke(context)
    }

    func polygon(_ corners: [Point], _ colour: Colour) {
        trace(corners, closed: true)
        setColour(colour)
        cairo_fill(context)
    }

    private func trace(_ points: [Point], closed: Bool) {
        cairo_new_path(context)
        guard let first = points.first else { return }
        cairo_move_to(context, first.x, first.y)
        for point in points.dropFirst() { cairo_line_to(context, point.x, point.y) }
        if closed { cairo_close_path(context) }
    }

    func dot(_ at: Point, radius: Double, _ colour: Colour) {
        cairo_new_path(context)
        cairo_arc(context, at.x, at.y, radius, 0, 2 * .pi)
        setColour(colour)
        cairo_fill(context)
    }

    /// Restricts drawing to a box while `body` runs.
    func clipped(to box: Rectangle, _ body: () -> Void) {
        cairo_save(context)
        path(box, radius: 0)
        cairo_clip(context)
        body()
        cairo_restore(context)
    }

    private func path(_ box: Rectangle, radius: Double) {
        cairo_new_path(context)
        guard radius > 0 else {
            cairo_rectangle(context, box.x, box.y, box.width, box.height)
            return
        }
        let right = box.x + box.width - radius
        let bottom = box.y + box.height - radius
        cairo_arc(context, right, box.y + radius, radius, -.pi / 2, 0)
        cairo_arc(context, right, bottom, radius, 0, .pi / 2)
        cairo_arc(context, box.x + radius, bottom, radius, .pi / 2, .pi)
        cairo_arc(context, box.x + radius, box.y + radius, radius, .pi, 1.5 * .pi)
        cairo_close_path(context)
    }
}

/// A point in pixels.
struct Point: Hashable, Sendable {
    var x: Double
    var y: Double
}

/// A box in pixels.
struct Rectangle: Hashable, Sendable {
    var x: Double
    var y: Double
    var width: Double
    var height: Double

    var maxX: Double { x + width }
    var maxY: Double { y + height }
    var middle: Point { Point(x: x + width / 2, y: y + height / 2) }
}
