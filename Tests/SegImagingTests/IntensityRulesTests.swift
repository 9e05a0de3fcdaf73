import SegCore
import SegImaging
import Testing

/// Rules of intensities, compared with NumPy's results for eight voxels.
@Suite struct IntensityRulesTests {
    private static let voxels: [Float] = [0, 0, 10, 30, -20, 40, 0, 80]

    private func scan(_ channels: Int = 1) -> ScanImage {
        var image = ScanImage(Volume(voxels: Self.voxels, size: Triple(2, 2, 2), affine: .identity))
        while image.channels.count < channels { image.channels.append(Self.voxels.map { 3 * $0 }) }
        return image
    }

    private func changed(_ rules: [IntensityRule], channels: Int = 1) throws -> [[Float]] {
        try Preprocessing([.intensity(IntensityRules(rules))])(scan(channels), name: "scan.nii").image.channels
    }

    private static func near(_ found: [Float], _ wanted: [Float]) -> Bool {
        found.count == wanted.count && zip(found, wanted).allSatisfy { abs($0 - $1) < 1e-6 * (1 + abs($1)) }
    }

    private static func rules() throws -> [(IntensityRule, [Float])] {
        [
            (
                .zScore(.whole),
                [-0.59373224, -0.59373224, -0.25445667, 0.42409447, -1.2722834, 0.76337004, -0.59373224, 2.1204722]
            ),
            (.zScore(.nonzero), [0, 0, -0.5437099, 0.060412206, -1.449893, 0.36247325, 0, 1.5707173]),
            (.fixed(mean: 12.5, deviation: 40), [-0.3125, -0.3125, -0.0625, 0.4375, -0.8125, 0.6875, -0.3125, 1.6875]),
            (
                .percentiles(
                    try PercentileScale(
                        lower: 10, upper: 90, bMin: 0, bMax: 1, clip: true, isRelative: false, channelWise: true)),
                [0.10344828, 0.10344828, 0.27586207, 0.62068966, 0, 0.79310345, 0.10344828, 1]
            ),
            (.minMax(try MinMaxScale(low: -1, high: 1, channelWise: true)), [-0.6, -0.6, -0.4, 0, -1, 0.2, -0.6, 1]),
            (
                .window(try ScaleIntensityRange(aMin: 0, aMax: 40, clip: true)),
                [0, 0, 0.25, 0.75, 0, 1, 0, 1]
            ),
            (
                .fingerprint(try IntensityFingerprint(mean: 20, deviation: 15, lower: -10, upper: 50)),
                [-1.3333334, -1.3333334, -0.6666667, 0.6666667, -2, 1.3333334, -1.3333334, 2]
            ),
        ]
    }

    @Test(arguments: try rules())
    func aRuleChangesEveryChannelByItself(_ rule: IntensityRule, _ wanted: [Float]) throws {
        let found = try changed([rule], channels: 2)
        #expect(Self.near(found[0], wanted), "\(rule): \(found[0])")
        // Three times the intensities have the same z-scores, ranges and percentiles.
        if rule.isOfEachScan { #expect(Self.near(found[1], wanted), "\(rule): \(found[1])") }
    }

    @Test func eachChannelMayHaveItsOwnRule() throws {
        let rules = try Self.rules()
        let found = try changed(rules.prefix(2).map(\.0), channels: 2)
        #expect(Self.near(found[0], rules[0].1) && Self.near(found[1], rules[1].1))
        let error = try #require(throws: DataError.self) {
            try changed(rules.prefix(2).map(\.0), channels: 3)
        }
        #expect(error.description.contains("has 3 channels, but the model's intensity has 2 rules"), "\(error)")
    }

    /// A hole of zeros belongs to the foreground; the zeros around it do not.
    @Test func theForegroundIsTheFilledOutline() throws {
        let edge = 5
        let distances = (0..<edge * edge * edge).map { voxel in
            [voxel / 25, voxel / 5 % 5, voxel % 5].map { abs($0 - 2) }.max() ?? 0
        }
        let voxels = distances.map { Float($0 == 1 ? 26 : 0) }
        let scan = ScanImage(Volume(voxels: voxels, size: Triple(edge, edge, edge), affine: .identity))
        let rules = Preprocessing([.intensity(IntensityRules([.zScore(.foreground)]))])
        let found = try rules(scan, name: "scan.nii").image.channels[0]
        // 26 voxels of 26 around one of 0: mean 26·26/27, deviation √26·26/27.
        let (mean, deviation) = (Float(26.0 * 26 / 27), Float(26.0 * 26.0.squareRoot() / 27))
        for (value, distance) in zip(found, distances) {
            let wanted = distance > 1 ? 0 : ((distance == 1 ? 26 : 0) - mean) / deviation
            #expect(abs(value - wanted) < 1e-5, "\(distance): \(value)")
        }
    }

    @Test func aFingerprintIsMeasuredBeforeItIsUsed() throws {
        let waiting = Preprocessing([.intensity(IntensityRules([.fingerprint(nil)]))])
        let error = try #require(throws: DataError.self) { try waiting(scan(), name: "scan.nii") }
        #expect(error.description.contains("measured at the start of a training run"), "\(error)")
        let numbers = try [3.0, 4].map {
            try IntensityFingerprint(mean: $0, deviation: 2, lower: -1, upper: 9)
        }
        let measured = waiting.measured(numbers)
        #expect(!waiting.isMeasured && waiting.unmeasured(of: 2) == [0, 1] && measured.isMeasured)
        #expect(measured.intensities?.rules == numbers.map { .fingerprint($0) })
        #expect(waiting.measured(asIn: measured) == measured && waiting.withoutUnmeasured == Preprocessing([]))
        // Numbers that are given stay, and so does another rule.
        let mixed = Preprocessing([.intensity(IntensityRules([.zScore(.whole), .fingerprint(nil)]))])
        #expect(mixed.measured(numbers).intensities?.rules == [.zScore(.whole), .fingerprint(numbers[1])])
        #expect(mixed.measured(asIn: measured) == mixed && measured.measured(numbers.reversed()) == measured)
    }

    @Test func aCropToWhatIsAboveAMeanIsRefused() throws {
        for rule in [IntensityRule.zScore(.nonzero), .fixed(mean: 1, deviation: 2), .fingerprint(nil)] {
            let error = #expect(throws: DataError.self) {
                try Preprocessing(intensities: IntensityRules([rule]), cropForeground: true)
            }
            #expect(error?.message.contains("above a mean") == true)
        }
        _ = try Preprocessing(intensities: IntensityRules([Self.rules()[4].0]), cropForeground: true)
    }
}
