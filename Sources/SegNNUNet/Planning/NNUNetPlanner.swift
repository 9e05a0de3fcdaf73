/// A planner of nnU-Net 2.8: the network that it plans, and the GPU memory that the network may use.
public enum NNUNetPlanner: String, CaseIterable, Sendable {
    /// A plain U-Net for 8 GB; `ExperimentPlanner`.
    case standard = "default"
    /// A U-Net with residual encoder for 8 GB; `nnUNetPlannerResEncM`.
    case residualM = "resenc-m"
    /// A U-Net with residual encoder for 24 GB; `nnUNetPlannerResEncL`.
    case residualL = "resenc-l"
    /// A U-Net with residual encoder for 40 GB; `nnUNetPlannerResEncXL`.
    case residualXL = "resenc-xl"

    /// The class of nnU-Net; `experiment_planner_used`.
    var className: String {
        switch self {
        case .standard: "ExperimentPlanner"
        case .residualM: "nnUNetPlannerResEncM"
        case .residualL: "nnUNetPlannerResEncL"
        case .residualXL: "nnUNetPlannerResEncXL"
        }
    }

    /// The name of the planner's plans; `plans_name`.
    public var plansName: String {
        switch self {
        case .standard: "nnUNetPlans"
        case .residualM: "nnUNetResEncUNetMPlans"
        case .residualL: "nnUNetResEncUNetLPlans"
        case .residualXL: "nnUNetResEncUNetXLPlans"
        }
    }

    /// The default GPU memory in GB.
    public var usualMemory: Double {
        switch self {
        case .standard, .residualM: 8
        case .residualL: 24
        case .residualXL: 40
        }
    }

    /// The number of values in all feature maps of a reference batch that fit into the default memory.
    func reference(isFlat: Bool) -> Double {
        switch self {
        case .standard: isFlat ? 85e6 : 560e6
        case .residualM: isFlat ? 135e6 : 680e6
        case .residualL: isFlat ? 380e6 : 2100e6
        case .residualXL: isFlat ? 560e6 : 3600e6
        }
    }

    /// The number of samples in the reference batch.
    static func referenceBatch(isFlat: Bool) -> Double { isFlat ? 12 : 2 }

    /// The share of the dataset's voxels that a batch may hold.
    var coverage: Double { self == .standard ? 0.05 : 1 }

    /// Whether the encoder is residual.
    var isResidual: Bool { self != .standard }

    /// The maximum number of stages in the planner's lists of blocks.
    var mostStages: Int { isResidual ? 13 : 14 }

    /// The number of convolutions, or of residual blocks, in an encoder stage.
    func encoderBlocks(stage: Int) -> Int { isResidual ? [1, 3, 4][safely: stage] ?? 6 : 2 }

    /// The number of convolutions in a decoder stage.
    var decoderConvolutions: Int { isResidual ? 1 : 2 }

    /// The number of channels of a stage.
    static func features(stage: Int, isFlat: Bool) -> Int { min(32 << min(stage, 16), isFlat ? 512 : 320) }

    /// The name of a configuration's preprocessed scans; residual networks share the plain network's scans if nothing
    /// differs.
    func dataIdentifier(_ configuration: String) -> String {
        let isShared = isResidual && ["2d", "3d_fullres"].contains(configuration)
        return "\(isShared ? Self.standard.plansName : plansName)_\(configuration)"
    }
}

extension Array {
    /// The element at an index; nil beyond the end.
    fileprivate subscript(safely index: Int) -> Element? { index < count ? self[index] : nil }
}
