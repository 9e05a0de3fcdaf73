import Foundation
internal import SegCore
import SegImaging

extension OverlayPanel {
    func figure() -> Figure {
        let layout = layout()
        return Figure(width: width, height: layout.height) { canvas, pixelsPerUnit in
            drawHeader(canvas)
            for plane in layout.planes.indices {
                drawPlane(canvas, layout, plane, pixelsPerUnit)
            }
            drawScaleBar(canvas, layout)
            drawLegend(canvas, layout)
        }
    }

    /// The fill colour of a label.
    func fillColour(_ label: UInt8) -> Colour {
        Colour(LabelColours.colour(of: labelNames[label] ?? "", number: Int(label)))
    }

    /// The outline colour of a prediction: the label's fill colour; for a single class with a reference white, dashed
    /// over the reference's yellow line, so that both remain visible.
    func predictionColour(_ label: UInt8) -> Colour {
        labels.count == 1 && reference != nil ? .text : fillColour(label)
    }

    private static let predictionDash: [Double] = [5, 4]
    private static let fillAlpha = 0.45

    /// The outline colour of a reference: yellow for a single class, to contrast with its fill; the label's colour for
    /// several.
    func outlineColour(_ label: UInt8) -> Colour { labels.count == 1 ? .reference : fillColour(label) }

    private func drawHeader(_ canvas: Canvas) {
        canvas.text(title, at: Point(x: Layout.margin, y: 44), size: 24, .text, bold: true)
        canvas.text(subtitle, at: Point(x: Layout.margin, y: 70), size: 14, .quietText)
        let right = Point(x: width - Layout.margin, y: 70)
        let view =
            convention == .radiological
            ? "radiological view: patient's right on the left" : "neurological view: patient's right on the right"
        let window = "window \(Int(window.lowerBound.rounded())) to \(Int(window.upperBound.rounded()))"
        canvas.text("\(view)  ·  \(window)", at: right, size: 14, .quietText, anchor: .end)
        if labels.count > 1 && prediction != nil && reference != nil {
            let key = "fill and dashes: prediction  ·  solid line: reference  ·  numbers: Dice"
            canvas.text(key, at: Point(x: right.x, y: 44), size: 14, .quietText, anchor: .end)
        }
    }

    private func drawPlane(_ canvas: Canvas, _ layout: Layout, _ number: Int, _ pixelsPerUnit: Double) {
        let plane = layout.planes[number]
        let card = layout.cards[number]
        let picture = layout.pictures[number]
        canvas.fill(card, .card)
        canvas.paint(rasterise(plane, picture, pixelsPerUnit), in: picture)
        canvas.clipped(to: card) {
            if let reference { outline(canvas, plane, picture, reference, outlineColour, width: 1.8, dash: []) }
            if let prediction {
                // Without a reference, the prediction's outline is solid.
                let dash = reference == nil ? [] : Self.predictionDash
                outline(canvas, plane, picture, prediction, predictionColour, width: 1.6, dash: dash)
            }
            drawCrosshair(canvas, plane, picture)
        }
        canvas.stroke(card, .grid, width: 1)
        let baseline = card.y - 10
        canvas.text(plane.kind.rawValue, at: Point(x: card.x + 2, y: baseline), size: 15, .text, bold: true)
        let label =
            "\(["x", "y", "z"][plane.through]) = \(millimetres(plane)) mm"
            + "  ·  slice \(plane.index + 1) of \(image.size[plane.through])"
        canvas.text(label, at: Point(x: card.maxX - 2, y: baseline), size: 13, .quietText, anchor: .end)
        drawLetters(canvas, plane, card, crossing(plane, picture))
    }

    /// The plane's position along the axis perpendicular to it, in mm of scanner coordinates.
    private func millimetres(_ plane: SlicePlane) -> String {
        let row = plane.through
        let value = (0..<3).reduce(image.affine[row, 3]) { $0 + image.affine[row, $1] * Double(centre[$1]) }
        return String(format: "%.1f", value)
    }

