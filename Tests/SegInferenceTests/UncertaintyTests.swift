import Foundation
import SegBackend
import SegCPU
import SegCore
import SegImaging
import SegInference
import SegModels
import SegNN
import SegReference
import SegTensor
import Testing

/// A scan with a bright ball, off centre, with anisotropic voxels.
private let scan: Volume = {
    let size = Triple(22, 17, 19)
    var scan = Volume(
        voxels: [Float](repeating: -50, count: size.count), size: size,
        affine: Affine(elements: [-1.5, 0, 0, 20, 0, 1.2, 0, 10, 0, 0, 2, -30, 0, 0, 0, 1]))
    for i in 4..<size.d - 2 {
        for j in 3..<size.h - 3 {
            for k in 2..<size.w - 5 {
                let (a, b, c) = (Double(i - 12) / 6, Double(j - 8) / 5, Double(k - 8) / 6)
                scan[i, j, k] = Float((a * a + b * b + c * c < 1 ? 120 : 10) + (i * 7 + j * 13 + k * 29) % 11)
            }
        }
    }
    return scan
}()

private func description(dropout: Double = 0.2, outputs: Int = 2, units: Int = 2) throws -> ModelDescription {
    let definition: ConfigValue = [
        "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": .int(outputs), "channels": [4, 6, 8],
        "strides": [2, 2], "num_res_units": .int(units), "norm": "batch", "dropout": .double(dropout),
    ]
    return ModelDescription(
        network: NetworkDefinition(definition, source: "model.json"),
        preprocessing: try Preprocessing(
            orientation: "RAS", pixdim: [1.5, 1.5, 2],
            intensity: ScaleIntensityRange(aMin: 0, aMax: 150, bMin: 0, bMax: 1, clip: true),
            cropForeground: true),
        roiSize: Triple(12), overlap: 0.5, mode: .gaussian, labels: [:])
}

private func predictor(
    _ description: ModelDescription, seed: UInt64 = 3, on backend: any Backend
) throws -> Predictor {
    Predictor(network: try description.makeNetwork(on: backend, seed: seed), description: description, on: backend)
}

private func options(passes: Int, mirrored: Set<Int> = [], seed: UInt64 = 0) -> UncertaintyOptions {
    var options = UncertaintyOptions()
    (options.passes, options.mirroredAxes, options.seed) = (passes, mirrored, seed)
    return options
}

