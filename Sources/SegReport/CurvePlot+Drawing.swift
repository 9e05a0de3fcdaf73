import Foundation

extension CurvePlot {
    private static let left = 92.0
    private static let right = 34.0
    private static let header = 112.0
    private static let between = 56.0
    /// The distance from the lower edge of the axes to the axis name below the tick labels.
    private static let abscissaName = 48.0
    private static let footer = 64.0

    func figure() -> Figure {
        let inner = width - Self.left - Self.right
        let styles = styles()
        var areas: [Rectangle] = []
        var y = Self.header
        for panel in panels {
            // The first row of a legend fits in the space between panels.
            y += Double(max(PanelLegend.rows(panel.legend, width: inner).count, 1) - 1) * PanelLegend.row
            areas.append(Rectangle(x: Self.left, y: y, width: inner, height: panelHeight))
            y += panelHeight + (panel.abscissa == nil ? Self.between : Self.between + Self.abscissaName)
        }
        let height = (areas.last?.maxY ?? Self.header) + Self.footer
        return Figure(width: width, height: height, ground: .paper) { [areas] canvas, _ in
            canvas.text(title, at: Point(x: 30, y: 42), size: 22, .ink, bold: true)
            canvas.text(subtitle, at: Point(x: 30, y: 66), size: 14, .quietInk)
            for (number, panel) in panels.enumerated() {
                let area = areas[number]
                PanelDrawing(panel: panel, area: area, abscissa: scale(of: panel), styles: styles[number])
                    .draw(on: canvas)
                let name = panel.abscissa?.label ?? (number == panels.count - 1 ? xLabel : "")
                let below = Point(x: area.middle.x, y: area.maxY + Self.abscissaName)
                canvas.text(name, at: below, size: 14, .quietInk, anchor: .middle)
            }
        }
    }

    /// The styles of each panel's curves.
    private func styles() -> [[SeriesStyle]] {
        var next = 0
        return panels.map { panel in
            panel.series.map { series in
                if let style = series.style { return SeriesStyle(style) }
                next += 1
                return SeriesStyle(next - 1)
            }
        }
    }

    /// A panel's horizontal axis: its own, or the common axis of all panels without their own.
    private func scale(of panel: Panel) -> AxisScale {
        let sharing = panel.abscissa == nil ? panels.filter { $0.abscissa == nil } : [panel]
        return AxisScale(
            showing: sharing.flatMap(\.series).flatMap(\.points).map(\.x),
            logarithmic: panel.abscissa?.logarithmic ?? false, widened: false, tickCount: 10)
    }
}

/// The drawing of a panel: a pair of axes with curves.
private struct PanelDrawing {
    let panel: CurvePlot.Panel
    let area: Rectangle
    let abscissa: AxisScale
    let ordinate: AxisScale
    let styles: [SeriesStyle]

    init(panel: CurvePlot.Panel, area: Rectangle, abscissa: AxisScale, styles: [SeriesStyle]) {
        self.panel = panel
        self.area = area
        self.abscissa = abscissa
        self.styles = styles
        ordinate = AxisScale(
            showing: panel.series.flatMap(\.points).map(\.y) + panel.including, logarithmic: panel.logarithmic,
            widened: true, tickCount: max(3, Int(area.height / 60)))
    }

    func draw(on canvas: Canvas) {
        drawGrid(canvas)
        canvas.clipped(to: area) {
            for (series, style) in zip(panel.series, styles) { drawCurve(canvas, series, style) }
        }
        for (series, style) in zip(panel.series, styles) { drawMark(canvas, series, style) }
        PanelLegend(names: panel.legend, styles: styles).draw(above: area, on: canvas)
    }

    private func place(_ point: (x: Double, y: Double)) -> Point? {
        guard let x = abscissa.position(point.x), let y = ordinate.position(point.y) else { return nil }
        return Point(x: area.x + x * area.width, y: area.maxY - y * area.height)
    }

    private func drawGrid(_ canvas: Canvas) {
        for tick in ordinate.ticks {
            guard let position = ordinate.position(tick) else { continue }
            let y = (area.maxY - position * area.height).rounded() + 0.5
            canvas.line(Point(x: area.x, y: y), Point(x: area.maxX, y: y), .paperGrid)
            canvas.text(
                ordinate.label(tick), at: Point(x: area.x - 12, y: y + 5), size: 13, .quietInk, anchor: .end)
        }
        for tick in abscissa.ticks {
            guard let position = abscissa.position(tick) else { continue }
            let x = (area.x + position * area.width).rounded() + 0.5
            canvas.line(Point(x: x, y: area.y), Point(x: x, y: area.maxY), .paperGrid, alpha: 0.7)
            canvas.text(
                abscissa.label(tick), at: Point(x: x, y: area.maxY + 20), size: 13, .quietInk, anchor: .middle)
        }
        canvas.stroke(area, .quietInk, width: 1)
        let name = panel.logarithmic ? "\(panel.yLabel) (log)" : panel.yLabel
        canvas.textUpwards(name, at: Point(x: 28, y: area.middle.y), size: 14, .quietInk)
    }

