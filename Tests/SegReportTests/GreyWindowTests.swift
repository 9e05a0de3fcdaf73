import SegCore
import SegImaging
import SegReport
import Testing

/// The range that a figure shows from black to white.
@Suite struct GreyWindowTests {
    private func window(_ voxels: [Float]) -> ClosedRange<Float> {
        GreyWindow.suiting(Volume(voxels: voxels, size: Triple(1, 1, voxels.count), affine: .identity))
    }

    @Test func aCTShowsSoftTissue() {
        #expect(window((0..<500).map { Float($0 * 4 - 1000) }) == -160...240)
    }

    @Test func otherScansShowWhatMostOfTheirVoxelsAre() {
        // One bright voxel of a thousand does not darken the rest.
        #expect(window((0..<999).map { Float($0) } + [90_000]) == 5...994)
        let scaled = window((0..<1000).map { Float($0) / 1000 })
        #expect(abs(scaled.lowerBound - 0.005) < 1e-3 && abs(scaled.upperBound - 0.994) < 1e-3)
    }

    @Test func aScanWithoutContrastHasAWindowToo() {
        #expect(window([3, 3, 3]) == -160...240)
        #expect(window([Float](repeating: 0, count: 998) + [1, 1]) == 0...1)
    }
}
