import SegCore
import SegImaging
import SegInference
import SegTestNeeds
import Testing

/// nnU-Net's computations besides its networks; `Tests/Golden/nnunet.py` writes them.
private struct Golden: Decodable {
    struct Grid: Decodable {
        let shape: [Int]
        let current: [Double]
        let new: [Double]
        let target: [Int]
        let cubic: [Float]
        let linear: [Float]
        let back: [Float]
        let labels: [Float]
    }

    struct Window: Decodable {
        let image: [Int]
        let window: [Int]
        let step: Double
        let starts: [[Int]]
        let weights: [Float]
    }

    struct Zoom: Decodable {
        let shape: [Int]
        let edges: [Double]
        let edge: Double
        let size: [Int]
        let values: [Float]
        let labels: [UInt8]
    }

    struct Outline: Decodable {
        let image: [Float]
        let normalised: [Float]
    }

    let grids: [String: Grid]
    let windows: [Window]
    let zooms: [Zoom]
    let outline: Outline

    static func read() throws -> Golden { try GoldenFile("nnunet.json").decoded() }
}

/// Numbers in −0.5 ..< 0.5 from a hash of (stream, index), as in `nnunet.py`.
private func formula(_ stream: Int, _ count: Int) -> [Double] {
    (0..<count).map { index in
        var h = UInt32(truncatingIfNeeded: index) &* 2_654_435_761 &+ UInt32(truncatingIfNeeded: stream) &* 40503
        h ^= h >> 15
        h = h &* 2_246_822_519
        h ^= h >> 13
        return Double(h) / 4_294_967_296 - 0.5
    }
}

private func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
    #expect(a.count == b.count)
    return zip(a, b).map { abs($0 - $1) }.max() ?? 0
}

private func affine(_ edges: [Double]) -> Affine {
    Affine(elements: [edges[0], 0, 0, 7, 0, edges[1], 0, -3, 0, 0, edges[2], 11, 0, 0, 0, 1])
}

private let grids = [
    "finer", "coarser", "long_slices", "long_rows", "long_afterwards", "two_long", "one_slice",
]

@Test(arguments: grids)
func resamplesThereAndBackAsNNUNet(_ name: String) throws {
    let golden = try #require(try Golden.read().grids[name])
    let size = Triple(golden.shape)
    let volume = Volume(voxels: formula(1, size.count).map { Float($0) }, size: size, affine: affine(golden.current))
    for (order, expected) in [(NNUNetResampling.Order.cubic, golden.cubic), (.linear, golden.linear)] {
        let step = try NNUNetResampling(spacing: golden.new.map { $0 }, order: order)
        let prepared = try Preprocessing([.nnUNetResampling(step)])(volume, name: name)
        #expect(prepared.image.size == Triple(golden.target))
        #expect(largestDifference(prepared.image.channels[0], expected) < 2e-6)
        // Channels are the last axis here, and the first in the capture.
        let count = prepared.image.size.count
        let outputs = formula(2, 2 * count).map { Float($0) }
        let back = prepared.record.restore((0..<2 * count).map { outputs[$0 % 2 * count + $0 / 2] }, channels: 2)
        let whole = size.count
        #expect(largestDifference((0..<2 * whole).map { back[$0 % whole * 2 + $0 / whole] }, golden.back) < 2e-6)
    }
}

@Test(arguments: grids)
func resamplesLabelsAsNNUNet(_ name: String) throws {
    let golden = try #require(try Golden.read().grids[name])
    let size = Triple(golden.shape)
    let place = affine(golden.current)
    let scan = ScanImage(Volume(voxels: [Float](repeating: 1, count: size.count), size: size, affine: place))
    let preprocessing = Preprocessing([
        .nnUNetCrop(NNUNetCrop()), .nnUNetResampling(try NNUNetResampling(spacing: golden.new.map { $0 })),
    ])
    let record = try preprocessing(scan, name: name).record
    let labels = formula(3, size.count).map { Float((($0 + 0.5) * 3).rounded(.down)) }
    let ours = preprocessing.nnUNetLabels(
        Volume(voxels: labels, size: size, affine: place), of: scan, along: record)
    #expect(ours == golden.labels)
}

