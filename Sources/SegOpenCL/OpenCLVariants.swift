internal import SegBackend
internal import Synchronization

/// One way for all convolutions, as tests and `--force` have it.
package enum ForcedPlan: Hashable, Sendable {
    /// An algorithm with its usual sizes.
    case algorithm(OpenCLConv3dAlgorithm)
    /// The candidate of a number in the tuner's list of tiles, for products too.
    case tile(Int)
    /// Winograd's algorithm with that many outputs a tile and axis, where it can be taken; the usual plan elsewhere.
    case winograd(Int)

    /// Tiles that a tuner may choose.
    package static let tiles: Range<Int> = 0..<GemmTile.candidates.count

    /// Sizes of Winograd's algorithm that a tuner may choose.
    package static let winogradSizes: [Int] = Conv3dPlan.winogradSizes

    /// Every one by its name.
    static let named: [(name: String, plan: ForcedPlan)] =
        OpenCLConv3dAlgorithm.allCases.map { ("\($0)", .algorithm($0)) }
        + winogradSizes.map { ("\(Conv3dPlan.winograd($0))", .winograd($0)) }
        + tiles.map { ("\(Conv3dPlan.gemm(GemmTile.candidates[$0]))", .tile($0)) }
}

/// What is computed in another way than usual: a plan for all convolutions, and reductions by sub-groups.
final class OpenCLVariants: Sendable {
    private struct State {
        var forced: ForcedPlan?
        var subGroups: SubGroups?
        var warning: String?
    }

    private let state: Mutex<State>

    init(forcing plan: ForcedPlan?) { state = Mutex(State(forced: plan)) }

    /// What every convolution is computed by; nil leaves it to the tuning and `usualPlan`.
    var forced: ForcedPlan? {
        get { state.withLock { $0.forced } }
        set { state.withLock { $0.forced = newValue } }
    }

    /// How sub-groups are compiled; nil where reductions go through local memory.
    var subGroups: SubGroups? {
        get { state.withLock { $0.subGroups } }
        set { state.withLock { $0.subGroups = newValue } }
    }

    /// Why sub-groups that a device claims are not used.
    var warning: String? {
        get { state.withLock { $0.warning } }
        set { state.withLock { $0.warning = newValue } }
    }
}

/// Reductions by sub-groups: `SUB_GROUPS` of common/reduce.cl.
struct SubGroups: Hashable, Sendable {
    /// The `-cl-std` that has them on the device.
    let standard: String

    /// nil where the device does not claim them.
    init?(_ device: OpenCLDevice) {
        if device.extensions.contains("cl_intel_subgroups") {
            standard = "CL1.2"
        } else if device.extensions.contains("cl_khr_subgroups") {
            standard = device.driver.hasPrefix("OpenCL 2") ? "CL2.0" : "CL3.0"
        } else {
            return nil
        }
    }
}

extension OpenCLBackend {
    var forcedPlan: ForcedPlan? { variants.forced }

    /// Whether the weights of convolutions are packed as half.
    var halvesWeights: Bool { precision == .fp16 }

    /// The definition of a kernel that reads packed weights.
    var weightDefines: [(String, Int)] { halvesWeights ? [("HALF_WEIGHTS", 1)] : [] }

    /// A kernel with the reductions of common/reduce.cl, by sub-groups where they are used.
    func reducing(_ file: String, _ kernel: String) -> Kernel { Kernel(file, kernel, subGroups: variants.subGroups) }

    /// Uses sub-groups where the device has them and they sum as the items of a group are numbered.
    func chooseSubGroups() {
        guard let subGroups = SubGroups(device) else { return }
        do {
            variants.subGroups = try sumsOfLanes(subGroups) == sumsOfLanes(nil) ? subGroups : nil
            if variants.subGroups == nil { variants.warning = "sub-groups are not used: they sum something else" }
        } catch {
            variants.warning = "sub-groups are not used: \("\(error)".prefix { $0 != "\n" })"
        }
    }

    /// Sums and maxima over runs of each length of whole numbers.
    private func sumsOfLanes(_ subGroups: SubGroups?) throws -> [Float] {
        let lanes = (0..<8).map { 1 << $0 }
        return try lanes.flatMap { lanes in
            let y = try allocate([2 * LaunchGrid.group], .f32)
            try launcher.run(
                Kernel("probe/lanes", "sums_of_lanes", subGroups: subGroups), LaunchGrid(covering: LaunchGrid.group),
                [.view(y), .count(lanes)])
            var values = [Float](repeating: 0, count: y.count)
            try values.withUnsafeMutableBytes { try download(y, into: $0) }
            return values
        }
    }

    /// Names that `force` takes.
    public var forceable: [String] {
        ForcedPlan.named.map(\.name) + ["local memory"] + (SubGroups(device) == nil ? [] : ["sub-groups"])
    }

    /// One plan for all convolutions, or reductions through local memory or by sub-groups.
    public func force(_ name: String) throws {
        if let plan = ForcedPlan.named.first(where: { $0.name == name })?.plan {
            variants.forced = plan
        } else if name == "local memory" {
            variants.subGroups = nil
        } else if name == "sub-groups" {
            chooseSubGroups()
            guard variants.subGroups != nil else {
                throw BackendError.notSupported(
                    backend: self.name, op: name, reason: variants.warning ?? "the device has none")
            }
        } else {
            throw BackendError.notSupported(
                backend: self.name, op: "'\(name)'", reason: "it takes \(forceable.joined(separator: ", "))")
        }
    }
}
