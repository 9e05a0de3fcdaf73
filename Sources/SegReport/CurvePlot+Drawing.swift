import Foundation

extension CurvePlot {
    private static let left = 92.0
    private static let right = 34.0
    private static let header = 92.0
    private static let between = 56.0
    private static let footer = 64.0

    func figure() -> Figure {
        let count = Double(panels.count)
        let height = Self.header + count * panelHeight + max(count - 1, 0) * Self.between + Self.footer
        return Figure(width: width, height: height) { canvas, _ in
            canvas.text(title, at: Point(x: 30, y: 42), size: 22, .text, bold: true)
            canvas.text(subtitle, at: Point(x: 30, y: 66), size: 14, .quietText)
            let abscissa = AxisScale(
                showing: panels.flatMap(\.series).flatMap(\.points).map(\.x), logarithmic: false, widened: false,
                tickCount: 10)
            for number in panels.indices {
                let y = Self.header + Double(number) * (panelHeight + Self.between)
                let area = Rectangle(x: Self.left, y: y, width: width - Self.left - Self.right, height: panelHeight)
                PanelDrawing(panel: panels[number], area: area, abscissa: abscissa, firstColour: firstColour(number))
                    .draw(on: canvas)
            }
            canvas.text(
                xLabel, at: Point(x: Self.left + (width - Self.left - Self.right) / 2, y: height - 16), size: 14,
                .quietText, anchor: .middle)
        }
    }

    /// Colours run on from panel to panel, so that no two curves of a figure share one while they last.
    private func firstColour(_ panel: Int) -> Int {
        panels[..<panel].map(\.series.count).reduce(0, +)
    }
}

/// One pair of axes with its curves.
private struct PanelDrawing {
    let panel: CurvePlot.Panel
    let area: Rectangle
    let abscissa: AxisScale
    let ordinate: AxisScale
    let firstColour: Int

    init(panel: CurvePlot.Panel, area: Rectangle, abscissa: AxisScale, firstColour: Int) {
        self.panel = panel
        self.area = area
        self.abscissa = abscissa
        self.firstColour = firstColour
        ordinate = AxisScale(
            showing: panel.series.flatMap(\.points).map(\.y) + panel.including, logarithmic: panel.logarithmic,
            widened: true, tickCount: max(3, Int(area.height / 60)))
    }

    func draw(on canvas: Canvas) {
        canvas.fill(area, .plotArea, radius: 6)
        drawGrid(canvas)
        canvas.clipped(to: area) {
            for number in panel.series.indices { drawCurve(canvas, panel.series[number], colour(number)) }
        }
        for number in panel.series.indices { drawMark(canvas, panel.series[number], colour(number)) }
        drawLegend(canvas)
    }

    private func colour(_ number: Int) -> Colour { Colour.series(firstColour + number) }

    private func place(_ point: (x: Double, y: Double)) -> Point? {
        guard let x = abscissa.position(point.x), let y = ordinate.position(point.y) else { return nil }
        return Point(x: area.x + x * area.width, y: area.maxY - y * area.height)
    }

    private func drawGrid(_ canvas: Canvas) {
        for tick in ordinate.ticks {
            guard let position = ordinate.position(tick) else { continue }
            let y = (area.maxY - position * area.height).rounded() + 0.5
            canvas.line(Point(x: area.x, y: y), Point(x: area.maxX, y: y), .grid)
            canvas.text(
                ordinate.label(tick), at: Point(x: area.x - 12, y: y + 5), size: 13, .quietText, anchor: .end)
        }
        for tick in abscissa.ticks {
            guard let position = abscissa.position(tick) else { continue }
            let x = (area.x + position * area.width).rounded() + 0.5
            canvas.line(Point(x: x, y: area.y), Point(x: x, y: area.maxY), .grid, alpha: 0.7)
            canvas.text(
                abscissa.label(tick), at: Point(x: x, y: area.maxY + 20), size: 13, .quietText, anchor: .middle)
        }
        let name = panel.logarithmic ? "\(panel.yLabel) (log)" : panel.yLabel
        canvas.textUpwards(name, at: Point(x: 28, y: area.middle.y), size: 14, .quietText)
    }

    private func drawCurve(_ canvas: Canvas, _ series: CurvePlot.Series, _ colour: Colour) {
        if series.smoothing > 0 {
            for run in runs(series.points) { canvas.polyline(run, colour, alpha: 0.3, width: 1) }
        }
        for run in runs(series.smoothed) {
            if run.count == 1 {
                canvas.dot(run[0], radius: 2.5, colour)
            } else {
                canvas.polyline(run, colour, width: 2.4)
            }
        }
        // Few points were measured one by one: show where.
        if series.points.count <= 40 {
            for point in series.smoothed.compactMap(place) { canvas.dot(point, radius: 3.2, colour) }
        }
    }

    /// The stretches of a curve without a gap, in pixels.
    private func runs(_ points: [(x: Double, y: Double)]) -> [[Point]] {
        points.map(place).split(separator: nil).map { $0.compactMap { $0 } }
    }

    private func drawMark(_ canvas: Canvas, _ series: CurvePlot.Series, _ colour: Colour) {
        guard let marked = series.marked, let point = place(marked) else { return }
        canvas.dot(point, radius: 6.5, .text)
        canvas.dot(point, radius: 4.5, colour)
        let label = String(format: "%.4g", marked.y) + " at " + abscissaLabel(marked.x)
        let half = canvas.width(label, size: 13, bold: true) / 2
        let x = min(max(point.x, area.x + half + 8), area.maxX - half - 8)
        let above = point.y - area.y > 40
        canvas.text(
            label, at: Point(x: x, y: point.y + (above ? -14 : 26)), size: 13, .text, bold: true, anchor: .middle)
    }

    private func abscissaLabel(_ x: Double) -> String {
        x == x.rounded() && abs(x) < 1e15 ? String(Int(x)) : String(format: "%.4g", x)
    }

    /// Names of the curves above the axes, from the right.
    private func drawLegend(_ canvas: Canvas) {
        var x = area.maxX
        for number in panel.series.indices.reversed() {
            let name = panel.series[number].name
            let y = area.y - 12
            canvas.text(name, at: Point(x: x, y: y), size: 14, .text, anchor: .end)
            x -= canvas.width(name, size: 14) + 10
            canvas.line(Point(x: x - 22, y: y - 5), Point(x: x, y: y - 5), colour(number), width: 3)
            x -= 22 + 24
        }
    }
}
