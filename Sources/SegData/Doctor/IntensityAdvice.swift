internal import SegImaging

extension Dataset {
    /// The words of a channel's name that mean CT, with or without contrast medium.
    private static let namesOfCT: Set<String> = ["ct", "cta", "cbct", "cect", "ncct", "ldct", "mdct", "hrct"]

    /// Whether a channel is CT by its name, such as `CT` or `ct_portal`; nil if the index does not name it.
    package func isCT(channel: Int) -> Bool? {
        guard channelNames.indices.contains(channel) else { return nil }
        let words = channelNames[channel].lowercased().split { !$0.isLetter }
        return words.contains { Self.namesOfCT.contains(String($0)) }
    }
}

extension DatasetDoctor {
    private static let ofCT = "{name: fingerprint} or a window such as {a_min: -57, a_max: 164, clip: true}"
    private static let ofOthers = "{name: z_score, of: nonzero}"

    /// The rule of `preprocessing.intensity` that suits each modality of the dataset, one sentence each.
    public var advice: [String] {
        let channels = dataset.channelNames.indices
        guard !channels.isEmpty else {
            return [
                "the index names no modality: for CT, preprocessing.intensity \(Self.ofCT) suits; for MR, \(Self.ofOthers)"
            ]
        }
        func names(areCT: Bool) -> String? {
            let names = channels.filter { dataset.isCT(channel: $0) == areCT }.map { "'\(dataset.channelNames[$0])'" }
            return names.isEmpty ? nil : names.joined(separator: ", ")
        }
        return [
            names(areCT: true).map {
                "\($0) has the same units in every scan: preprocessing.intensity \(Self.ofCT) suits it"
            },
            names(areCT: false).map {
                "\($0) has no unit that all scans share: preprocessing.intensity \(Self.ofOthers) suits it"
            },
        ].compactMap(\.self)
    }

    /// The rules of the plan that do not suit the modality of their channel.
    var unsuitedRules: [DatasetFinding] {
        let rules = plan?.preprocessing.intensities?.rules ?? []
        guard !rules.isEmpty, rules.count == 1 || rules.count == dataset.channelNames.count else { return [] }
        return dataset.channelNames.indices.compactMap { channel in
            let isOfEachScan = rules[rules.count == 1 ? 0 : channel].isOfEachScan
            guard let isCT = dataset.isCT(channel: channel), isCT == isOfEachScan else { return nil }
            return DatasetFinding(
                name: dataset.name, file: "dataset.json", defect: .intensityRule, severity: .warning,
                finding: "the configuration changes channel \(channel), '\(dataset.channelNames[channel])', "
                    + (isCT
                        ? "by numbers of each scan, which gives up the Hounsfield units"
                        : "by the same numbers in every scan, but its intensities have no common unit"),
                mend: "use preprocessing.intensity \(isCT ? Self.ofCT : Self.ofOthers) for this channel")
        }
    }
}
