import Foundation
internal import SegCore
import SegImaging

extension UncertaintyPanel {
    private enum Metrics {
        static let margin = 30.0
        static let gap = 18.0
        static let top = 114.0
        static let tallest = 860.0
        static let barHeight = 14.0
        /// The height below the slices for colour bars, their numbers and the legend.
        static let footer = 96.0
    }

    /// One of the three maps and its scale.
    private struct Map {
        let title: String
        let voxels: [Float]
        let range: ClosedRange<Double>
        let ramp: ColourRamp
        let unit: String
        /// Whether voxels outside the network's input are hatched.
        let isEvaluated: Bool
        /// Whether the upper end of the scale also stands for larger values.
        var endsOpen = false
    }

    private var maps: [Map] {
        // The scale ends at a high percentile of the visible values, because a single bright voxel must not darken the
        // rest.
        let slice = plane.slice(variance, size: image.size).values
        let visible = slice.filter { $0 > 0.01 * (slice.max() ?? 0) }.sorted()
        let top = visible.isEmpty ? 0.01 : Double(visible[(visible.count - 1) * 98 / 100])
        return [
            Map(
                title: "Scan", voxels: image.voxels,
                range: Double(window.lowerBound)...max(Double(window.upperBound), Double(window.lowerBound) + 1e-6),
                ramp: .grey, unit: "intensity (HU for CT)", isEvaluated: false),
            Map(
                title: "Mean", voxels: mean, range: 0...1, ramp: .heat, unit: "mean foreground probability",
                isEvaluated: true),
            Map(
                title: "Variance", voxels: variance, range: 0...max(top, 1e-12), ramp: .heat,
                unit: "variance of the foreground probability", isEvaluated: true, endsOpen: true),
        ]
    }

    private var plane: SlicePlane { SlicePlane(.axial, convention: convention, index: index) }

    func figure() -> Figure {
        let spacing = image.affine.spacing
        let wide = Double(image.size[plane.across]) * spacing[plane.across]
        let high = Double(image.size[plane.up]) * spacing[plane.up]
        let cardWidth = (width - 2 * Metrics.margin - 2 * Metrics.gap) / 3
        let scale = min(cardWidth / wide, Metrics.tallest / high)
        let height = high * scale
        return Figure(width: width, height: (Metrics.top + height + Metrics.footer).rounded(.up)) { canvas, density in
            drawHeader(canvas)
            for (number, map) in maps.enumerated() {
                let x = Metrics.margin + Double(number) * (cardWidth + Metrics.gap)
                let card = Rectangle(x: x, y: Metrics.top, width: cardWidth, height: height)
                let picture = Rectangle(
                    x: card.middle.x - wide * scale / 2, y: card.y, width: wide * scale, height: height)
                draw(map, canvas, card, picture, density)
            }
        }
    }

    private func drawHeader(_ canvas: Canvas) {
        canvas.text(title, at: Point(x: Metrics.margin, y: 44), size: 24, .text, bold: true)
        canvas.text(subtitle, at: Point(x: Metrics.margin, y: 70), size: 14, .quietText)
        let view =
            convention == .radiological ? "patient's right on the left" : "patient's right on the right"
        let z = (0..<3).reduce(image.affine[2, 3]) { sum, axis in
            let centre = axis == 2 ? Double(index) : Double(image.size[axis]) / 2
            return sum + image.affine[2, axis] * centre
        }
        let place = String(format: "axial, z = %.1f mm, slice %d of %d", z, index + 1, image.size.w)
        canvas.text(
            "\(place), with most variance  ·  \(view)", at: Point(x: width - Metrics.margin, y: 70), size: 14,
            .quietText, anchor: .end)
    }

    private func draw(_ map: Map, _ canvas: Canvas, _ card: Rectangle, _ picture: Rectangle, _ density: Double) {
        canvas.text(map.title, at: Point(x: card.x + 2, y: card.y - 10), size: 15, .text, bold: true)
        canvas.fill(card, .card)
        canvas.paint(rasterise(map, picture, density), in: picture)
        canvas.stroke(card, .grid, width: 1)
        if !map.isEvaluated { drawLetters(canvas, card) }
        drawBar(map, canvas, card)
    }

