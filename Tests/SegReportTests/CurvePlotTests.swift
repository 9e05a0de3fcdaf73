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

    /// Row of the curve's first colour in a column of the axes; `nil` where it does not pass.
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