    private func outline(
        _ canvas: Canvas, _ plane: SlicePlane, _ picture: Rectangle, _ map: [UInt8], _ colour: (UInt8) -> Colour,
        width: Double, dash: [Double]
    ) {
        let slice = plane.slice(map, size: image.size)
        let scale = (x: picture.width / Double(slice.width), y: picture.height / Double(slice.height))
        for label in labels {
            let loops = MaskContour(slice, label: label).loops.map { loop in
                loop.map { Point(x: picture.x + $0.x * scale.x, y: picture.y + $0.y * scale.y) }
            }
            // A dark rim keeps the line visible on bright tissue.
            for loop in loops { canvas.polyline(loop, closed: true, .card, alpha: 0.5, width: width + 1.6, dash: dash) }
            for loop in loops { canvas.polyline(loop, closed: true, colour(label), width: width, dash: dash) }
        }
    }

    /// Draws short ticks at the edges of a slice along the lines in which the other two planes cut it.
    private func drawCrosshair(_ canvas: Canvas, _ plane: SlicePlane, _ picture: Rectangle) {
        let (x, y) = (crossing(plane, picture).x, crossing(plane, picture).y)
        let reach = 14.0
        func tick(_ from: Point, _ to: Point) { canvas.line(from, to, .text, alpha: 0.75, width: 1.2) }
        tick(Point(x: x, y: picture.y), Point(x: x, y: picture.y + reach))
        tick(Point(x: x, y: picture.maxY), Point(x: x, y: picture.maxY - reach))
        tick(Point(x: picture.x, y: y), Point(x: picture.x + reach, y: y))
        tick(Point(x: picture.maxX, y: y), Point(x: picture.maxX - reach, y: y))
    }

    /// The point in which all three planes intersect.
    private func crossing(_ plane: SlicePlane, _ picture: Rectangle) -> Point {
        let at = plane.position(centre, size: image.size)
        return Point(
            x: picture.x + at.x * picture.width / Double(image.size[plane.across]),
            y: picture.y + at.y * picture.height / Double(image.size[plane.up]))
    }

    private func drawLetters(_ canvas: Canvas, _ plane: SlicePlane, _ card: Rectangle, _ crossing: Point) {
        let letters = plane.letters
        // Each letter is next to the middle of an edge, and is moved aside if a tick is there.
        let x = abs(card.middle.x + 18 - crossing.x) < 16 ? crossing.x + 18 : card.middle.x + 18
        let y = abs(card.middle.y + 17 - crossing.y) < 16 ? crossing.y + 24 : card.middle.y + 22
        let places = [
            (letters.left, Point(x: card.x + 16, y: y)), (letters.right, Point(x: card.maxX - 16, y: y)),
            (letters.top, Point(x: x, y: card.y + 22)), (letters.bottom, Point(x: x, y: card.maxY - 10)),
        ]
        for (letter, point) in places {
            canvas.text(
                letter, at: Point(x: point.x + 1, y: point.y + 1), size: 15, .card, bold: true, anchor: .middle)
            canvas.text(letter, at: point, size: 15, .text, bold: true, anchor: .middle)
        }
    }

    private func drawScaleBar(_ canvas: Canvas, _ layout: Layout) {
        let card = layout.cards[0]
        let length = [100.0, 50, 20, 10, 5].first { $0 * layout.pixelsPerMM < card.width / 4 } ?? 1
        let y = card.maxY - 18
        let left = Point(x: card.x + 16, y: y)
        let right = Point(x: left.x + length * layout.pixelsPerMM, y: y)
        canvas.line(left, right, .card, alpha: 0.7, width: 5)
        canvas.line(left, right, .text, width: 2.5)
        canvas.text("\(Int(length)) mm", at: Point(x: left.x, y: y - 9), size: 12, .text)
    }

    /// Draws the legend: for one class an entry per map, for several a cell per class.
    private func drawLegend(_ canvas: Canvas, _ layout: Layout) {
        let top = Point(x: Layout.margin, y: layout.legendTop)
        if labels.isEmpty, prediction != nil || reference != nil {
            canvas.text("nothing found", at: top, size: 15, .text)
            return
        }
        if labels.count == 1 {
            drawClass(labels[0], canvas, top)
            return
        }
        let cell = (width - 2 * Layout.margin) / Double(Layout.legendColumns)
        for (number, label) in labels.enumerated() {
            let column = Double(number % Layout.legendColumns)
            let row = Double(number / Layout.legendColumns)
            let at = Point(x: top.x + column * cell, y: top.y + row * Layout.legendRow)
            drawSwatch(label, canvas, at, filled: prediction != nil)
            let end = write(canvas, name(label), at.x + 30, at.y)
            if let dice = dice(label) {
                _ = write(canvas, String(format: "%.3f", dice), end - 18, at.y, bold: true)
            }
        }
    }

