import Foundation
import SegBackend
import SegCPU
import SegCore
import SegImaging
import SegInference
import SegModels
import SegNN
import SegTensor
import SegTestNeeds
import Synchronization
import Testing

/// Masks that are made plane by plane while windows are computed, compared with masks that are made from the whole output.
@Suite struct MaskStreamTests {
    /// A grid, its windows, and the settings of the prediction.
    struct Case: CustomTestStringConvertible, Sendable {
        let size: Triple
        let window: Triple
        let overlap: WindowOverlap
        var mode = WindowPlan.Blending.gaussian
        var pixdim: [Double]?
        var mirrors: [Int] = []
        var affine = flipped
        var channels = 3

        var testDescription: String { "\(size) by \(window), \(overlap), \(mode), \(channels) channels" }

        static let all = [
            Case(size: Triple(21, 13, 26), window: Triple(12), overlap: 0.5),
            Case(
                size: Triple(21, 13, 26), window: Triple(12, 8, 16), overlap: WindowOverlap(0.5, 0, 0.75),
                mirrors: [0, 2]),
            Case(size: Triple(33, 9, 14), window: Triple(8), overlap: 0.9, mode: .constant, affine: .identity),
            Case(size: Triple(30, 22, 7), window: Triple(8), overlap: 0.5, mode: .nnUNet, pixdim: [1.3, 2.2, 1.7]),
            Case(
                size: Triple(19, 25, 31), window: Triple(16, 8, 8), overlap: 0.25, pixdim: [3.1, 1.4, 1.1],
                mirrors: [1], channels: 1),
            Case(size: Triple(6, 40, 5), window: Triple(12, 8, 12), overlap: 0.5, mode: .nnUNet, affine: turned),
            Case(size: Triple(17, 18, 19), window: Triple(20), overlap: 0.5, affine: turned, channels: 2),
            Case(size: Triple(20, 16, 18), window: Triple(8), overlap: 0.5, pixdim: [1.5, 1.5, 1.5], affine: askew),
        ]

        private static let flipped = Affine(elements: [0, 0, -1.5, 40, -2, 0, 0, 30, 0, 3, 0, -20, 0, 0, 0, 1])
        private static let turned = Affine(elements: [0, 2, 0, 1, 0, 0, 1.2, 5, -1.7, 0, 0, 9, 0, 0, 0, 1])
        private static let askew = Affine(
            elements: [1.9, 0.4, 0, 0, -0.4, 1.9, 0.1, 0, 0, -0.1, 2, 0, 0, 0, 0, 1])
    }

    private func predictor(_ item: Case, _ restoration: MaskPlan.Restoration, on backend: any Backend) throws
        -> Predictor
    {
        var description = ModelDescription(
            network: NetworkDefinition(
                [
                    "_target_": "UNet", "spatial_dims": 3, "in_channels": 1,
                    "out_channels": .int(item.channels), "channels": [4, 8], "strides": [2],
                ], source: "model.json"),
            preprocessing: try Preprocessing(
                orientation: "RAS", pixdim: item.pixdim,
                intensity: ScaleIntensityRange(aMin: 0, aMax: 100, bMin: 0, bMax: 1, clip: true),
                cropForeground: true),
            roiSize: item.window, overlap: item.overlap, mode: item.mode, labels: [:])
        description.maskPlan.restoration = restoration
        description.mirrorAxes = item.mirrors
        let network = try description.makeNetwork(on: backend, seed: 5)
        return Predictor(network: network, description: description, on: backend)
    }

    /// Noise with a border of 0, which the crop to the foreground removes.
    private func scan(_ item: Case) -> Volume {
        var scan = Volume(voxels: [Float](repeating: 0, count: item.size.count), size: item.size, affine: item.affine)
        for i in 1..<item.size.d - 1 {
            for j in 1..<item.size.h - 1 {
                for k in 1..<item.size.w - 1 {
                    scan[i, j, k] = Float(
                        Philox4x32.words(counter: (UInt32(i), UInt32(j), UInt32(k), 0), key: (7, 1)).0 % 101)
                }
            }
        }
        return scan
    }

    /// The sums of a slab of planes equal the sums of the whole volume, bit for bit.
    @Test(arguments: Case.all) func planesAreThoseOfTheWhole(_ item: Case) throws {
        let backend = try CPUBackend(threads: 2)
        var plain = item
        plain.mirrors = []
        let predictor = try predictor(plain, .logits, on: backend)
        let scan = scan(item)
        let prediction = try predictor.predict(scan, name: "scan") { _, _ in }
        let prepared = try predictor.description.preprocessing(scan, name: "scan").image
        let image = try Tensor(
            prepared.interleaved, shape: Shape(batch: 1, size: prepared.size, channels: 1), on: backend)
        let whole = try SlidingWindow(window: item.window, overlap: item.overlap, blending: item.mode)(
            image, progress: { _, _ in }
        ) { try predictor.network($0, in: .inference) }
        #expect(whole.shape == Shape(prepared.size.array + [item.channels]))
        #expect(try whole.floats() == prediction.values)
    }

