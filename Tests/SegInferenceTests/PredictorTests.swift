import SegBackend
import SegCPU
import SegCore
import SegImaging
import SegInference
import SegModels
import SegNN
import SegReference
import Testing

@Suite struct PredictorTests {
    /// The axes run to the back, upwards and to the left: as far from RAS as possible.
    private static let affine = Affine(elements: [0, 0, -1.5, 40, -2, 0, 0, 30, 0, 3, 0, -20, 0, 0, 0, 1])
    private static let size = Triple(21, 13, 26)

    /// A block and an ellipsoid of intensity 100 in air of 0.
    private static let scan: Volume = {
        var scan = Volume(voxels: [Float](repeating: 0, count: size.count), size: size, affine: affine)
        for i in 0..<size.d {
            for j in 0..<size.h {
                for k in 0..<size.w {
                    let (a, b, c) = (Double(i - 13) / 6, Double(j - 6) / 4, Double(k - 17) / 7)
                    let block = (2..<6).contains(i) && (3..<9).contains(j) && (4..<8).contains(k)
                    if block || a * a + b * b + c * c < 1 { scan[i, j, k] = 100 }
                }
            }
        }
        return scan
    }()

    private static let truth: [UInt8] = scan.voxels.map { $0 > 0 ? 1 : 0 }

    private func model(
        _ channels: ConfigValue = 2, pixdim: [Double]?, roi: Triple = Triple(12), overlap: Double = 0.25
    ) throws -> ModelDescription {
        let definition: ConfigValue = [
            "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": channels, "channels": [2, 4, 4],
            "strides": [2, 2],
        ]
        return ModelDescription(
            network: NetworkDefinition(definition, source: "model.json"),
            preprocessing: try Preprocessing(
                orientation: "RAS", pixdim: pixdim,
                intensity: ScaleIntensityRange(aMin: 0, aMax: 100, bMin: 0, bMax: 1, clip: true),
                cropForeground: true),
            roiSize: roi, overlap: WindowOverlap(overlap), mode: .gaussian, labels: [:])
    }

    private func predict(channels: Int, pixdim: [Double]?, on backend: any Backend) throws -> Prediction {
        let network = ThresholdNetwork(on: backend, channels: channels)
        var windows: [Int] = []
        let prediction = try Predictor(network: network, description: model(pixdim: pixdim), on: backend).predict(
            Self.scan, name: "scan.nii"
        ) { done, count in
            #expect(done <= count)
            windows.append(done)
        }
        #expect(windows == Array(1...windows.count))
        return prediction
    }

    /// The first region is at its threshold everywhere, the second is where the scan is bright, the third is nowhere. A
    /// later region is painted over an earlier one, whatever the order of their channels.
    @Test(arguments: [([0, 1], [3, 7]), ([1, 0], [3, 3]), ([2, 1], [0, 7])])
    func laterRegionsArePaintedOverEarlierOnes(_ channels: [Int], _ expected: [UInt8]) throws {
        let backend = try CPUBackend(threads: 2)
        var description = try model(3, pixdim: nil)
        description.maskPlan.probabilities = .sigmoid
        let numbers: [UInt8] = [3, 7, 9]
        description.maskPlan.painting = channels.map { MaskPlan.Paint(channel: $0, label: numbers[$0]) }
        let network = ThresholdNetwork(on: backend, channels: 3)
        let mask = try Predictor(network: network, description: description, on: backend).predict(
            Self.scan, name: "scan.nii"
        ) { _, _ in }.mask()
        let box = zip(mask, Self.truth).filter { $0.1 == 1 }
        #expect(!box.isEmpty && box.allSatisfy { $0.0 == expected[1] })
        // The crop to the foreground leaves voxels outside it, which no region paints.
        #expect(Set(mask) == Set(expected + [0]))
    }

    @Test(arguments: [1, 2, 3])
    func theMaskLiesInTheScansSpace(channels: Int) throws {
        for backend in [ReferenceBackend(), try CPUBackend(threads: 2)] as [any Backend] {
            let prediction = try predict(channels: channels, pixdim: nil, on: backend)
            #expect(prediction.classes == max(2, channels))
            #expect(prediction.mask() == Self.truth)
            let sure = prediction.probability(of: 1)
            #expect(zip(sure, Self.truth).allSatisfy { ($0 > 0.9) == ($1 == 1) })
        }
    }

