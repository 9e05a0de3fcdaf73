internal import SegBackend
internal import SegCore
internal import SegImaging
internal import SegModels
internal import SegNN

// The memory that a prediction needs.
extension Predictor {
    /// Refuses a scan whose preprocessing exceeds the limit.
    /// - Throws: `DataError` of the kind `tooLarge` naming the scan.
    func checkPreparation(of scan: ScanImage, name: String, _ budget: MemoryBudget) throws {
        guard let limit = budget.limit else { return }
        let need = budget.resident() + (try description.preprocessing.bytes(toPrepare: scan, name: name))
        guard need <= limit else {
            throw Self.refusal(name, "preparing it for the network needs", need, limit)
        }
    }

    /// Plans the memory of a mask, calls `announce` with the plan, decides whether the sums of windows are kept in a file, and
    /// calls `begin` if the plan is within the limit.
    /// - Parameters:
    ///   - keepsPrediction: Whether the values of all classes are kept on the network's grid.
    ///   - cleans: Whether the mask is postprocessed afterwards.
    /// - Returns: The folder of the file for the sums of windows; nil if the sums fit into memory.
    /// - Throws: `DataError` of the kind `tooLarge` naming the scan; the errors of `announce` and `begin`.
    func plan(
        _ prepared: Preprocessing.Prepared, keepsPrediction: Bool, cleans: Bool, name: String, _ budget: MemoryBudget
    ) throws -> String? {
        let resident = budget.resident()
        func planned(spills: Bool) -> MemoryPlan {
            memoryPlan(prepared, resident, keepsPrediction: keepsPrediction, cleans: cleans, spills: spills)
        }
        var plan = planned(spills: false)
        let room = min(budget.limit ?? .max, resident + FreeMemory.physical / 10 * 9)
        var scratch: String?
        if plan.needed > room, backend.usesHostMemory {
            plan = planned(spills: true)
            scratch = budget.scratch
        }
        try budget.announce?(plan)
        if let limit = budget.limit, plan.needed > limit {
            throw Self.refusal(name, "predicting it needs", plan.needed, limit)
        }
        try FreeMemory.check(
            arrays: max(0, plan.needed - resident), subject: name,
            for: "predicting \(network.outputChannels) channels of \(prepared.image.size) voxels",
            advice: "check the spacing in its header, cut the scan, or free memory")
        try budget.begin?()
        return scratch
    }

    private static func refusal(_ name: String, _ what: String, _ need: Int, _ limit: Int) -> DataError {
        DataError(
            .tooLarge, name,
            "\(what) \(MemoryPlan.text(need)) of memory at its peak, but only \(MemoryPlan.text(limit)) are allowed; allow "
                + "\(MemoryPlan.text(need)) (--max-memory), or cut the scan to the region of interest")
    }

    private func memoryPlan(
        _ prepared: Preprocessing.Prepared, _ resident: Int, keepsPrediction: Bool, cleans: Bool, spills: Bool
    ) -> MemoryPlan {
        let (scan, size) = (prepared.record.scanSize, padded(prepared.image.size))
        let channels = network.outputChannels
        let window = description.roiSize ?? size
        let held = min(window.d, size.d) * size.h * size.w
        let plane = size.h * size.w
        // The planes that are copied from the device, the planes that voxels of the scan still need, and a copy while planes
        // are joined.
        let planes = 3 * max(Self.chunk, plane * channels)
        let plan = description.maskPlan
        let gathers = MaskStream.gathers(plan, prepared.record)
        let whole = channels * size.count * (gathers || keepsPrediction ? 1 : 0)
        let between = channels * prepared.record.largestBetween
        let maps = plan.isRegions ? channels : 1
        let image = prepared.image.channels.count * prepared.image.size.count
        let sums = spills ? held + 2 * window.h * window.w * channels : held * (channels + 1)
        // Memory that the pool kept from an earlier scan is used again for this one.
        let present = max(0, resident - 4 * image - (backend.usesHostMemory ? backend.memory.pooled : 0))
        var rows: [MemoryPlan.Row] = []
        func add(_ name: String, _ bytes: Int, isTensor: Bool = false) {
            guard bytes > 0 else { return }
            rows.append(MemoryPlan.Row(name: name, bytes: bytes, isOnDevice: isTensor && !backend.usesHostMemory))
        }
        add("program, weights and scan", present)
        add("image on the network's grid", 4 * size.count * network.inputChannels, isTensor: true)
        add("sums of windows, \(min(window.d, size.d)) planes", 4 * sums, isTensor: true)
        add("network, one window", windowBytes(window), isTensor: true)
        add("planes between the network's and the scan's grid", 4 * planes)
        add("outputs of all channels", 4 * (whole + between))
        // When the mask is written, a second map with 16-bit numbers of label maps is made from it.
        let numbers = description.labelScheme.writtenNumbers == nil ? 0 : 2
        add("mask", ((maps > 1 ? 2 * maps : 1) + numbers) * scan.count)
        // Several channels are in memory three times: as they were prepared, interleaved, and as the network's input.
        let inputs = 4 * size.count * network.inputChannels
        let copying =
            network.inputChannels > 1 ? present + image * 4 + inputs * (backend.usesHostMemory ? 2 : 1) : 0
        return MemoryPlan(
            rows: rows, reached: ProcessMemory.peak, cleaning: cleans ? 8 * scan.count : 0, copying: copying,
            scratch: spills ? 4 * channels * held : 0)
    }

    /// The number of bytes of the tensors for one window: the peak of the activations, and the tensors that mirroring and folds
    /// add.
    private func windowBytes(_ window: Triple) -> Int {
        let averages = (folds.count + 1) << description.mirrorAxes.count > 1
        let copies = averages ? network.inputChannels + network.outputChannels : 0
        // Per voxel: the flipped input and the sum of the outputs (`copies`), and one blending weight.
        let beside = 4 * window.count * (copies + 1)
        let activations = (try? description.network.inferenceBytes(size: window)) ?? 0
        return activations + beside + (backend.usesHostMemory ? convolutionBytes : 0)
    }

    /// The number of bytes that the CPU's convolutions need in addition to activations: the weights of the largest convolution,
    /// transformed for Winograd's F(4, 3), which makes 216 numbers from 27.
    private var convolutionBytes: Int {
        let kernels = network.store.parameters.map(\.shape).filter { $0.dimensions.suffix(3) == [3, 3, 3] }
        return 8 * 4 * (kernels.map(\.count).max() ?? 0)
    }
}