    private func drawClass(_ label: UInt8, _ canvas: Canvas, _ at: Point) {
        var x = at.x
        if prediction != nil {
            drawSwatch(label, canvas, at, filled: true)
            x = write(canvas, "\(name(label)), prediction", x + 30, at.y)
        }
        if reference != nil {
            drawSwatch(label, canvas, Point(x: x, y: at.y), filled: false)
            x = write(canvas, "\(name(label)), reference", x + 30, at.y)
        }
        if let dice = dice(label) {
            _ = write(canvas, String(format: "Dice %.3f", dice), x - 8, at.y, bold: true)
        }
    }

    private func drawSwatch(_ label: UInt8, _ canvas: Canvas, _ at: Point, filled: Bool) {
        guard filled else {
            let y = at.y - 5
            canvas.line(Point(x: at.x, y: y), Point(x: at.x + 22, y: y), outlineColour(label), width: 2.5)
            return
        }
        let swatch = Rectangle(x: at.x, y: at.y - 12, width: 22, height: 14)
        let corners = [
            Point(x: swatch.x, y: swatch.y), Point(x: swatch.maxX, y: swatch.y),
            Point(x: swatch.maxX, y: swatch.maxY), Point(x: swatch.x, y: swatch.maxY),
        ]
        // The fill as it appears over middle-grey tissue.
        canvas.fill(swatch, .tissue)
        canvas.fill(swatch, fillColour(label), alpha: Self.fillAlpha)
        canvas.polyline(
            corners, closed: true, predictionColour(label), width: 1.6,
            dash: reference == nil ? [] : Self.predictionDash)
    }

    private func name(_ label: UInt8) -> String { labelNames[label] ?? "class \(label)" }

    /// Draws a legend entry and returns the x coordinate of the next one.
    private func write(_ canvas: Canvas, _ text: String, _ x: Double, _ y: Double, bold: Bool = false) -> Double {
        canvas.text(text, at: Point(x: x, y: y), size: 15, .text, bold: bold)
        return x + canvas.width(text, size: 15, bold: bold) + 28
    }

    /// The grey levels blended with the fill of the prediction, which is smooth at its edges.
    private func rasterise(_ plane: SlicePlane, _ picture: Rectangle, _ pixelsPerUnit: Double) -> Raster {
        var raster = Raster(
            width: max(Int((picture.width * pixelsPerUnit).rounded()), 1),
            height: max(Int((picture.height * pixelsPerUnit).rounded()), 1))
        let grey = plane.slice(image.voxels, size: image.size)
        let fill = prediction.map { plane.slice($0, size: image.size) }
        let step = (x: Double(grey.width) / Double(raster.width), y: Double(grey.height) / Double(raster.height))
        let sharpness = max(1, 1 / max(step.x, step.y))
        let low = Double(window.lowerBound)
        let range = max(Double(window.upperBound) - low, 1e-6)
        // The colours are looked up once per label, not per pixel.
        let colours = (0...255).map { fillColour(UInt8($0)) }
        for y in 0..<raster.height {
            for x in 0..<raster.width {
                let at = Point(x: (Double(x) + 0.5) * step.x, y: (Double(y) + 0.5) * step.y)
                let level = min(max((grey.sample(at.x, at.y) - low) / range, 0), 1)
                var colour = (red: level, green: level, blue: level)
                if let (label, weight) = fill?.strongest(at.x, at.y), label != 0 {
                    let alpha = Self.fillAlpha * min(max((weight - 0.5) * sharpness + 0.5, 0), 1)
                    let over = colours[Int(label)]
                    colour.red += (over.red - level) * alpha
                    colour.green += (over.green - level) * alpha
                    colour.blue += (over.blue - level) * alpha
                }
                raster.set(x, y, colour.red, colour.green, colour.blue)
            }
        }
        return raster
    }
}