    @Test(arguments: [1, 2, 3])
    func resamplingThereAndBackMovesNothing(channels: Int) throws {
        let mask = try predict(channels: channels, pixdim: [1, 1.2, 1.5], on: CPUBackend(threads: 2)).mask()
        #expect(mask.count == Self.size.count)
        #expect(diceOverlap(mask, Self.truth) > 0.97)
    }

    @Test(arguments: [1, 3], [nil, [1.7, 1.9, 2.2]])
    func slabsGiveWhatTheWholeScanGives(channels: Int, pixdim: [Double]?) throws {
        let prediction = try predict(channels: channels, pixdim: pixdim, on: CPUBackend(threads: 1))
        let whole = prediction.record.restore(prediction.values, channels: channels)
        let expected = (0..<Self.size.count).map { voxel -> UInt8 in
            let values = whole[voxel * channels..<(voxel + 1) * channels]
            if channels == 1 { return values.first.map { $0 >= 0.5 } == true ? 1 : 0 }
            let best = values.indices.reduce(values.startIndex) { values[$1] > values[$0] ? $1 : $0 }
            return UInt8(best - values.startIndex)
        }
        #expect(prediction.mask() == expected)
        let foreground = channels == 1 ? 0 : 1
        #expect(prediction.probability(of: 1) == (0..<Self.size.count).map { whole[$0 * channels + foreground] })
    }

    @Test func aSingleChannelIsTheOddsOfTwo() throws {
        let backend = ReferenceBackend()
        let (one, two) = (
            try predict(channels: 1, pixdim: [2, 2, 2], on: backend),
            try predict(channels: 2, pixdim: [2, 2, 2], on: backend)
        )
        let pairs = zip(one.values, two.values.enumerated().filter { $0.offset % 2 == 1 })
        #expect(pairs.allSatisfy { abs($0 - $1.element) < 1e-6 })
        let sums = zip(one.probability(of: 0), one.probability(of: 1)).map { $0 + $1 }
        #expect(sums.allSatisfy { abs($0 - 1) < 1e-6 })
    }

    @Test func windowsThatDoNotDivideAreRefused() throws {
        let error = try #require(throws: DataError.self) {
            try model(pixdim: nil, roi: Triple(12, 12, 10)).makeNetwork(on: ReferenceBackend(), seed: 0)
        }
        #expect(error.subject == "model.json" && error.key == "roi_size")
        #expect(error.message.contains("12×12×10") && error.message.contains("4×4×4"))
    }

    @Test func scansWithoutForegroundOrWithHolesAreRefused() throws {
        let backend = ReferenceBackend()
        let predictor = Predictor(
            network: ThresholdNetwork(on: backend, channels: 2), description: try model(pixdim: nil),
            on: backend)
        let empty = Volume(voxels: [Float](repeating: -1024, count: 64), size: Triple(4, 4, 4), affine: .identity)
        let noForeground = try #require(throws: DataError.self) {
            try predictor.predict(empty, name: "air.nii") { _, _ in }
        }
        #expect(noForeground.subject == "air.nii")
        let sideways = Predictor(
            network: ThresholdNetwork(on: backend, channels: 2), description: try model(pixdim: [1e-4, 1e-4, 1e-4]),
            on: backend)
        let huge = try #require(throws: DataError.self) {
            try sideways.predict(Self.scan, name: "ct.nii") { _, _ in }
        }
        #expect(huge.subject == "ct.nii")
        var broken = Self.scan
        broken.voxels[5] = .nan
        let notFinite = try #require(throws: DataError.self) {
            try predictor.predict(broken, name: "nan.nii") { _, _ in }
        }
        #expect(notFinite.subject == "nan.nii")
    }
}

/// The Dice of two masks' foreground.
func diceOverlap(_ a: [UInt8], _ b: [UInt8]) -> Double {
    let both = zip(a, b).count { $0 != 0 && $1 != 0 }
    return 2 * Double(both) / Double(a.count { $0 != 0 } + b.count { $0 != 0 })
}
