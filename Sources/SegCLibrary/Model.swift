internal import CMedSeg
internal import Foundation
internal import MedSeg
internal import Synchronization

/// The object behind a `medseg_model`.
///
/// A backend computes one prediction at a time, therefore predictions of a model wait for each other.
final class Model {
    private let ensemble: Ensemble
    private let turn = NSLock()
    /// The thread that predicts; its progress function must not start a prediction that would wait for itself.
    private let predicting = Mutex<pthread_t?>(nil)
    let name: String

    init(_ path: String, _ options: medseg_options) throws {
        let precision = options.precision.map { String(cString: $0) } ?? "fp32"
        guard let precision = Precision(rawValue: precision) else {
            throw DataError(.badArgument, "precision", "should be fp32, tf32, bf16 or fp16, not '\(precision)'")
        }
        guard options.threads <= 1024 else {
            throw DataError(.badArgument, "threads", "should be at most 1024, not \(options.threads)")
        }
        let backend = try Devices.makeBackend(
            options.device.map { String(cString: $0) } ?? "auto",
            threads: options.threads == 0 ? nil : Int(options.threads), profiling: false, precision: precision)
        if options.memory_limit > 0 { backend.memoryLimit = Int(clamping: options.memory_limit) }
        ensemble = try Ensemble([Predictor.open(path, on: backend)])
        name = path
        try Segmenter(ensemble).checkRestores(for: "libmedseg")
        let description = ensemble.models[0].description
        // `medseg_result_map` returns bytes, but numbers of label maps go up to 65535.
        let large = (description.labelScheme.writtenNumbers ?? []).filter { $0 > UInt8.max }
        guard large.isEmpty else {
            throw DataError(
                .badData, description.network.source, key: "keep_numbers",
                "writes the label maps' own numbers, here \(large.map { "\($0)" }.joined(separator: ", ")), but the masks of libmedseg "
                    + "hold bytes, up to 255; use `medseg predict`, or leave the key out")
        }
    }

    /// The number of channels that a scan must have.
    var channels: Int { Segmenter(ensemble, uncertainty: nil).inputChannels }

    /// `medseg_model_description`.
    func description() throws -> String {
        let model = ensemble.models[0]
        guard case .object(var entries) = model.description.value else { return "{}" }
        entries["in_channels"] = .int(channels)
        entries["classes"] = .int(model.classes)
        entries["device"] = .string(Segmenter(ensemble, uncertainty: nil).device)
        entries["notes"] = .array(model.notes.map { .string($0) })
        return try ConfigValue.object(entries).jsonText()
    }

    func predict(_ scan: medseg_scan, _ request: medseg_request) throws -> Outcome {
        let name = scan.name.map { String(cString: $0) } ?? "the scan"
        let image = try ScanImage(scan, name: name)
        var segmenter = Segmenter(ensemble, uncertainty: UncertaintyOptions(request))
        // The caller may request the probability maps of the result later.
        segmenter.keepsPrediction = true
        try segmenter.postprocessing.add(request)
        let start = ContinuousClock.now
        guard predicting.withLock({ $0 }) != pthread_self() else {
            throw DataError(
                .badArgument, "medseg_predict",
                "was called by the progress function of a prediction of the same model, which "
                    + "would wait for itself; predict after it has ended")
        }
        let found = try turn.withLock {
            predicting.withLock { $0 = pthread_self() }
            defer { predicting.withLock { $0 = nil } }
            return try segmenter(image, name: name) { done, count in
                guard request.progress?(done, count, request.user) ?? 0 == 0 else { throw Cancelled() }
            }
        }
        let concerns = segmenter.concerns(about: image)
        return try Outcome(
            found, of: image, name: name, model: self.name, by: segmenter, concerns: concerns,
            seconds: (ContinuousClock.now - start) / .seconds(1))
    }
}

/// The error of a prediction that its progress function cancelled.
struct Cancelled: CodedError, CustomStringConvertible {
    let exitStatus = ExitStatus.interrupted
    let description = "the prediction was cancelled by its progress function"
}

extension Segmenter {
    /// The differences between the channels of an image and the models' training data.
    fileprivate func concerns(about image: ScanImage) -> [Concern] {
        let geometry = ScanGeometry(affine: image.affine, size: image.size)
        return image.channels.indices.reduce(into: []) { concerns, channel in
            concerns += self.concerns(about: image.volume(channel), geometry).filter { !concerns.contains($0) }
        }
    }
}

extension ScanImage {
    /// Copies the voxels of a scan.
    fileprivate init(_ scan: medseg_scan, name: String) throws {
        let extents = [scan.extents.0, scan.extents.1, scan.extents.2].map { Int(clamping: $0) }
        guard extents.allSatisfy({ (1...Limits.scanAxis).contains($0) }) else {
            throw DataError(
                .badArgument, name, "should have from 1 to \(Limits.scanAxis) voxels along each axis, not \(extents)")
        }
        guard (1...1 << 16).contains(scan.channels), let voxels = scan.voxels else {
            throw DataError(.badArgument, name, "should have at least one channel and the address of its voxels")
        }
        let affine = withUnsafeBytes(of: scan.affine) { Array($0.bindMemory(to: Double.self)) }
        if let fault = Affine(elements: affine).fault {
            throw DataError(.badArgument, name, "its affine \(fault)")
        }
        guard affine[12...] == [0, 0, 0, 1] else {
            throw DataError(.badArgument, name, "its affine should have 0 0 0 1 in the last row")
        }
        let size = Triple(extents)
        let (count, overflow) = size.count.multipliedReportingOverflow(by: Int(scan.channels))
        guard !overflow else { throw DataError(.tooLarge, name, "has more voxels than memory has addresses") }
        try FreeMemory.check(arrays: 4 * count, subject: name, for: "its copy", advice: "cut the scan, or free memory")
        let copies = (0..<Int(scan.channels)).map { channel in
            Array(UnsafeBufferPointer(start: voxels + channel * size.count, count: size.count))
        }
        self.init(Volume(voxels: copies[0], size: size, affine: Affine(elements: affine)))
        channels = copies
    }
}

extension UncertaintyOptions {
    /// The uncertainty options of a request; nil for one plain prediction.
    fileprivate init?(_ request: medseg_request) {
        guard request.passes > 0 || request.mirrored_axes != 0 else { return nil }
        self.init()
        passes = Int(request.passes)
        seed = request.seed
        mirroredAxes = Set((0..<32).filter { request.mirrored_axes & 1 << $0 != 0 })
    }
}

extension PostProcessing {
    fileprivate mutating func add(_ request: medseg_request) throws {
        guard request.minimum_volume_ml >= 0, request.minimum_volume_ml.isFinite else {
            throw DataError(
                .badArgument, "minimum_volume_ml", "should be at least 0 ml, not \(request.minimum_volume_ml)")
        }
        if request.largest_component != 0 { keepLargest() }
        if request.fill_holes != 0 { fillsHoles = true }
        if request.minimum_volume_ml > 0 { minimumVolumeML = request.minimum_volume_ml }
    }
}