@Suite struct UncertaintyTests {
    /// Channels that are painted over each other are not shares of one probability.
    @Test func paintedRegionsHaveNoUncertaintyOfClasses() throws {
        var description = try description(outputs: 3)
        description.maskPlan.painting = [MaskPlan.Paint(channel: 2, label: 1), MaskPlan.Paint(channel: 0, label: 2)]
        let predictor = try predictor(description, on: CPUBackend(threads: 1))
        #expect(throws: InferenceError.self) {
            try predictor.predict(scan, name: "scan", uncertainty: options(passes: 0, mirrored: [0])) { _, _ in }
        }
    }

    @Test(arguments: [1, 2, 3], [0, 2])
    func samplesAreReproducibleAndEqualOnBackends(outputs: Int, units: Int) throws {
        let description = try description(outputs: outputs, units: units)
        func run(on backend: any Backend, seed: UInt64) throws -> UncertainPrediction {
            try predictor(description, on: backend).predict(
                scan, name: "scan.nii", uncertainty: options(passes: 3, seed: seed)
            ) { _, _ in }
        }
        let cpu = try run(on: CPUBackend(threads: 2), seed: 5)
        let again = try run(on: CPUBackend(threads: 1), seed: 5)
        let other = try run(on: CPUBackend(threads: 2), seed: 6)
        let oracle = try run(on: ReferenceBackend(), seed: 5)
        #expect(cpu.samples == 3)
        for quantity in UncertainPrediction.Quantity.allCases {
            let map = cpu.map(quantity)
            #expect(map == again.map(quantity))
            #expect(map != other.map(quantity))
            #expect(zip(map, oracle.map(quantity)).allSatisfy { abs($0 - $1) < 1e-5 }, "\(quantity)")
            #expect(map.contains { $0 > 0 } && map.allSatisfy { $0 >= 0 && $0.isFinite })
        }
    }

    /// The streamed sums equal those of samples that are kept and summed in Double.
    @Test(arguments: [1, 2, 4])
    func theAccumulatorIsTheTwoPassFormula(channels: Int) throws {
        let (voxels, samples) = (500, 7)
        let volumes = (0..<samples).map { sample in
            (0..<voxels).flatMap { voxel -> [Float] in
                let logits = (0..<channels).map { c in
                    sinf(Float((sample + 1) * (voxel + 3) * (c + 2)) * 0.37) * 3
                }
                if channels == 1 { return [1 / (1 + expf(-logits[0]))] }
                let sum = logits.map(expf).reduce(0, +)
                return logits.map { expf($0) / sum }
            }
        }
        var accumulator = UncertaintyAccumulator(voxels: voxels, channels: channels)
        for volume in volumes { accumulator.add(volume) }
        let summary = accumulator.summary()
        func entropy(_ p: [Double]) -> Double {
            (channels == 1 ? [p[0], 1 - p[0]] : p).reduce(0) { $0 - $1 * log($1) }
        }
        for voxel in 0..<voxels {
            let rows = volumes.map { $0[voxel * channels..<(voxel + 1) * channels].map(Double.init) }
            let mean = (0..<channels).map { c in rows.reduce(0) { $0 + $1[c] } / Double(samples) }
            let foreground = rows.map { channels == 1 ? $0[0] : 1 - $0[0] }
            let middle = foreground.reduce(0, +) / Double(samples)
            let variance = foreground.reduce(0) { $0 + ($1 - middle) * ($1 - middle) } / Double(samples - 1)
            let information = entropy(mean) - rows.map(entropy).reduce(0, +) / Double(samples)
            for c in 0..<channels {
                #expect(abs(Double(summary.mean[voxel * channels + c]) - mean[c]) < 1e-6)
            }
            #expect(abs(Double(summary.variance[voxel]) - variance) < 1e-6)
            #expect(abs(Double(summary.entropy[voxel]) - entropy(mean)) < 1e-5)
            #expect(abs(Double(summary.mutualInformation[voxel]) - information) < 1e-5)
        }
    }

    @Test func memoryDoesNotGrowWithThePasses() throws {
        let backend = try CPUBackend(threads: 1)
        let predictor = try predictor(description(), on: backend)
        let peaks = try [2, 3, 12].map { passes in
            backend.resetMemoryPeak()
            _ = try predictor.predict(scan, name: "scan", uncertainty: options(passes: passes)) { _, _ in }
            return backend.memory.peak
        }
        #expect(peaks[0] == peaks[1] && peaks[1] == peaks[2], "\(peaks)")
    }

    /// Keeping the layers before the first dropout, or recomputing them if memory is short, changes nothing.
    @Test func memoryThatIsShortChangesNothing() throws {
        let backend = try CPUBackend(threads: 1)
        var description = try description()
        description.roiSize = Triple(8)
        let predictor = try predictor(description, on: backend)
        _ = try predictor.predict(scan, name: "scan") { _, _ in }
        let enough = backend.memory.peak + 8192
        let wide = try predictor.predict(scan, name: "scan", uncertainty: options(passes: 3)) { _, _ in }
        let peak = backend.memory.peak
        backend.resetMemoryPeak()
        backend.memoryLimit = enough
        defer { backend.memoryLimit = nil }
        let tight = try predictor.predict(scan, name: "scan", uncertainty: options(passes: 3)) { _, _ in }
        #expect(backend.memory.peak <= enough && enough < peak)
        #expect(wide.map(.variance) == tight.map(.variance))
    }

    @Test func mirrorsAndModelsAreSamplesToo() throws {
        let backend = try CPUBackend(threads: 2)
        let steady = try description(dropout: 0)
        let (a, b) = (try predictor(steady, seed: 1, on: backend), try predictor(steady, seed: 2, on: backend))
        var seen: [Int] = []
        let mirrored = try a.predict(scan, name: "scan", uncertainty: options(passes: 0, mirrored: [0, 2])) { done, _ in
            seen.append(done)
        }
        #expect(mirrored.samples == 4 && seen == Array(1...seen.count))
        #expect(mirrored.map(.variance).contains { $0 > 0 })

        let both = try Ensemble([a, b]).predict(ScanImage(scan), name: "scan", uncertainty: options(passes: 0)) {
            _, _ in
        }
        #expect(both.samples == 2)
        let alone = try [a, b].map { try $0.predict(scan, name: "scan") { _, _ in }.values }
        for (index, mean) in both.prediction.values.enumerated() {
            #expect(abs(mean - (alone[0][index] + alone[1][index]) / 2) < 1e-6)
        }
    }

    /// A network that treats its axes alike gives each mirror image the mirrored output.
    @Test func mirroringIsUndone() throws {
        let backend = ReferenceBackend()
        let description = try description()
        let predictor = Predictor(
            network: ThresholdNetwork(on: backend, channels: 2), description: description, on: backend)
        var options = options(passes: 0, mirrored: [0, 1, 2])
        options.allowsZeroVariance = true
        let mean = try predictor.predict(scan, name: "scan", uncertainty: options) { _, _ in }
        let plain = try predictor.predict(scan, name: "scan") { _, _ in }
        #expect(mean.samples == 8)
        #expect(zip(mean.prediction.values, plain.values).allSatisfy { abs($0 - $1) < 1e-5 })
    }

    @Test func certaintyIsClaimedOnlyWhereTheNetworkLooked() throws {
        let backend = try CPUBackend(threads: 1)
        let uncertain = try predictor(description(), on: backend).predict(
            scan, name: "scan", uncertainty: options(passes: 2)
        ) { _, _ in }
        let validity = uncertain.validity()
        let size = scan.size
        func at(_ i: Int, _ j: Int, _ k: Int) -> Int { (i * size.h + j) * size.w + k }
        #expect(validity.count == size.count)
        // The box of the voxels brighter than 0 is that of the block of tissue.
        #expect(validity[at(0, 0, 0)] == 0 && validity[at(12, 8, 8)] == 1 && validity[at(12, 8, 17)] == 0)
        let variance = uncertain.map(.variance)
        #expect(zip(validity, variance).allSatisfy { $0 == 1 ? $1 > 0 : true })
        #expect(variance[at(0, 0, 0)] == 0)
    }

    @Test func whatCannotVaryIsRefused() throws {
        let backend = try CPUBackend(threads: 1)
        let steady = try predictor(description(dropout: 0), on: backend)
        let noDropout = try #require(throws: InferenceError.self) {
            try steady.predict(scan, name: "ct.nii", uncertainty: options(passes: 10)) { _, _ in }
        }
        #expect(noDropout.description.contains("no active dropout") && noDropout.description.contains("10 passes"))
        let alone = try #require(throws: InferenceError.self) {
            try steady.predict(scan, name: "ct.nii", uncertainty: options(passes: 0)) { _, _ in }
        }
        #expect(alone.description.contains("one sample"))
        let twins = try Ensemble([steady, steady])
        let same = try #require(throws: InferenceError.self) {
            try twins.predict(ScanImage(scan), name: "ct.nii", uncertainty: options(passes: 0)) { _, _ in }
        }
        #expect(same.description.contains("exactly 0") && same.description.hasPrefix("ct.nii"))
        var allowed = options(passes: 2)
        allowed.allowsZeroVariance = true
        let flat = try steady.predict(scan, name: "ct.nii", uncertainty: allowed) { _, _ in }
        #expect(flat.map(.variance).allSatisfy { $0 == 0 })
    }

    @Test func modelsOfAnEnsembleShareAGrid() throws {
        let backend = try CPUBackend(threads: 1)
        var other = try description()
        other.preprocessing = try Preprocessing(
            orientation: "RAS", pixdim: [2, 2, 2], intensity: nil, cropForeground: true)
        let models = [try predictor(description(), on: backend), try predictor(other, on: backend)]
        let error = try #require(throws: InferenceError.self) { try Ensemble(models) }
        #expect(error.description.contains("preprocessing"))
        let classes = [try predictor(description(), on: backend), try predictor(description(outputs: 3), on: backend)]
        #expect(throws: InferenceError.self) { try Ensemble(classes) }
    }
}
