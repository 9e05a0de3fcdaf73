import Foundation
public import SegBackend
internal import SegCore

extension OpenCLBackend: TunableBackend {
    /// Whether sizes not met since it was set are searched for.
    public var isTuning: Bool {
        get { tuning.isSearching }
        set { tuning.isSearching = newValue }
    }

    /// Found or read.
    public var tunedPlans: [String: String] { tuning.plans.mapValues(\.description) }

    /// Into the user's cache folder.
    public func saveTuning() throws -> String {
        if let warning = tuning.warning {
            throw BackendError.failed(
                backend: name, operation: "writing the tuning file",
                reason: "\(warning); remove that file, or let MEDSEG_TUNING name another")
        }
        do {
            return try tuning.save()
        } catch {
            let reason = (error as? DataError)?.message ?? error.localizedDescription
            throw BackendError.failed(
                backend: name, operation: "writing the tuning file \(tuning.file?.path ?? "")",
                reason: "\(reason); set MEDSEG_CACHE to a folder that can be written")
        }
    }

    /// The plan of an op: the forced one, the tuned one, or where a search is on the fastest, else the usual one.
    /// - Parameters:
    ///   - candidates: What a search tries; those that the device cannot run are left out.
    ///   - attempt: Computes the op by a plan into memory that nobody reads.
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
            // A plan that a device refuses is not its fastest.
            guard let first = try? bestOf(1, { try attempt(plan) }), first < 2 * best.seconds,
                let seconds = try? bestOf(2, { try attempt(plan) }), seconds < best.seconds
            else { continue }
            best = (plan, seconds)
        }
        tuning.keep(best.plan, for: key)
        return best.plan
    }

    /// A plan that the device can run: tiles as they are, else the largest that fit within them, else none.
    func fitting(_ plan: Conv3dPlan) -> Conv3dPlan {
        guard case .gemm(let tile) = plan else { return plan }
        return largestTile(within: tile).map { .gemm($0) } ?? .direct
    }

    /// The tile itself where the device can run it, else the largest candidate of no more rows and columns.
    func largestTile(within tile: GemmTile) -> GemmTile? {
        func runs(_ tile: GemmTile) -> Bool { Conv3dPlan.gemm(tile).fits(device, matrixUnits) }
        if runs(tile) { return tile }
        return GemmTile.candidates.filter { $0.rows <= tile.rows && $0.columns <= tile.columns && runs($0) }
            .max { $0.rows * $0.columns < $1.rows * $1.columns }
    }

    /// What a search for a convolution tries: a device that is a CPU gains nothing from local memory.
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
