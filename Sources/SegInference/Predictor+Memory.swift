internal import SegBackend
internal import SegCore
internal import SegImaging
internal import SegModels
internal import SegNN

// What a prediction takes of memory.
extension Predictor {
    /// Refuses a scan whose preparation a limit does not hold.
    /// - Throws: `DataError` of the kind `tooLarge` naming the scan.
    func checkPreparation(of scan: ScanImage, name: String, _ budget: MemoryBudget) throws {
        guard let limit = budget.limit else { return }
        let need = ProcessMemory.resident + (try description.preprocessing.bytes(toPrepare: scan, name: name))
        guard need <= limit else {
            throw Self.refusal(name, "preparing it for the network takes", need, limit)
        }
    }

    /// Plans the memory of a mask, tells it, and says where sums of windows are held.
    /// - Parameters:
    ///   - keepsPrediction: Whether the values of all classes are kept on the network's grid.
    ///   - cleans: Whether the mask is post-processed afterwards.
    /// - Returns: The folder of the file that holds the sums of windows; nil where memory does.
    /// - Throws: `DataError` of the kind `tooLarge` naming the scan; what `announce` throws.
    func plan(
        _ prepared: Preprocessing.Prepared, keepsPrediction: Bool, cleans: Bool, name: String, _ budget: MemoryBudget
    ) throws -> String? {
        var plan = memoryPlan(prepared, keepsPrediction: keepsPrediction, cleans: cleans, spills: false)
        let resident = ProcessMemory.resident
        let room = min(budget.limit ?? .max, resident + FreeMemory.physical / 10 * 9)
        var scratch: String?
        if plan.planned > room, isOnHost {
            plan = memoryPlan(prepared, keepsPrediction: keepsPrediction, cleans: cleans, spills: true)
            scratch = budget.scratch
        }
        try budget.announce?(plan)
        if let limit = budget.limit, plan.planned > limit {
            throw Self.refusal(name, "predicting it takes", plan.planned, limit)
        }
        try FreeMemory.check(
            arrays: max(0, plan.planned - resident), subject: name,
            for: "predicting \(network.outputChannels) channels of \(prepared.image.size) voxels",
            advice: "check the spacing in its header, cut the scan, or free memory")
        return scratch
    }

    private static func refusal(_ name: String, _ what: String, _ need: Int, _ limit: Int) -> DataError {
        DataError(
            .tooLarge, name,
            "\(what) \(MemoryPlan.text(need)) of memory at its peak, and \(MemoryPlan.text(limit)) are allowed; allow "
                + "\(MemoryPlan.text(need)) (--max-memory), or cut the scan to what is looked for")
    }

    /// Whether tensors lie in the process's own memory; other devices keep to the limit of their own.
    private var isOnHost: Bool { backend.name == "cpu" || backend.name == "reference" }

    private func memoryPlan(
        _ prepared: Preprocessing.Prepared, keepsPrediction: Bool, cleans: Bool, spills: Bool
    ) -> MemoryPlan {
        let (scan, size) = (prepared.record.scanSize, padded(prepared.image.size))
        let channels = network.outputChannels
        let window = description.roiSize ?? size
        let held = min(window.d, size.d) * size.h * size.w
        let plane = size.h * size.w
        // Planes that come to the host, those that voxels of the scan wait for, and a copy while they are joined.
        let planes = 3 * max(Self.chunk, plane * channels)
        let plan = description.maskPlan
        let gathers = MaskStream.gathers(plan, prepared.record)
        let whole = channels * size.count * (gathers || keepsPrediction ? 1 : 0)
        let between = channels * prepared.record.largestBetween
        let maps = plan.isRegions ? channels : 1
        let image = prepared.image.channels.count * prepared.image.size.count
        let sums = spills ? held + 2 * window.h * window.w * channels : held * (channels + 1)
        // What the pool kept of an earlier scan serves this one.
        let present = max(0, ProcessMemory.resident - 4 * image - (isOnHost ? backend.memory.pooled : 0))
        var rows: [MemoryPlan.Row] = []
        func add(_ name: String, _ bytes: Int, isTensor: Bool = false) {
            guard bytes > 0 else { return }
            rows.append(MemoryPlan.Row(name: name, bytes: bytes, isOnDevice: isTensor && !isOnHost))
        }
        add("program, weights and scan", present)
        add("image on the network's grid", 4 * size.count * network.inputChannels, isTensor: true)
        add("sums of windows, \(min(window.d, size.d)) planes", 4 * sums, isTensor: true)
        add("network, one window", windowBytes(window), isTensor: true)
        add("planes on their way to the scan", 4 * planes)
        add("outputs of all channels", 4 * (whole + between))
        add("mask", (maps > 1 ? 2 * maps : 1) * scan.count)
        return MemoryPlan(
            rows: rows, reached: ProcessMemory.peak, cleaning: cleans ? 8 * scan.count : 0,
            scratch: spills ? 4 * channels * held : 0)
    }

    /// Bytes of the tensors that a window is computed with: activations at their peak, and what mirror images and folds add.
    private func windowBytes(_ window: Triple) -> Int {
        let averages = (folds.count + 1) << description.mirrorAxes.count > 1
        let copies = averages ? network.inputChannels + network.outputChannels : 0
        // The window's weights, and its part that lies on the image.
        let beside = 4 * window.count * (copies + 1)
        let activations = (try? description.network.inferenceBytes(size: window)) ?? 0
        return activations + beside + (isOnHost ? convolutionBytes : 0)
    }

    /// Bytes that the CPU's convolutions take beside activations: the weights of the largest one, transformed for Winograd's
    /// F(4, 3), 216 numbers for 27.
    private var convolutionBytes: Int {
        let kernels = network.store.parameters.map(\.shape).filter { $0.dimensions.suffix(3) == [3, 3, 3] }
        return 8 * 4 * (kernels.map(\.count).max() ?? 0)
    }
}
