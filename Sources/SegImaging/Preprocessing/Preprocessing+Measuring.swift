extension Preprocessing {
    /// Whether no rule of intensities waits for numbers that a training run measures.
    public var isMeasured: Bool { rules.allSatisfy(\.isMeasured) }

    /// The channels, of a scan's number of channels, whose fingerprint is still to be measured.
    public func unmeasured(of channels: Int) -> [Int] {
        (0..<channels).filter { channel in
            rules.contains { $0.rules(of: channels)?[channel] == .fingerprint(nil) }
        }
    }

    /// The preprocessing with a measured fingerprint, one for each channel of a scan, where it waits for one.
    public func measured(_ numbers: [IntensityFingerprint]) -> Preprocessing {
        Preprocessing(
            steps.map { step in
                guard case .intensity(let rules) = step, !rules.isMeasured, let own = rules.rules(of: numbers.count)
                else { return step }
                return .intensity(
                    IntensityRules(zip(own, numbers).map { $0 == .fingerprint(nil) ? .fingerprint($1) : $0 }))
            })
    }

    /// The preprocessing with the fingerprints that the same rules have in another one.
    public func measured(asIn other: Preprocessing) -> Preprocessing {
        guard steps.count == other.steps.count else { return self }
        return Preprocessing(
            zip(steps, other.steps).map { own, other in
                guard case .intensity(let rules) = own, case .intensity(let known) = other, rules.becomes(known) else {
                    return own
                }
                return other
            })
    }

    /// The preprocessing without rules that are not measured yet; for checks of grids, which such rules do not change.
    package var withoutUnmeasured: Preprocessing {
        Preprocessing(steps.filter { if case .intensity(let rules) = $0 { rules.isMeasured } else { true } })
    }

    private var rules: [IntensityRules] {
        steps.compactMap { if case .intensity(let rules) = $0 { rules } else { nil } }
    }
}

extension IntensityRules {
    /// Whether other rules are these with the fingerprints measured.
    fileprivate func becomes(_ other: IntensityRules) -> Bool {
        guard let own = rules(of: other.rules.count) else { return false }
        return zip(own, other.rules).allSatisfy { own, other in
            if own == .fingerprint(nil), case .fingerprint = other { return true }
            return own == other
        }
    }
}
