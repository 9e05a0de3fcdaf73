internal import Foundation
internal import SegCore
public import SegImaging

/// The results for a scan, to be read by programs: `SCAN_report.json` of `medseg predict --report`, and the report of a
/// job of the server.
///
/// Keys are in snake case. Undefined values, such as the mean of an empty label, are left out.
public struct ScanReport: Encodable, Sendable {
    /// Volume and intensity of one label.
    public struct Label: Codable, Sendable {
        /// The label as written in the mask's file, or the channel of a region.
        public let label: Int
        /// The class's or the region's name.
        public let name: String
        /// The number of voxels.
        public let voxels: Int
        /// The volume in ml.
        public let volumeML: Double
        /// The mean intensity of the scan inside the label, in HU for a CT; nil if the label has no voxel.
        public let meanIntensity: Double?

        private enum CodingKeys: String, CodingKey {
            case label, name, voxels
            case volumeML = "volume_ml"
            case meanIntensity = "mean_intensity"
        }
    }

    /// The options of the segmentation, from the user and from the model's description.
    public struct Options: Encodable, Sendable {
        /// The number of passes of Monte Carlo dropout; 0 for none.
        public let uncertainty: Int
        /// The seed of the random numbers of dropout.
        public let seed: UInt64
        /// The axes of the network's volume that were flipped in every combination.
        public let mirror: [Int]
        /// The postprocessing of the mask.
        public let postprocessing: PostProcessing
        /// Whether the probability map of each label was kept.
        public let probabilities: Bool

        /// Encodes all options as one object.
        public func encode(to encoder: any Encoder) throws {
            // A ConfigValue cannot hold integers from 2⁶³ on.
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(seed, forKey: Key(stringValue: "seed"))
            let entries: [String: ConfigValue] = [
                "uncertainty": .int(uncertainty),
                "mirror": .array(mirror.map(ConfigValue.int)), "probabilities": .bool(probabilities),
            ]
            let steps = ConfigCoder.entries(postprocessing, PostProcessing.coded)
            for (key, value) in entries.merging(steps, uniquingKeysWith: { $1 }) {
                try container.encode(value, forKey: Key(stringValue: key))
            }
        }

        private struct Key: CodingKey {
            let stringValue: String
            let intValue: Int? = nil
            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }
    }

    /// The uncertainty of the prediction.
    public struct Uncertainty: Encodable, Sendable {
        /// The number of predictions from which the maps are computed.
        public let samples: Int
        /// The mean of each map over the network's volume, by the name of the map.
        public let meanOverVoxels: [String: Double]
        /// The number of voxels of the scan that the network evaluated. The map `validity` is 1 there and 0 elsewhere.
        public let validVoxels: Int
        /// The value of the maps at voxels far from the evaluated ones, where nothing is known: always 0.
        public let valueOutside = 0.0

        private enum CodingKeys: String, CodingKey {
            case samples
            case meanOverVoxels = "mean_over_voxels"
            case validVoxels = "valid_voxels"
            case valueOutside = "value_outside"
        }
    }

    /// A map over the scan that was written.
    public struct Map: Encodable, Sendable {
        /// The quantity that the map shows.
        public let kind: UncertainPrediction.Quantity
        /// The maximum of the map over the valid voxels.
        public let maximum: Double
    }

    /// The name of the scan.
    public let scan: String
    /// The name of the model.
    public let model: String
    /// The device that computed the prediction, in one line.
    public let device: String
    /// The options of the segmentation.
    public let options: Options
    /// Whether the labels are regions, which may overlap; nil if they are classes.
    public let regions: Bool?
    /// The foreground classes, by label, or the regions, by channel.
    public let labels: [Label]
    /// The uncertainty of the prediction; nil if there was one sample.
    public let uncertainty: Uncertainty?
    /// The maps that were written; empty if there was one sample.
    public let uncertaintyMaps: [Map]
    /// The mean entropy, in nats, of the foreground probability over the voxels where that probability is above 0.05; active
    /// learning ranks scans by this mean. Nil if there is no such voxel, or if each channel has its own probability.
    public let uncertaintyScore: Double?
    /// Differences between the scan and the model's training data, and large parts that postprocessing removed.
    public let concerns: [Concern]
    /// The duration of the prediction in seconds.
    public let seconds: Double
    /// The notice that the numbers are not for diagnosis.
    public let notice = "Research software. Not a medical device; no diagnosis may rest on it."