    private func drawLetters(_ canvas: Canvas, _ card: Rectangle) {
        let letters = plane.letters
        let places = [
            (letters.left, Point(x: card.x + 16, y: card.middle.y + 5)),
            (letters.right, Point(x: card.maxX - 16, y: card.middle.y + 5)),
            (letters.top, Point(x: card.middle.x, y: card.y + 22)),
            (letters.bottom, Point(x: card.middle.x, y: card.maxY - 10)),
        ]
        for (letter, point) in places {
            canvas.text(
                letter, at: Point(x: point.x + 1, y: point.y + 1), size: 15, .card, bold: true, anchor: .middle)
            canvas.text(letter, at: point, size: 15, .text, bold: true, anchor: .middle)
        }
    }

    /// Draws the colour bar of a map from its lower to its upper end, with numbers and the unit.
    private func drawBar(_ map: Map, _ canvas: Canvas, _ card: Rectangle) {
        let bar = Rectangle(x: card.x, y: card.maxY + 16, width: card.width, height: Metrics.barHeight)
        let steps = 256
        var raster = Raster(width: steps, height: Int(bar.height))
        for step in 0..<steps {
            let colour = map.ramp(Double(step) / Double(steps - 1))
            for y in 0..<raster.height { raster.set(step, y, colour.red, colour.green, colour.blue) }
        }
        canvas.clipped(to: bar) { canvas.paint(raster, in: bar) }
        canvas.stroke(bar, .grid, width: 1)
        let y = bar.maxY + 18
        func number(_ value: Double) -> String { String(format: "%.3g", value) }
        canvas.text(number(map.range.lowerBound), at: Point(x: bar.x, y: y), size: 13, .quietText)
        let top = map.endsOpen ? "≥ " + number(map.range.upperBound) : number(map.range.upperBound)
        canvas.text(top, at: Point(x: bar.maxX, y: y), size: 13, .quietText, anchor: .end)
        canvas.text(map.unit, at: Point(x: bar.middle.x, y: y), size: 13, .quietText, anchor: .middle)
        guard map.isEvaluated, validity.contains(0) else { return }
        let key = Rectangle(x: bar.x, y: y + 16, width: 22, height: 14)
        canvas.paint(hatching(Int(key.width), Int(key.height)), in: key)
        canvas.stroke(key, .grid, width: 1)
        canvas.text(
            "outside the network's input: unknown", at: Point(x: key.maxX + 8, y: key.maxY - 2), size: 13,
            .quietText)
    }

    private func rasterise(_ map: Map, _ picture: Rectangle, _ density: Double) -> Raster {
        var raster = Raster(
            width: max(Int((picture.width * density).rounded()), 1),
            height: max(Int((picture.height * density).rounded()), 1))
        let slice = plane.slice(map.voxels, size: image.size)
        let valid = plane.slice(validity, size: image.size)
        let span = map.range.upperBound - map.range.lowerBound
        let step = (x: Double(slice.width) / Double(raster.width), y: Double(slice.height) / Double(raster.height))
        for y in 0..<raster.height {
            for x in 0..<raster.width {
                let at = (x: (Double(x) + 0.5) * step.x, y: (Double(y) + 0.5) * step.y)
                let voxel = min(Int(at.y), slice.height - 1) * slice.width + min(Int(at.x), slice.width - 1)
                if map.isEvaluated && valid.values[voxel] == 0 {
                    paintHatching(&raster, x, y)
                } else {
                    let colour = map.ramp((slice.sample(at.x, at.y) - map.range.lowerBound) / span)
                    raster.set(x, y, colour.red, colour.green, colour.blue)
                }
            }
        }
        return raster
    }

    private func hatching(_ width: Int, _ height: Int) -> Raster {
        var raster = Raster(width: width, height: height)
        for y in 0..<height {
            for x in 0..<width { paintHatching(&raster, x, y) }
        }
        return raster
    }

    /// Paints diagonal lines, which resemble no colour of a map.
    private func paintHatching(_ raster: inout Raster, _ x: Int, _ y: Int) {
        let colour = (x + y) % 10 < 2 ? Colour.quietText : Colour.grid
        raster.set(x, y, colour.red, colour.green, colour.blue)
    }
}
