import SegMetrics
import Testing

@Suite struct SurfaceDistancesTests {
    /// Speckled masks exercise every parabola of the transform's envelope; a search over all pairs is the reference.
    @Test(arguments: [
        ([7, 5, 9], [1.0, 1.0, 1.0]), ([6, 8, 4], [0.7, 1.3, 5.0]), ([1, 9, 8], [2.0, 0.5, 0.9]),
        ([12, 1, 1], [3.0, 1.0, 1.0]),
    ])
    func transformEqualsAllPairs(size: [Int], spacing: [Double]) throws {
        var state: UInt64 = 42
        func isSet(_ oneIn: UInt64) -> Bool {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % oneIn == 0
        }
        for _ in 0..<20 {
            var prediction = mask(size) { _, _, _ in isSet(9) }
            var reference = mask(size) { _, _, _ in isSet(13) }
            prediction[0] = 1
            reference[reference.count - 1] = 1
            let measured = try #require(
                try SurfaceDistances(
                    prediction: prediction, reference: reference, label: 1,
                    grid: MaskGrid(size: size, spacingMM: spacing)))
            let p = surface(prediction, size, spacing)
            let r = surface(reference, size, spacing)
            expectEqual(measured.predictionToReference, nearest(p, r))
            expectEqual(measured.referenceToPrediction, nearest(r, p))
        }
    }

    private func expectEqual(_ a: [Double], _ b: [Double]) {
        #expect(a.count == b.count)
        #expect(zip(a, b).allSatisfy { abs($0 - $1) < 1e-12 })
    }

    private func nearest(_ from: [[Double]], _ to: [[Double]]) -> [Double] {
        from.map { a in
            to.map { b in zip(a, b).map { ($0 - $1) * ($0 - $1) }.reduce(0, +) }.reduce(.infinity, min).squareRoot()
        }.sorted()
    }

    /// The world positions of the voxels that have a neighbour outside.
    private func surface(_ mask: [UInt8], _ size: [Int], _ spacing: [Double]) -> [[Double]] {
        func holds(_ at: [Int]) -> Bool {
            for axis in 0..<3 where at[axis] < 0 || at[axis] >= size[axis] { return false }
            return mask[(at[0] * size[1] + at[1]) * size[2] + at[2]] == 1
        }
        var found: [[Double]] = []
        for i in 0..<size[0] {
            for j in 0..<size[1] {
                for k in 0..<size[2] where holds([i, j, k]) {
                    let outer = (0..<3).contains { axis in
                        [-1, 1].contains { step in
                            var at = [i, j, k]
                            at[axis] += step
                            return !holds(at)
                        }
                    }
                    if outer { found.append(zip([i, j, k], spacing).map { Double($0) * $1 }) }
                }
            }
        }
        return found
    }
}
