internal import Foundation
internal import SegCore

extension NNUNetPlans {
    /// A page for the user: the reasons for the spacing, patch, batch and configurations.
    public var reasons: String {
        let channels = training.dataset.channels
        let head =
            "\(name): \(counted(fingerprint.spacings.count, "case")), \(counted(channels.count, "channel")) "
            + "(\(channels.joined(separator: ", "))); \(plansName) for a GPU of \(target.memory.text(decimals: 0)) GB"
        var sections = [head, section("Spacing", spacingReasons), section("Intensities", intensityReasons)]
        if let full {
            sections.append(section(title("3d_fullres", full), reasons(of: full)))
            sections.append(section("Low resolution", lowReasons(below: full)))
            if case .kept(let planned, _) = low {
                sections.append(section(title("3d_lowres", planned), reasons(of: planned)))
            }
        } else {
            sections.append(section("3-D", ["The scans are single slices, so no network of volumes is planned."]))
        }
        sections.append(section(title("2d", flat), reasons(of: flat)))
        return sections.joined(separator: "\n\n")
    }

    private var spacingReasons: [String] {
        let axes = ["z", "y", "x"]
        var lines = ["Scans are brought to \(millimetres(spacing)) along z, y and x."]
        switch spacingRule {
        case .median: lines.append("Along each axis this is the median: half of the scans are finer, half are coarser.")
        case .tenth(let median):
            lines.append(
                """
                Along \(axes[forward[0]]) the slices are few and the median voxel, \(length(median)) mm, is more than three times as long \
                as along the other axes. The median would blur the finer scans, so the spacing is the \
                10th percentile. It is never finer than the other axes.
                """)
        }
        lines.append("At this spacing the median scan has \(extents(median)) voxels along the network's axes.")
        lines.append(
            forward == [0, 1, 2]
                ? "No voxels are longer than those along z, which stays the network's first axis."
                : "The longest voxels are along \(axes[forward[0]]), which becomes the network's first axis "
                    + "(transpose_forward \(forward)).")
        return lines
    }

    private var intensityReasons: [String] {
        let kept = (fingerprint.relativeSize * 100).text(decimals: 0)
        let channels = zip(training.dataset.channels, normalizations)
        // Channels of one rule share a sentence.
        let rules = channels.map(\.1).reduce(into: [Rule]()) { if !$0.contains($1) { $0.append($1) } }
        return rules.map { rule in
            let channel = channels.filter { $0.1 == rule }.map(\.0).joined(separator: ", ")
            return switch rule.scheme {
            case "CTNormalization":
                "\(channel): clipped to the percentiles 0.5 and 99.5 of the foreground of all scans, then normalised by "
                    + "their mean and deviation, because CT numbers mean the same in every scan."
            case "NoNormalization": "\(channel): left unchanged, as the channel's name requires."
            case "RescaleTo01Normalization": "\(channel): rescaled to 0 … 1, as the channel's name requires."
            case "RGBTo01Normalization": "\(channel): divided by 255, as the channel's name requires."
            default:
                "\(channel): normalised by each scan's own mean and deviation, because its name implies no fixed scale"
                    + (rule.isMasked
                        ? "; only in the nonzero region, because cropping the empty margin leaves only \(kept) % of a scan."
                        : ". The empty margin does not matter: cropping it leaves \(kept) % of a scan.")
            }
        }
    }

    private func reasons(of planned: PlannedConfiguration) -> [String] {
        let topology = planned.topology
        var lines: [String] = []
        let whole = zip(planned.patch, planned.median).allSatisfy { Double($0) >= $1 }
        let share = planned.patch.map(Double.init).reduce(1, *) / planned.median.reduce(1, *) * 100
        let cube = planned.isFlat ? "a square of 2048" : "a cube of 256"
        lines.append(
            "Patch: the planner begins with \(extents(planned.wanted)) voxels: no larger than the median scan, and with no "
                + "more voxels than \(cube), rounded up to multiples of the total stride.")
        lines.append(
            planned.wanted == planned.patch
                ? "Its feature maps are \(millions(planned.estimate)) million values, which fit: \(bound(planned))."
                : "That is too much for the memory. It was made smaller in steps, each time along the axis that covered most of "
                    + "the median scan, until its feature maps were \(millions(planned.estimate)) million values: \(bound(planned))."
        )
        lines.append(
            whole
                ? "It holds the whole median scan of \(extents(planned.median)) voxels."
                : "It holds \(share.text(decimals: 1)) % of the voxels of the median scan, \(extents(planned.median)).")
        lines.append(batchReason(planned))
        let halvings = topology.divisors.map { String($0.trailingZeroBitCount) }.joined(separator: ", ")
        lines.append(
            "Stages: \(topology.strides.count). The axes are halved \(halvings) times. An axis is halved while it has "
                + "8 voxels or more that are less than twice as long as the shortest.")
        if let first = topology.kernels.firstIndex(where: { !$0.contains(1) }), first > 0 {
            lines.append(
                "Kernels are 1 along axis \(axisNames(topology.kernels[0])) in the first "
                    + "\(first == 1 ? "stage" : "\(first) stages"): voxels there are at least twice as long as the shortest."
            )
        }
        return lines
    }