    private enum CodingKeys: String, CodingKey {
        case scan, model, device, options, regions, labels, uncertainty, concerns, seconds, notice
        case uncertaintyMaps = "uncertainty_maps"
        case uncertaintyScore = "uncertainty_score"
    }

    /// Measures a segmentation.
    /// - Parameters:
    ///   - scan: The name of the scan.
    ///   - model: The name of the model.
    ///   - segmenter: The segmenter of the scan.
    ///   - found: The segmentation.
    ///   - volume: The scan as read.
    ///   - maps: The result of `UncertainPrediction.writeMaps`; nil if there was one sample.
    ///   - concerns: The concerns about the scan; the concerns about postprocessing are added.
    ///   - probabilities: Whether the probability map of each label was kept.
    ///   - seconds: The duration of the prediction in seconds.
    public init(
        scan: String, model: String, segmenter: Segmenter, found: Segmentation, volume: Volume,
        maps: UncertainPrediction.MapSummary?, concerns: [Concern], probabilities: Bool, seconds: Double
    ) {
        self.scan = scan
        self.model = model
        device = segmenter.device
        options = Options(segmenter, probabilities: probabilities)
        regions = found.hasRegions ? true : nil
        labels = found.statistics(on: volume).map { number, row in
            Label(
                label: found.writtenNumber(number), name: segmenter.description.className(number), voxels: row.voxels,
                volumeML: row.volumeML, meanIntensity: row.meanIntensity)
        }
        uncertainty = found.uncertain.flatMap { uncertain in maps.map { Uncertainty(uncertain, $0) } }
        uncertaintyMaps = maps?.maxima.map { Map(kind: $0.quantity, maximum: Double($0.value)) } ?? []
        uncertaintyScore = found.uncertaintyScore
        self.concerns = concerns + found.concerns
        self.seconds = (seconds * 100).rounded() / 100
    }

    /// The volumes as text for the user: `spleen 210.4 ml, liver 1502.0 ml`.
    public var summary: String {
        labels.map { "\($0.name) \($0.volumeML.text(decimals: 1)) ml" }.joined(separator: ", ")
    }

    /// The report as JSON text with sorted keys.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}

extension Segmentation {
    /// The size and intensity of each foreground class with its number, or of each region with the number of its channel.
    fileprivate func statistics(on volume: Volume) -> [(number: Int, row: LabelStatistics)] {
        guard hasRegions else {
            let rows = LabelStatistics.measure(mask, classes: classes, on: volume)
            return labelNumbers.map { ($0, rows[$0 - 1]) }
        }
        return maps.enumerated().map { channel, map in
            (channel, LabelStatistics.measure(map, classes: 2, on: volume)[0])
        }
    }
}

extension ScanReport.Options {
    fileprivate init(_ segmenter: Segmenter, probabilities: Bool) {
        let samples = segmenter.uncertainty
        uncertainty = samples?.passes ?? 0
        seed = samples?.seed ?? 0
        mirror = samples?.mirroredAxes.sorted() ?? []
        postprocessing = segmenter.postprocessing
        self.probabilities = probabilities
    }
}

extension ScanReport.Uncertainty {
    fileprivate init(_ uncertain: UncertainPrediction, _ maps: UncertainPrediction.MapSummary) {
        samples = uncertain.samples
        let means = UncertainPrediction.Quantity.allCases.map { ($0.rawValue, uncertain.average($0)) }
        meanOverVoxels = Dictionary(uniqueKeysWithValues: means)
        validVoxels = maps.validVoxels
    }
}
