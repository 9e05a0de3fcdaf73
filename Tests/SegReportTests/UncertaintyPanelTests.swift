import Foundation
import SegCore
import SegImaging
import SegReport
import Testing

@Suite struct UncertaintyPanelTests {
    private static let size = OverlayPanelTests.size

    private func panel(mean: [Float], variance: [Float], validity: [UInt8]) throws -> UncertaintyPanel {
        try UncertaintyPanel(
            title: "Panel", subtitle: "a test", image: OverlayPanelTests.image, mean: mean, variance: variance,
            validity: validity)
    }

    /// A map that is 0 except in a box at the patient's right.
    private func map(_ value: Float) -> [Float] { OverlayPanelTests.rightSide.map { $0 > 0 ? value : 0 } }

    /// The columns of bright warm pixels in the middle rows of a third of the image.
    private func warmColumns(_ raster: Raster, third: Int) -> [Int] {
        var columns: [Int] = []
        for y in 130..<raster.height - 110 {
            for x in third * raster.width / 3..<(third + 1) * raster.width / 3 {
                let pixel = raster[x, y]
                if pixel.red > 150 && pixel.red - pixel.blue > 40 { columns.append(x) }
            }
        }
        return columns
    }

    @Test func mapsAreDrawnInTheirPlacesOnThePatientsSide() throws {
        let everywhere = [UInt8](repeating: 1, count: Self.size.count)
        let raster = try #require(
            try panel(mean: map(0.9), variance: map(0.01), validity: everywhere).raster())
        #expect(warmColumns(raster, third: 0).isEmpty)
        for third in 1...2 {
            let columns = warmColumns(raster, third: third)
            #expect(columns.count > 500)
            // High i is the patient's right: left of the middle of its image.
            let middle = third * raster.width / 3 + raster.width / 6
            #expect(columns.reduce(0, +) / max(columns.count, 1) < middle)
        }
        let flipped = try #require(
            try {
                var panel = try panel(mean: map(0.9), variance: map(0.01), validity: everywhere)
                panel.convention = .neurological
                return panel.raster()
            }())
        let columns = warmColumns(flipped, third: 2)
        #expect(columns.reduce(0, +) / max(columns.count, 1) > 2 * flipped.width / 3 + flipped.width / 6)
    }

    /// Voxels that were not evaluated do not look certain.
    @Test func whatTheNetworkDidNotSeeIsHatched() throws {
        let half = (0..<Self.size.count).map { UInt8($0 < Self.size.count / 2 ? 0 : 1) }
        let all = [UInt8](repeating: 1, count: Self.size.count)
        let (masked, plain) = (
            try panel(mean: map(0.9), variance: map(0.01), validity: half).raster(),
            try panel(mean: map(0.9), variance: map(0.01), validity: all).raster()
        )
        let (a, b) = (try #require(masked), try #require(plain))
        func differing(_ third: Int) -> Int {
            var count = 0
            for y in 130..<a.height - 110 {
                for x in third * a.width / 3..<(third + 1) * a.width / 3 where a[x, y] != b[x, y] { count += 1 }
            }
            return count
        }
        #expect(differing(0) == 0 && differing(1) > 1000 && differing(2) > 1000)
    }

    @Test func mapsOfAnotherGridAreRefused() throws {
        let all = [UInt8](repeating: 1, count: Self.size.count)
        #expect(throws: ReportError.self) { try panel(mean: [1], variance: map(1), validity: all) }
        #expect(throws: ReportError.self) { try panel(mean: map(1), variance: map(1), validity: [1]) }
    }

    @Test func filesAreWritten() throws {
        try withFolder { folder in
            let all = [UInt8](repeating: 1, count: Self.size.count)
            let panel = try panel(mean: map(0), variance: map(0), validity: all)
            let file = folder.appendingPathComponent("uncertainty.png")
            try panel.write(to: file)
            #expect(try pngSize(file)?[0] == 1500)
        }
    }
}
