import Foundation
public import SegBackend
internal import SegCore

extension OpenCLBackend: TunableBackend {
    /// Whether a search is on. Whenever a size occurs for the first time in a search, every plan is timed for it.
    public var isTuning: Bool {
        get { tuning.isSearching }
        set { tuning.isSearching = newValue }
    }

    /// The plans that were found or read.
    public var tunedPlans: [String: String] { tuning.plans.mapValues(\.description) }

    /// Writes the plans to the user's cache folder, or to the file in `MEDSEG_TUNING`.
    public func saveTuning() throws -> String {
        if let warning = tuning.warning {
            throw BackendError.failed(
                backend: name, operation: "writing the tuning file",
                reason: "\(warning); remove that file, or set MEDSEG_TUNING to another file")
        }
        do {
            return try tuning.save()
        } catch {
            let reason = (error as? DataError)?.message ?? error.localizedDescription
            throw BackendError.failed(
                backend: name, operation: "writing the tuning file \(tuning.file?.path ?? "")",
                reason: "\(reason); set MEDSEG_CACHE to a writable folder")
        }
    }

    /// The plan of an op: the forced plan, the tuned plan, during a search the fastest plan, or else the default plan.
    /// - Parameters:
    ///   - candidates: The plans that a search tries; it skips plans that the device cannot run.
    ///   - attempt: Computes the op with a plan; the results are not used.
    func plan(
        for key: @autoclosure () -> String, usual: Conv3dPlan, candidates: [Conv3dPlan],
        attempt: (Conv3dPlan) throws -> Void
    ) throws -> Conv3dPlan {
        guard forcedPlan == nil, tuning.isSearching || !tuning.plans.isEmpty else { return usual }
        let key = key()
        if let known = tuning.plans[key] { return known }
        guard tuning.isSearching else { return usual }
        var best = (plan: usual, seconds: try bestOf(3) { try attempt(usual) })
        for plan in candidates where plan != usual && plan.fits(device, matrixUnits) {
            // A plan that the device refuses is skipped.
            guard let first = try? bestOf(1, { try attempt(plan) }), first < 2 * best.seconds,
                let seconds = try? bestOf(2, { try attempt(plan) }), seconds < best.seconds
            else { continue }
            best = (plan, seconds)
        }
        tuning.keep(best.plan, for: key)
        return best.plan
    }

    /// A plan that the device can run: for tiles, the tile itself or the largest one within it that fits, and `direct`
    /// if none fits.
    func fitting(_ plan: Conv3dPlan) -> Conv3dPlan {
        guard case .gemm(let tile) = plan else { return plan }
        return largestTile(within: tile).map { .gemm($0) } ?? .direct
    }

    /// The tile itself if the device can run it, else the largest candidate that has no more rows and columns; nil if
    /// none fits.
    func largestTile(within tile: GemmTile) -> GemmTile? {
        func runs(_ tile: GemmTile) -> Bool { Conv3dPlan.gemm(tile).fits(device, matrixUnits) }
        if runs(tile) { return tile }
        return GemmTile.candidates.filter { $0.rows <= tile.rows && $0.columns <= tile.columns && runs($0) }
            .max { $0.rows * $0.columns < $1.rows * $1.columns }
    }

    /// The plans that a search for a convolution tries; local memory does not help a device that is a CPU.
    var convolutionCandidates: [Conv3dPlan] {
        Conv3dPlan.all.filter { plan in
            switch plan {
            case .direct: true
            case .vector: !device.isGPU
            case .gemm: device.isGPU
            case .winograd: false
            }
        }
    }
}
