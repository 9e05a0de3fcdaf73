import CCairo

extension Canvas {
    /// Draws one line of text on a baseline.
    func text(
        _ string: String, at point: Point, size: Double, _ colour: Colour, bold: Bool = false, anchor: Anchor = .start
    ) {
        let width = select(string, size: size, bold: bold)
        let shift: Double =
            switch anchor {
            case .start: 0
            case .middle: width / 2
            case .end: width
            }
        setColour(colour)
        cairo_move_to(context, point.x - shift, point.y)
        cairo_show_text(context, string)
        cairo_new_path(context)
    }

    /// Draws one line of text upwards, with its middle at a point.
    func textUpwards(_ string: String, at point: Point, size: Double, _ colour: Colour) {
        cairo_save(context)
        cairo_translate(context, point.x, point.y)
        cairo_rotate(context, -.pi / 2)
        text(string, at: Point(x: 0, y: 0), size: size, colour, anchor: .middle)
        cairo_restore(context)
    }

    /// The width in pixels of a line of text.
    func width(_ string: String, size: Double, bold: Bool = false) -> Double {
        select(string, size: size, bold: bold)
    }

    /// A text shortened in its middle if it is wider than `room`.
    func shortened(_ string: String, to room: Double, size: Double) -> String {
        var kept = string.count
        var text = string
        while width(text, size: size) > room, kept > 2 {
            kept -= 1
            text = String(string.prefix(kept / 2)) + "…" + String(string.suffix(kept - kept / 2))
        }
        return text
    }

    private func select(_ string: String, size: Double, bold: Bool) -> Double {
        cairo_select_font_face(
            context, "Sans", CAIRO_FONT_SLANT_NORMAL, bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL)
        cairo_set_font_size(context, size)
        var extents = cairo_text_extents_t()
        cairo_text_extents(context, string, &extents)
        return extents.x_advance
    }
}