    private func drawCurve(_ canvas: Canvas, _ series: CurvePlot.Series, _ style: SeriesStyle) {
        if series.smoothing > 0 {
            for run in runs(series.points) { canvas.polyline(run, style.colour, alpha: 0.25, width: 1) }
        }
        let smoothed = series.smoothed
        for run in runs(smoothed) {
            if run.count == 1 {
                canvas.dot(run[0], radius: 2.5, style.colour)
            } else {
                canvas.polyline(run, style.colour, width: 2.2, dash: style.dash)
            }
        }
        // A curve of up to 40 points has a marker at each point, because each is a separate measurement. Longer curves
        // have about eight markers that identify the curve.
        let every = series.points.count <= 40 ? 1 : series.points.count / 8
        for index in stride(from: every / 2, to: smoothed.count, by: every) {
            if let point = place(smoothed[index]) { canvas.mark(style.marker, point, size: 4, style.colour) }
        }
    }

    /// The parts of a curve between gaps, in pixels.
    private func runs(_ points: [(x: Double, y: Double)]) -> [[Point]] {
        points.map(place).split(separator: nil).map { $0.compactMap { $0 } }
    }

    private func drawMark(_ canvas: Canvas, _ series: CurvePlot.Series, _ style: SeriesStyle) {
        guard let marked = series.marked, let point = place(marked) else { return }
        canvas.mark(style.marker, point, size: 8.5, .paper)
        canvas.mark(style.marker, point, size: 6.5, style.colour)
        // Several labels would overlap each other and the curves; then the legend shows them.
        guard panel.series.count == 1, let label = series.markLabel else { return }
        let half = canvas.width(label, size: 13, bold: true) / 2
        let x = min(max(point.x, area.x + half + 8), area.maxX - half - 8)
        let above = point.y - area.y > 40
        canvas.text(
            label, at: Point(x: x, y: point.y + (above ? -14 : 26)), size: 13, .ink, bold: true, anchor: .middle)
    }
}

extension CurvePlot.Panel {
    /// The names of the curves in the legend, with the marked value if there are several curves.
    fileprivate var legend: [String] {
        series.map { series in
            guard self.series.count > 1, let label = series.markLabel else { return series.name }
            return "\(series.name): \(label)"
        }
    }
}

extension CurvePlot.Series {
    /// The text for the marked point.
    fileprivate var markLabel: String? {
        guard let marked else { return nil }
        let isWhole = marked.x == marked.x.rounded() && abs(marked.x) < 1e15
        return String(format: "%.4g", marked.y) + " at "
            + (isWhole ? "\(Int(marked.x))" : String(format: "%.4g", marked.x))
    }
}

/// The names of the curves above the axes, from the left, in as many rows as needed.
private struct PanelLegend {
    static let row = 22.0
    private static let sample = 40.0
    private static let size = 14.0

    let names: [String]
    let styles: [SeriesStyle]

    /// The ranges of names in each row; widths are estimated, so that a layout needs no canvas.
    static func rows(_ names: [String], width: Double) -> [Range<Int>] {
        var rows: [Range<Int>] = []
        var start = 0
        var x = 0.0
        for (number, name) in names.enumerated() {
            let needed = advance(name)
            if number > start, x + needed > width {
                rows.append(start..<number)
                start = number
                x = 0
            }
            x += needed
        }
        if start < names.count { rows.append(start..<names.count) }
        return rows
    }

    private static func advance(_ name: String) -> Double { sample + 10 + Double(name.count) * 8.6 + 26 }

    func draw(above area: Rectangle, on canvas: Canvas) {
        let rows = Self.rows(names, width: area.width)
        for (number, row) in rows.enumerated() {
            let y = area.y - 12 - Double(rows.count - 1 - number) * Self.row
            var x = area.x
            for index in row {
                let (from, to) = (Point(x: x, y: y - 5), Point(x: x + Self.sample, y: y - 5))
                canvas.line(from, to, styles[index].colour, width: 2.2, dash: styles[index].dash)
                canvas.mark(
                    styles[index].marker, Point(x: x + Self.sample / 2, y: y - 5), size: 4, styles[index].colour)
                canvas.text(names[index], at: Point(x: x + Self.sample + 10, y: y), size: Self.size, .ink)
                x += Self.advance(names[index])
            }
        }
    }
}
