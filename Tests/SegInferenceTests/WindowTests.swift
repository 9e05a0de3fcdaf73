import Foundation
import SegBackend
import SegCore
import SegInference
import SegReference
import SegTensor
import Testing

/// The numbers of windows in MONAI 1.6.1 for a 226 × 157 × 113 image and 96³ windows.
@Test(arguments: [(0.25, 12), (0.5, 24), (0.8, 80)])
func windowCounts(overlap: Double, count: Int) throws {
    let plan = try WindowPlan(
        image: Triple(226, 157, 113), window: Triple(96), overlap: WindowOverlap(overlap))
    #expect(plan.starts.count == count)
    #expect(plan.starts.first == Triple(0))
    #expect(plan.starts.last == Triple(130, 61, 17))
}

/// `dense_patch_slices((10, 7, 4), (4, 4, 4), …)` for overlaps 0 and 0.5.
@Test(arguments: [(0.0, [0, 4, 6], [0, 3], [0]), (0.5, [0, 2, 4, 6], [0, 2, 3], [0])])
func windowStarts(overlap: Double, d: [Int], h: [Int], w: [Int]) throws {
    let plan = try WindowPlan(image: Triple(10, 7, 4), window: Triple(4), overlap: WindowOverlap(overlap))
    let expected = d.flatMap { d in h.flatMap { h in w.map { Triple(d, h, $0) } } }
    #expect(plan.starts == expected)
}

/// `dense_patch_slices((10, 7, 4), (4, 4, 4), …)` for an overlap per axis.
@Test func anOverlapAnAxisStepsByItself() throws {
    let plan = try WindowPlan(
        image: Triple(10, 7, 4), window: Triple(4), overlap: WindowOverlap(0.5, 0, 0.9))
    let expected = [0, 2, 4, 6].flatMap { d in [0, 3].map { Triple(d, $0, 0) } }
    #expect(plan.starts == expected)
}

private struct Golden: Decodable {
    let window: [Int]
    let overlap: [Double]
    let mode: String
    let size: [Int]
    let image: [Double]
    let result: [Double]

    static let all: [Golden] = {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Golden/windows.json").path
        return FileManager.default.contents(atPath: path)
            .flatMap { try? JSONDecoder().decode([Golden].self, from: $0) } ?? []
    }()
}

@Test func goldenWindowsAreThere() { #expect(Golden.all.count == 4) }

/// `sliding_window_inference` with an overlap for each axis, where each window is multiplied by the positions in it.
@Test(arguments: Golden.all.indices)
func windowsAreBlendedAsInMONAI(_ index: Int) throws {
    let (golden, backend) = (Golden.all[index], ReferenceBackend())
    let window = Triple(golden.window)
    let image = try Tensor(
        golden.image, shape: Shape(batch: 1, size: Triple(golden.size), channels: 1), on: backend)
    let ramp = try Tensor(
        (0..<window.count).map { 1 + Double($0) / 8 }, shape: Shape(batch: 1, size: window, channels: 1), on: backend)
    let overlap = WindowOverlap(golden.overlap[0], golden.overlap[1], golden.overlap[2])
    let blending = try #require(WindowPlan.Blending(rawValue: golden.mode))
    let output = try SlidingWindow(window: window, overlap: overlap, blending: blending)(
        image, progress: { _, _ in }
    ) { try multiply($0, ramp) }
    for (value, expected) in zip(try output.doubles(), golden.result) { #expect(abs(value - expected) < 1e-4) }
}

/// A small scan with small steps is not an error.
@Test func fewWindowsOfSmallStepsArePlanned() throws {
    #expect(try WindowPlan(image: Triple(20), window: Triple(16), overlap: 0.999_999_999).starts.count == 125)
}

@Test func smallImagesArePaddedHalfBefore() throws {
    let plan = try WindowPlan(image: Triple(3, 8, 5), window: Triple(6), overlap: 0.25)
    #expect(plan.seen == Triple(3, 6, 5))
    #expect(plan.padding == Triple(1, 0, 0))
}

/// A number of windows that no machine can compute is refused before a list of them is created.
@Test(arguments: [
    (Triple(4000), Triple(32), 0.999999999), (Triple(1 << 21, 1, 1), Triple(2, 8, 8), 0.9),
])
func endlessWindowsAreRefused(image: Triple, window: Triple, overlap: Double) throws {
    let error = try #require(throws: DataError.self) {
        try WindowPlan(image: image, window: window, overlap: WindowOverlap(overlap))
    }
    #expect(error.kind == .tooLarge && error.message.contains("overlap") && error.message.contains("roi_size"))
}

@Test func gaussianWeightsAsInMONAI() throws {
    let weights = try WindowPlan(image: Triple(96), window: Triple(96), overlap: 0).weights(.gaussian)
    let peak = try #require(weights.max())
    #expect(abs(peak - 0.9974) < 1e-4)
    #expect(weights.min() == 1e-3)
    let clamped = Double(weights.count { $0 == 1e-3 }) / Double(weights.count)
    #expect(abs(clamped - 0.58) < 0.01)
}

@Test(arguments: [-0.1, 1, .nan])
func overlapsOutsideTheUnitAreRefused(_ overlap: Double) {
    #expect(throws: InferenceError.self) {
        try WindowPlan(image: Triple(8), window: Triple(4), overlap: WindowOverlap(overlap))
    }
}

/// A predictor that returns its input and twice its input gives the whole image and twice the image.
@Test(arguments: [[9, 7, 8], [3, 12, 5], [4, 4, 4], [1, 1, 1]], [WindowPlan.Blending.constant, .gaussian])
func blendingGivesAnIdentityBack(_ size: [Int], blending: WindowPlan.Blending) throws {
    let backend = ReferenceBackend()
    let values = (0..<size.reduce(1, *)).map { Double($0 % 17) - 8 }
    let image = try Tensor(values, shape: Shape(batch: 1, size: Triple(size), channels: 1), on: backend)
    for overlap in [0, 0.3, 0.8, WindowOverlap(0.8, 0, 0.5)] {
        let output = try SlidingWindow(window: Triple(4), overlap: overlap, blending: blending)(
            image, progress: { _, _ in }
        ) { try concatenate([$0, scale($0, by: 2)]) }
        #expect(output.shape == Shape(size + [2]))
        for (index, value) in try output.doubles().enumerated() {
            #expect(abs(value - values[index / 2] * Double(index % 2 + 1)) < 1e-5)
        }
    }
}

@Test func windowsMustKeepTheirExtents() throws {
    let image = try Tensor(repeating: 0, shape: [1, 4, 4, 4, 1], on: ReferenceBackend())
    #expect(throws: InferenceError.self) {
        try SlidingWindow(window: Triple(4), overlap: 0, blending: .constant)(image, progress: { _, _ in }) {
            try reshape($0, [1, 8, 4, 2, 1])
        }
    }
}
