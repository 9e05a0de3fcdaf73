internal import Foundation
internal import HTTPTypes
internal import SegBackend
internal import SegCore
internal import SegData
internal import SegImaging
internal import SegInference

/// The device and the models on it. All computations run on one thread of this actor, one job after another.
actor Engine {
    private let thread = SerialThread("medseg.engine")
    private let backend: any Backend
    private let scratch: Scratch
    private let limits: ServerLimits
    private var predictors: PredictorCache

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// The device and its backend, on one line.
    nonisolated let device: String

    init(backend: any Backend, scratch: Scratch, limits: ServerLimits) {
        self.backend = backend
        self.scratch = scratch
        self.limits = limits
        device = backend.details
        predictors = PredictorCache(limit: limits.modelBytes)
    }

    /// Runs a job and writes its results to its folder.
    /// - Throws: `CancellationError` if the job was cancelled; `Refusal` if the job took too long; errors of the scan, the
    ///   model and the backend.
    func run(_ job: Job) throws {
        let start = Date()
        job.update { state in
            state.phase = .running
            state.started = start
        }
        try job.report("loading the model", 0)
        let predictor = try predictors.predictor(of: job.model, on: backend)
        try checkGrid(job)
        try job.report("reading the scan", 0)
        let (image, geometries) = try CaseChannels.read(job.scan.channels)
        var segmenter = try Segmenter(Ensemble([predictor]), uncertainty: job.options.samples)
        try segmenter.checkRestores(for: "the server")
        try segmenter.checkClasses(for: "the server")
        segmenter.postprocessing = job.options.postProcessing(of: job.model)
        segmenter.keepsPrediction = job.options.probabilities
        segmenter.memory.scratch = scratch.folder
        // Errors say "the scan": a path would reveal the server's folders, and a client's file name may identify a patient.
        let segmentation = try segmenter(image, name: "the scan") { done, count in
            try job.report("window \(done) of \(count)", 0.9 * Double(done) / Double(count))
        }
        try job.report("writing results", 0.95)
        let results = JobResults(job: job, scan: image.volume(0), geometry: geometries[0])
        try results.write(segmentation, by: segmenter, start: start)
        let bytes = results.bytesOnDisk
        try scratch.budget.reserve(bytes)
        job.update { $0.bytes = bytes }
    }

    /// Refuses a scan whose header makes the model's grid larger than allowed, along an axis or in total.
    private func checkGrid(_ job: Job) throws {
        let facts = job.scan.facts
        let size = try job.model.description.preprocessing.destinationSize(
            of: Triple(facts.size[0], facts.size[1], facts.size[2]), at: Affine(elements: facts.affine.flatMap { $0 }),
            name: "the scan")
        let channels = job.scan.channels.count
        guard size.count <= limits.voxels / channels else {
            throw Refusal(
                .contentTooLarge,
                "at the model's spacing the scan would have \(size) voxels\(channels > 1 ? " in each channel" : ""); this "
                    + "server computes \(limits.voxels) at most. The voxel sizes in its header may be wrong")
        }
    }
}
