import Foundation
import SegReport
import Testing

@Suite struct CurvePlotTests {
    /// A straight line from (0, first) to (100, last).
    func plot(_ values: [Double], logarithmic: Bool = false) -> CurvePlot {
        let points = values.enumerated().map { (x: Double($0.offset), y: $0.element) }
        var panel = CurvePlot.Panel(yLabel: "loss", series: [CurvePlot.Series(name: "training", points: points)])
        panel.logarithmic = logarithmic
        return CurvePlot(title: "Training", subtitle: "a test", xLabel: "iteration", panels: [panel])
    }

    /// The row of the curve's first colour in a column of the axes; nil if the curve does not cross it.
    private func height(_ plot: CurvePlot, column: Int) throws -> Int? {
        let raster = try #require(plot.raster())
        let rows = (113..<411).filter { raster[column, $0].blue > 140 && raster[column, $0].red < 60 }
        return rows.isEmpty ? nil : rows.reduce(0, +) / rows.count
    }

    @Test func linearCurveIsAStraightLine() throws {
        let line = plot((0...100).map { Double($0) })
        let rows = try [200, 629, 1058].map { try #require(try height(line, column: $0)) }
        #expect(rows[0] > rows[1] && rows[1] > rows[2])
        #expect(abs(rows[0] - 2 * rows[1] + rows[2]) <= 2)
    }

    @Test func exponentialIsStraightOnALogarithmicOrdinate() throws {
        let curve = plot((0...100).map { exp(-Double($0) / 20) }, logarithmic: true)
        let rows = try [200, 629, 1058].map { try #require(try height(curve, column: $0)) }
        #expect(rows[0] < rows[1] && rows[1] < rows[2])
        #expect(abs(rows[0] - 2 * rows[1] + rows[2]) <= 2)
    }

    @Test func valuesThatAreNotFiniteInterruptTheCurve() throws {
        var values = (0...100).map { Double($0) }
        for missing in 40...60 { values[missing] = .nan }
        #expect(try height(plot(values), column: 629) == nil)
        #expect(try height(plot(values), column: 200) != nil)
    }

    /// A mean over equally many points on either side preserves a straight line and is symmetric around a step.
    @Test func smoothingDoesNotLag() throws {
        var line = CurvePlot.Series(name: "", points: (0..<50).map { (x: Double($0), y: 3 * Double($0)) })
        line.smoothing = 7
        #expect(zip(line.smoothed, line.points).allSatisfy { abs($0.y - $1.y) < 1e-12 && $0.x == $1.x })
        var step = CurvePlot.Series(
            name: "", points: (0..<41).map { (x: Double($0), y: $0 < 20 ? 0 : $0 > 20 ? 2 : 1) })
        step.smoothing = 5
        let means = step.smoothed.map(\.y)
        #expect(zip(means, means.reversed()).allSatisfy { abs($0 + $1 - 2) < 1e-12 })
        #expect(means[15] == 1.0 / 11 && means[0] == 0)
    }

    @Test func smoothingStopsAtABreak() throws {
        var series = CurvePlot.Series(
            name: "", points: [1, 3, 5, .nan, 10, 20].enumerated().map { (x: Double($0), y: $1) })
        series.smoothing = 2
        let means = series.smoothed.map(\.y)
        #expect(Array(means[0..<3]) == [1, 3, 5] && means[3].isNaN && Array(means[4...]) == [10, 20])
    }

    /// A panel with its own abscissa does not stretch the other panel's, and its name has room.
    @Test func aPanelMayHaveItsOwnAbscissa() throws {
        let line = plot((0...100).map { Double($0) })
        var both = line
        var second = CurvePlot.Panel(
            yLabel: "risk", series: [.init(name: "r", points: [(x: 1e-5, y: 1), (x: 1, y: 0)])])
        second.abscissa = .init(label: "share", logarithmic: true)
        both.panels.append(second)
        #expect(try height(both, column: 629) == height(line, column: 629))
        let raster = try #require(both.raster())
        #expect(raster.height == 112 + 2 * 300 + 56 + 64)
    }

    @Test(arguments: [[], [0.5], [0, 0, 0], [-3, 1e9], [1e-9, 2e-9], [.nan, .infinity]] as [[Double]])
    func awkwardValuesAreDrawn(_ values: [Double]) throws {
        for logarithmic in [false, true] {
            let raster = try #require(plot(values, logarithmic: logarithmic).raster())
            #expect(raster.width == 1200)
        }
    }

    @Test func filesHaveTheirSize() throws {
        try withFolder { folder in
            var curve = plot([3, 2, 1])
            curve.panels += curve.panels
            let png = folder.appendingPathComponent("curve.png")
            try curve.write(to: png)
            #expect(try pngSize(png) == [1200, 112 + 2 * 300 + 56 + 64])
            let svg = folder.appendingPathComponent("curve.svg")
            try curve.write(to: svg)
            #expect(try String(contentsOf: svg, encoding: .utf8).contains("</svg>"))
            #expect(throws: ReportError.self) { try curve.write(to: folder.appendingPathComponent("a/b.png")) }
        }
    }
}