    private func batchReason(_ planned: PlannedConfiguration) -> String {
        let coverage = (target.planner.coverage * 100).text(decimals: 0)
        let dataset = "a batch of \(planned.batchOfDataset) holds \(coverage) % of the voxels of all scans"
        let cause =
            planned.batch == planned.batchOfMemory
            ? "as many as the memory holds"
            : planned.batch == planned.batchOfDataset
                ? "because \(dataset), and no batch should hold more; the memory would hold \(planned.batchOfMemory)"
                : "the minimum; the memory would hold \(planned.batchOfMemory), and \(dataset)"
        return "Batch: \(planned.batch), \(cause)."
    }

    private func lowReasons(below full: PlannedConfiguration) -> [String] {
        let limit = (Self.sufficientShare * 100).text(decimals: 0)
        let share = full.patch.map(Double.init).reduce(1, *) / full.median.reduce(1, *) * 100
        let little =
            "A patch of 3d_fullres holds \(share.text(decimals: 1)) % of the median scan, less than \(limit) %: the network "
            + "may lack context. Voxels were lengthened in steps of 3 % until a patch held that much."
        switch low {
        case .kept(let planned, let ratio):
            return [
                little,
                "At \(millimetres(planned.spacing)) a scan has \(ratio.text(decimals: 1)) times fewer voxels, so 3d_lowres is "
                    + "planned, and 3d_cascade_fullres, which is 3d_fullres with the mask of 3d_lowres as further channels.",
            ]
        case .dropped(let ratio):
            return [
                little,
                "A scan then has only \(ratio.text(decimals: 2)) times fewer voxels, less than \(Self.leastRatio.text(decimals: 0)) "
                    + "times: a low resolution would give the network little more context, and none is planned.",
            ]
        case .notNeeded, nil:
            return [
                "A patch of 3d_fullres holds \(share.text(decimals: 1)) % of the median scan, at least \(limit) %, so neither a "
                    + "low resolution nor a cascade is planned."
            ]
        }
    }
}

// Parts of the text.
extension NNUNetPlans {
    private func section(_ title: String, _ lines: [String]) -> String {
        ([title] + lines.map { "  \($0)" }).joined(separator: "\n")
    }

    private func title(_ name: String, _ planned: PlannedConfiguration) -> String {
        "\(name): patch \(extents(planned.patch)), batch \(planned.batch), \(millimetres(planned.spacing))"
    }

    /// The limit of a patch's estimate, in words.
    private func bound(_ planned: PlannedConfiguration) -> String {
        let samples = NNUNetPlanner.referenceBatch(isFlat: planned.isFlat)
        let most =
            target.planner.isResidual
            ? planned.reference : planned.reference * samples / Double(PlannedConfiguration.leastBatch)
        return "\(target.memory.text(decimals: 0)) GB hold \(millions(most)) million"
    }

    /// The network's axes along which a kernel is 1.
    private func axisNames(_ kernel: [Int]) -> String {
        kernel.indices.filter { kernel[$0] == 1 }.map(String.init).joined(separator: " and ")
    }

    private func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
    private func millions(_ value: Double) -> String { (value / 1e6).text(decimals: 0) }
    private func extents(_ values: [Int]) -> String { values.map(String.init).joined(separator: " × ") }
    private func extents(_ values: [Double]) -> String {
        values.map { $0.text(decimals: $0 == $0.rounded() ? 0 : 1) }.joined(separator: " × ")
    }
    private func length(_ value: Double) -> String { String(format: "%.3g", value) }
    private func millimetres(_ values: [Double]) -> String {
        values.map(length).joined(separator: " × ") + " mm"
    }
}