    /// The mask that is made plane by plane equals the mask of the kept outputs, and equals their largest channels.
    @Test(arguments: Case.all, [MaskPlan.Restoration.trilinear, .logits, .nearest, .none])
    func masksAreThoseOfTheWhole(_ item: Case, _ restoration: MaskPlan.Restoration) throws {
        let predictor = try predictor(item, restoration, on: CPUBackend(threads: 2))
        var segmenter = Segmenter(try Ensemble([predictor]))
        let scan = scan(item)
        let streamed = try segmenter(scan, name: "scan")
        #expect(streamed.prediction == nil)
        segmenter.keepsPrediction = true
        let kept = try segmenter(scan, name: "scan")
        #expect(streamed.mask == kept.mask && streamed.size == kept.size && streamed.affine == kept.affine)
        #expect(streamed.uncertaintyScore == kept.uncertaintyScore)
        guard item.channels > 1, restoration == .trilinear || restoration == .logits else { return }
        let prediction = try #require(kept.prediction)
        let values = prediction.record.restore(prediction.values, channels: item.channels)
        let largest = (0..<item.size.count).map { voxel -> UInt8 in
            let own = values[voxel * item.channels..<(voxel + 1) * item.channels]
            let best = own.indices.reduce(own.startIndex) { own[$1] > own[$0] ? $1 : $0 }
            return UInt8(best - own.startIndex)
        }
        #expect(streamed.mask == largest)
        #expect(Set(largest).count > 1)
    }

    /// Each region is streamed separately.
    @Test func regionsAreThoseOfTheWhole() throws {
        var predictor = try predictor(Case.all[3], .trilinear, on: CPUBackend(threads: 2))
        var description = predictor.description
        (description.maskPlan.isRegions, description.maskPlan.probabilities) = (true, .sigmoid)
        description.maskPlan.threshold = 0.45
        predictor = Predictor(network: predictor.network, description: description, on: try CPUBackend(threads: 1))
        var segmenter = Segmenter(try Ensemble([predictor]))
        let streamed = try segmenter(scan(Case.all[3]), name: "scan")
        segmenter.keepsPrediction = true
        let kept = try segmenter(scan(Case.all[3]), name: "scan")
        let prediction = try #require(kept.prediction)
        for channel in 0..<3 {
            #expect(streamed.maps[channel] == prediction.probability(of: channel).map { $0 >= 0.45 ? 1 : 0 })
        }
        #expect(streamed.maps == kept.maps && Set(streamed.maps.joined()).count == 2)
    }
}

/// The memory plan, and the behaviour if there is too little memory.
@Suite(.serialized) struct MemoryPlanTests {
    private final class Told: Sendable {
        let plans = Mutex<[MemoryPlan]>([])
        var last: MemoryPlan? { plans.withLock { $0.last } }
    }

    private struct Stop: Error {}

    /// A model whose sums need 36 MB. In its plans the process's memory is a fixed number and the backend's pooled memory.
    private func segmenter() throws -> Segmenter { try segmenter(inputs: 1, outputs: 64, window: 16) }

    private func segmenter(inputs: Int, outputs: Int, window: Int) throws -> Segmenter {
        let description = ModelDescription(
            network: NetworkDefinition(
                [
                    "_target_": "UNet", "spatial_dims": 3, "in_channels": .int(inputs), "out_channels": .int(outputs),
                    "channels": [4, 8], "strides": [2],
                ], source: "model.json"),
            preprocessing: Preprocessing([]), roiSize: Triple(window), overlap: 0.5, mode: .gaussian)
        let backend = try CPUBackend(threads: 2)
        let network = try description.makeNetwork(on: backend, seed: 1)
        var segmenter = Segmenter(try Ensemble([Predictor(network: network, description: description, on: backend)]))
        segmenter.memory.resident = { (256 << 20) + backend.memory.pooled }
        return segmenter
    }

    /// Keeps the plans that a segmenter announces.
    private func listen(to segmenter: inout Segmenter) -> Told {
        let told = Told()
        segmenter.memory.announce = { plan in told.plans.withLock { $0.append(plan) } }
        return told
    }

    private let scan: Volume = {
        let size = Triple(40, 96, 96)
        let voxels = (0..<size.count).map {
            Float(Philox4x32.words(counter: (UInt32($0), 0, 0, 0), key: (3, 4)).0 >> 8) * 0x1p-24
        }
        return Volume(voxels: voxels, size: size, affine: .identity)
    }()

    /// Sums of windows that do not fit into memory are kept in a file, and the mask is the same.
    @Test func sumsInAFileGiveTheSameMask() throws {
        var segmenter = try segmenter()
        let told = listen(to: &segmenter)
        let held = try segmenter(scan, name: "scan")
        let plan = try #require(told.last)
        let sums = 4 * 16 * 96 * 96 * 65
        #expect(plan.scratch == 0 && plan.rows.contains { $0.bytes == sums && $0.name.contains("16 planes") })
        segmenter.memory.limit = plan.needed - sums / 2
        let spilled = try segmenter(scan, name: "scan")
        let other = try #require(told.last)
        #expect(other.scratch == 4 * 16 * 96 * 96 * 64 && other.planned < plan.planned - sums / 2)
        #expect(spilled.mask == held.mask && Set(held.mask).count > 2)
        #expect(spilled.uncertaintyScore == held.uncertaintyScore)
    }

