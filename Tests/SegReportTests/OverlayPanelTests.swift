import Foundation
import SegCore
import SegImaging
import SegReport
import Testing

/// A fresh folder that is removed after use.
func withFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("figures-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
}

/// Width and height from a PNG's header; `nil` if the signature is not PNG's.
func pngSize(_ file: URL) throws -> [Int]? {
    let bytes = [UInt8](try Data(contentsOf: file))
    guard bytes.count > 24, bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) else { return nil }
    return [16, 20].map { at in bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) } }
}

@Suite struct OverlayPanelTests {
    static let size = Triple(40, 32, 10)
    static let affine = Affine(elements: [2, 0, 0, -40, 0, 2, 0, -30, 0, 0, 5, 100, 0, 0, 0, 1])
    static let image = Volume(
        voxels: [Float](repeating: 40, count: size.count), size: size, affine: affine)

    /// A box with a label; the planes run through its centre of mass.
    static func box(_ i: Range<Int>, _ j: Range<Int>, _ k: Range<Int>, label: UInt8 = 1) -> [UInt8] {
        var map = [UInt8](repeating: 0, count: size.count)
        for a in i {
            for b in j {
                for c in k { map[(a * size.h + b) * size.w + c] = label }
            }
        }
        return map
    }

    /// High i is the patient's right: the box must be drawn on the left in the radiological view.
    static let rightSide = box(26..<36, 10..<20, 3..<7)

    func panel(prediction: [UInt8]?, reference: [UInt8]?) throws -> OverlayPanel {
        try OverlayPanel(
            title: "Panel", subtitle: "a test", image: Self.image, prediction: prediction, reference: reference)
    }

    /// The mean column of the pixels that are bluer than red by a margin, within columns of the raster's images.
    private func blueColumns(_ panel: OverlayPanel) throws -> [Int] {
        let raster = try #require(panel.raster())
        var columns: [Int] = []
        for y in 120..<raster.height - 60 {
            for x in 0..<raster.width / 3 {
                let pixel = raster[x, y]
                if pixel.blue - pixel.red > 40 && abs(pixel.red - pixel.green) < 90 { columns.append(x) }
            }
        }
        return columns
    }

    @Test func predictionIsFilledOnThePatientsSide() throws {
        var panel = try panel(prediction: Self.rightSide, reference: nil)
        let radiological = try blueColumns(panel)
        #expect(radiological.count > 5000)
        panel.convention = .neurological
        let neurological = try blueColumns(panel)
        let mean = (radiological.reduce(0, +) / radiological.count, neurological.reduce(0, +) / neurological.count)
        #expect(mean.0 + 100 < mean.1)
    }

    @Test func withoutPredictionNothingIsBlue() throws {
        let columns = try blueColumns(panel(prediction: nil, reference: nil))
        #expect(columns.isEmpty)
    }

    @Test func referenceIsOutlinedInYellow() throws {
        let raster = try #require(try panel(prediction: nil, reference: Self.rightSide).raster())
        var yellow = 0
        for y in 120..<raster.height - 60 {
            for x in 0..<raster.width where raster[x, y].red > 220 && raster[x, y].blue < 120 { yellow += 1 }
        }
        #expect(yellow > 500)
    }

    @Test func pngAndSVGAreWrittenWithTheirSize() throws {
        try withFolder { folder in
            var panel = try panel(prediction: Self.rightSide, reference: Self.box(24..<34, 10..<20, 3..<7))
            panel.width = 900
            let png = folder.appendingPathComponent("panel.png")
            try panel.write(to: png)
            try panel.write(to: png)
            let raster = try #require(panel.raster())
            #expect(try pngSize(png) == [900, raster.height])
            let svg = folder.appendingPathComponent("panel.SVG")
            try panel.write(to: svg)
            let text = try String(contentsOf: svg, encoding: .utf8)
            #expect(text.contains("<svg"))
            #expect(text.contains("width=\"900"))
            let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
            #expect(left == ["panel.SVG", "panel.png"])
        }
    }

    @Test func picturesHaveTheScansProportions() throws {
        // 80 x 64 mm in plane, 50 mm high: three images at one scale beside margins of 96, the tallest 64 mm.
        let raster = try #require(try panel(prediction: nil, reference: nil).raster())
        let scale = (1500.0 - 96.0) / 224.0
        let expected: Double = 84 + 30 + 64 * scale + 40 + 24
        #expect(abs(Double(raster.height) - expected) <= 1)
    }

    @Test func manyClassesHaveALegendOfSeveralRows() throws {
        var map = [UInt8](repeating: 0, count: Self.size.count)
        for label in 1...13 { map[label * 37] = UInt8(label) }
        let one = try #require(try panel(prediction: Self.rightSide, reference: nil).raster())
        let many = try #require(try panel(prediction: map, reference: map).raster())
        #expect(many.height == one.height + 56)
    }

    @Test func misfitsAndOtherOrientationsAreRefused() throws {
        #expect(throws: ReportError.self) { try panel(prediction: [1, 2, 3], reference: nil) }
        var lps = Self.image
        lps.affine[0, 0] = -2
        #expect(throws: ReportError.self) {
            try OverlayPanel(title: "", subtitle: "", image: lps, prediction: nil, reference: nil)
        }
    }

    @Test func unwritableAndUnknownFilesAreNamed() throws {
        let panel = try panel(prediction: nil, reference: nil)
        try withFolder { folder in
            let missing = folder.appendingPathComponent("nowhere/panel.png")
            let error = #expect(throws: ReportError.self) { try panel.write(to: missing) }
            #expect(error?.description.contains(missing.path) == true)
            let svg = folder.appendingPathComponent("nowhere/panel.svg")
            #expect(throws: ReportError.self) { try panel.write(to: svg) }
            let pdf = folder.appendingPathComponent("panel.pdf")
            #expect(throws: ReportError.unknownFormat(path: pdf.path)) { try panel.write(to: pdf) }
            let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            #expect(left.isEmpty)
        }
    }
}
