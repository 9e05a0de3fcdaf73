internal import SegBackend
internal import Synchronization

/// A plan for all convolutions, set by tests and `--force`.
package enum ForcedPlan: Hashable, Sendable {
    /// An algorithm with its default sizes.
    case algorithm(OpenCLConv3dAlgorithm)
    /// The tile with an index in the tuner's list, for matrix products too.
    case tile(Int)
    /// Winograd's algorithm with a number of outputs per tile and axis, if it supports the convolution, else the
    /// default plan.
    case winograd(Int)

    /// The indices of the tiles that a tuner may choose.
    package static let tiles: Range<Int> = 0..<GemmTile.candidates.count

    /// The sizes of Winograd's algorithm that a tuner may choose.
    package static let winogradSizes: [Int] = Conv3dPlan.winogradSizes

    /// All plans with their names.
    static let named: [(name: String, plan: ForcedPlan)] =
        OpenCLConv3dAlgorithm.allCases.map { ("\($0)", .algorithm($0)) }
        + winogradSizes.map { ("\(Conv3dPlan.winograd($0))", .winograd($0)) }
        + tiles.map { ("\(Conv3dPlan.gemm(GemmTile.candidates[$0]))", .tile($0)) }
}

/// The variants in use that are not the default: a plan for all convolutions, and reductions with sub-groups.
final class OpenCLVariants: Sendable {
    private struct State {
        var forced: ForcedPlan?
        var subGroups: SubGroups?
        var warning: String?
    }

    private let state: Mutex<State>

    init(forcing plan: ForcedPlan?) { state = Mutex(State(forced: plan)) }

    /// The plan of every convolution; nil leaves the choice to the tuning and `usualPlan`.
    var forced: ForcedPlan? {
        get { state.withLock { $0.forced } }
        set { state.withLock { $0.forced = newValue } }
    }

    /// The options to compile sub-groups; nil if reductions go through local memory.
    var subGroups: SubGroups? {
        get { state.withLock { $0.subGroups } }
        set { state.withLock { $0.subGroups = newValue } }
    }

    /// The reason why sub-groups that a device claims are not used.
    var warning: String? {
        get { state.withLock { $0.warning } }
        set { state.withLock { $0.warning = newValue } }
    }
}

/// Reductions with sub-groups: `SUB_GROUPS` of common/reduce.cl.
struct SubGroups: Hashable, Sendable {
    /// The `-cl-std` version that supports them on the device.
    let standard: String

    /// Creates the options for a device; nil if it does not claim sub-groups.
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

    /// The definitions for a kernel that reads packed weights.
    var weightDefines: [(String, Int)] { halvesWeights ? [("HALF_WEIGHTS", 1)] : [] }

    /// A kernel with the reductions of common/reduce.cl, with sub-groups if they are used.
    func reducing(_ file: String, _ kernel: String) -> Kernel { Kernel(file, kernel, subGroups: variants.subGroups) }

    /// Uses sub-groups if the device has them and their sums follow the numbering of items in a work-group.
    func chooseSubGroups() {
        guard let subGroups = SubGroups(device) else { return }
        do {
            variants.subGroups = try sumsOfLanes(subGroups) == sumsOfLanes(nil) ? subGroups : nil
            if variants.subGroups == nil { variants.warning = "sub-groups are not used: they give wrong sums" }
        } catch {
            variants.warning = "sub-groups are not used: \("\(error)".prefix { $0 != "\n" })"
        }
    }

    /// The sums and maxima over runs of integers, for each length of run.
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

    /// The names that `force` accepts.
    public var forceable: [String] {
        ForcedPlan.named.map(\.name) + ["local memory"] + (SubGroups(device) == nil ? [] : ["sub-groups"])
    }

    /// Uses one plan for all convolutions, or reductions through local memory or with sub-groups.
    public func force(_ name: String) throws {
        if let plan = ForcedPlan.named.first(where: { $0.name == name })?.plan {
            variants.forced = plan
        } else if name == "local memory" {
            variants.subGroups = nil
        } else if name == "sub-groups" {
            chooseSubGroups()
            guard variants.subGroups != nil else {
                throw BackendError.notSupported(
                    backend: self.name, op: name, reason: variants.warning ?? "the device has no sub-groups")
            }
        } else {
            throw BackendError.notSupported(
                backend: self.name, op: "'\(name)'", reason: "the choices are \(forceable.joined(separator: ", "))")
        }
    }
}