    /// A limit that is too small for any plan is refused before a window is computed, with the memory that is needed; an error
    /// of `announce` ends the prediction there.
    @Test func whatDoesNotFitIsRefusedBeforeTheFirstWindow() throws {
        var segmenter = try segmenter()
        segmenter.memory.limit = 1 << 20
        var windows = 0
        let error = try #require(throws: DataError.self) { try segmenter(scan, name: "ct") { _, _ in windows += 1 } }
        #expect(error.kind == .tooLarge && error.subject == "ct" && error.message.contains("--max-memory"))
        segmenter.memory.limit = nil
        let told = Told()
        segmenter.memory.announce = { plan in
            told.plans.withLock { $0.append(plan) }
            throw Stop()
        }
        #expect(throws: Stop.self) { try segmenter(scan, name: "ct") { _, _ in windows += 1 } }
        #expect(windows == 0)
        let table = try #require(told.plans.withLock { $0.first }).description
        #expect(table.contains("network, one window") && table.contains("planned peak"))
    }

    /// A disk that is too small for the file is refused before the first window.
    @Test(.enabled(if: SmallDisk.isAllowed, "a file system can only be mounted as root"))
    func aFileThatDoesNotFitIsRefusedBeforeTheFirstWindow() throws {
        let disk = try SmallDisk(options: "size=1m")
        var segmenter = try segmenter()
        let told = listen(to: &segmenter)
        segmenter.memory.begin = { throw Stop() }
        #expect(throws: Stop.self) { try segmenter(scan, name: "ct") }
        segmenter.memory.begin = nil
        let plan = try #require(told.last)
        segmenter.memory.limit = plan.needed - 4 * 16 * 96 * 96 * 65 / 2
        segmenter.memory.scratch = disk.path
        var windows = 0
        let error = try #require(throws: DataError.self) { try segmenter(scan, name: "ct") { _, _ in windows += 1 } }
        #expect(error.subject == disk.path && error.message.contains("a temporary file of 36 MiB"), "\(error)")
        #expect(windows == 0)
    }

    /// Four channels are in memory three times before the first window, which a small network with few planes does not exceed.
    @Test func copiesOfSeveralChannelsArePlanned() throws {
        var segmenter = try segmenter(inputs: 4, outputs: 2, window: 8)
        let told = listen(to: &segmenter)
        segmenter.memory.begin = { throw Stop() }
        let size = Triple(320, 96, 96)
        let channel = [Float](repeating: 1, count: size.count)
        var image = ScanImage(Volume(voxels: channel, size: size, affine: .identity))
        image.channels = [channel, channel, channel, channel]
        #expect(throws: Stop.self) { try segmenter(image, name: "ct") }
        let plan = try #require(told.last)
        #expect(plan.planned == plan.copying && plan.copying > 2 * 4 * 4 * size.count)
        #expect(plan.needed == plan.planned + plan.planned / 20)
        #expect(plan.description.contains("copies of the channels"))
    }

    /// A plan beyond the limit is announced and then refused; `begin` is called only for a plan within the limit.
    @Test func aPlanBeyondTheLimitIsAnnouncedAndRefused() throws {
        var segmenter = try segmenter()
        // The outputs of 64 channels on the whole grid need 94 MB, which no file replaces.
        segmenter.keepsPrediction = true
        let told = listen(to: &segmenter)
        segmenter.memory.begin = { throw Stop() }
        #expect(throws: Stop.self) { try segmenter(scan, name: "ct") }
        let plan = try #require(told.last)
        segmenter.memory.limit = plan.needed - (72 << 20)
        let error = try #require(throws: DataError.self) { try segmenter(scan, name: "ct") }
        #expect(error.kind == .tooLarge && error.message.contains("predicting it needs"), "\(error)")
        #expect(told.plans.withLock { $0.count } == 2)
    }

    /// The plan equals the backend's memory, except for the memory that convolutions need in addition to activations.
    @Test func tensorsTakeWhatIsPlanned() throws {
        var segmenter = try segmenter()
        let told = listen(to: &segmenter)
        let backend = segmenter.ensemble.models[0].network.store.backend
        let weights = backend.memory.live
        backend.resetMemoryPeak()
        _ = try segmenter(scan, name: "ct")
        let plan = try #require(told.last)
        let names = ["image", "sums", "network"]
        let tensors = plan.rows.filter { row in names.contains { row.name.hasPrefix($0) } }.reduce(0) { $0 + $1.bytes }
        let measured = backend.memory.peak - weights
        #expect(abs(Double(tensors - measured)) < 0.05 * Double(measured), "planned \(tensors), measured \(measured)")
    }
}