@Test func windowsAreNNUNets() throws {
    for golden in try Golden.read().windows {
        let plan = try WindowPlan(
            image: Triple(golden.image), window: Triple(golden.window), overlap: WindowOverlap(1 - golden.step), .nnUNet
        )
        let expected = golden.starts[0].flatMap { d in
            golden.starts[1].flatMap { h in golden.starts[2].map { Triple(d, h, $0) } }
        }
        #expect(plan.starts == expected)
        let isSame = zip(plan.weights(.nnUNet), golden.weights).allSatisfy { abs($0 - $1) <= 1e-6 * $1 }
        #expect(isSame && golden.weights.count == plan.window.count)
    }
}

/// Resamples to the voxel edges of TotalSegmentator's models, and labels back.
@Test func zoomsAsTotalSegmentator() throws {
    for golden in try Golden.read().zooms {
        let size = Triple(golden.shape)
        let voxels = formula(5, size.count).map { Float(($0 * 2000).rounded(.down)) }
        let scan = Volume(voxels: voxels, size: size, affine: affine(golden.edges))
        let small = try CornerZoom.volume(scan, edge: golden.edge, name: "scan")
        #expect(small.size == Triple(golden.size))
        #expect(small.voxels == golden.values)
        let labels = formula(6, small.size.count).map { UInt8((($0 + 0.5) * 5).rounded(.down)) }
        #expect(CornerZoom.labels(labels, from: small.size, to: size) == golden.labels)
    }
}

@Test func normalisesInsideTheOutlineAsNNUNet() throws {
    let golden = try Golden.read().outline
    let scan = Volume(voxels: golden.image, size: Triple(7, 8, 9), affine: .identity)
    let step = PreprocessingStep.nnUNetNormalization(NNUNetNormalization([.zScore(masked: true)]))
    let prepared = try Preprocessing([step])(scan, name: "scan")
    #expect(largestDifference(prepared.image.channels[0], golden.normalised) < 2e-6)
}

/// 512 voxels of 350/512 mm are 437.5 voxels of 0.8 mm, which Python rounds to the even number.
@Test func edgesAlongWorldAxesAreTakenAsTheyStand() throws {
    let step = try NNUNetResampling(spacing: [0.8, nil, nil])
    for (edge, count) in [(0.68359375, 438), (0.91796875, 588), (0.83984375, 538)] {
        let size = try Preprocessing([.nnUNetResampling(step)])
            .destinationSize(of: Triple(512, 2, 2), at: affine([edge, 1, 1]), name: "scan")
        #expect(size.d == count)
    }
}

/// A half of a size depends on the last digit of a spacing.
@Test func edgesOfObliqueGridsAreThoseThatWereStated() throws {
    for stated in [1.2, 0.7421875, 0.6, 3, 1.1035, 4.5, 0.68359375, 0.91796875] {
        let edge = Double(Float(stated))
        // The column of an oblique grid in 32 bits, as in a header.
        let column = [0.6, 0.48, 0.64].map { Double(Float($0 * edge)) }
        let oblique = Affine(elements: [
            column[0], 0, 0, 0, column[1], 1, 0, 0, column[2], 0, 1, 0, 0, 0, 0, 1,
        ])
        let volume = Volume(voxels: [Float](repeating: 1, count: 27), size: Triple(3), affine: oblique)
        // Three voxels become two of 1.5 times the edge, and the half rounds to the even number.
        let step = try NNUNetResampling(spacing: [edge * 1.2, nil, nil])
        #expect(try Preprocessing([.nnUNetResampling(step)])(volume, name: "scan").image.size.d == 2)
    }
}
