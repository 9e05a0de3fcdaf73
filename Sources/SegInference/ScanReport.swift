internal import Foundation
internal import SegCore
public import SegImaging

/// What was found in a scan, for programs: `SCAN_report.json` of `medseg predict --report`, and the report of a job of
/// the server.
///
/// Keys are snake case. What is undefined, such as the mean of an empty label, is left out.
public struct ScanReport: Encodable, Sendable {
    /// Volume and intensity of one label.
    public struct Label: Codable, Sendable {
        /// The label as the mask's file holds it; of a region its channel.
        public let label: Int
        /// The class's or the region's name.
        public let name: String
        /// Its voxels.
        public let voxels: Int
        /// Its volume, ml.
        public let volumeML: Double
        /// The mean intensity of the scan inside, HU for a CT; nil where the label has no voxel.
        public let meanIntensity: Double?

        private enum CodingKeys: String, CodingKey {
            case label, name, voxels
            case volumeML = "volume_ml"
            case meanIntensity = "mean_intensity"
        }
    }

    /// How the scan was segmented: what was asked for, and what the model's description asks for.
    public struct Options: Encodable, Sendable {
        /// Passes of Monte-Carlo dropout; 0 for none.
        public let uncertainty: Int
        /// What the passes' dropout drew from.
        public let seed: UInt64
        /// Axes of the network's volume that were mirrored in every combination.
        public let mirror: [Int]
        /// What was done to the mask.
        public let postprocessing: PostProcessing
        /// Whether the probability map of each label was kept.
        public let probabilities: Bool

        /// All as one object.
        public func encode(to encoder: any Encoder) throws {
            // A ConfigValue holds no whole number from 2⁶³ on.
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

    /// How sure the prediction is.
    public struct Uncertainty: Encodable, Sendable {
        /// How many predictions the maps are made of.
        public let samples: Int
        /// Means over the network's volume, by the names of the maps.
        public let meanOverVoxels: [String: Double]
        /// Voxels of the scan that the network evaluated. The map `validity` is 1 there and 0 elsewhere.
        public let validVoxels: Int
        /// What the maps hold at voxels far from those, where nothing is known: always 0.
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
        /// What it shows.
        public let kind: UncertainPrediction.Quantity
        /// Its largest value at a valid voxel.
        public let maximum: Double
    }

    /// What the scan is called.
    public let scan: String
    /// What the model is called.
    public let model: String
    /// What computed, in one line.
    public let device: String
    /// How the scan was segmented.
    public let options: Options
    /// Whether the labels are regions, which may overlap; nil where they are classes.
    public let regions: Bool?
    /// The foreground classes, by label, or the regions, by channel.
    public let labels: [Label]
    /// How sure the prediction is; nil where there was one sample.
    public let uncertainty: Uncertainty?
    /// The maps that were written; empty where there was one sample.
    public let uncertaintyMaps: [Map]
    /// The mean entropy of the foreground probability where it is above 0.05, in nats, by which active learning ranks;
    /// nil where it is nowhere.
    public let uncertaintyScore: Double?
    /// Ways in which the scan is not what the model was trained on, and what post-processing took.
    public let concerns: [Concern]
    /// Seconds that the prediction took.
    public let seconds: Double
    /// What the numbers are not for.
    public let notice = "Research software. Not a medical device; no diagnosis may rest on it."

    private enum CodingKeys: String, CodingKey {
        case scan, model, device, options, regions, labels, uncertainty, concerns, seconds, notice
        case uncertaintyMaps = "uncertainty_maps"
        case uncertaintyScore = "uncertainty_score"
    }

    /// Measures what was found.
    /// - Parameters:
    ///   - scan: What the scan is called.
    ///   - model: What the model is called.
    ///   - segmenter: What segmented the scan.
    ///   - found: What it found.
    ///   - volume: The scan as read.
    ///   - maps: What `UncertainPrediction.writeMaps` returned; nil where there was one sample.
    ///   - concerns: Those about the scan; those of post-processing are added.
    ///   - probabilities: Whether the probability map of each label was kept.
    ///   - seconds: How long it took.
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

    /// The volumes for people: `spleen 210.4 ml, liver 1502.0 ml`.
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
    /// Size and intensity of each foreground class with its number, or of each region with that of its channel.
    fileprivate func statistics(on volume: Volume) -> [(number: Int, row: LabelStatistics)] {
        guard hasRegions else {
            return LabelStatistics.measure(mask, classes: prediction.classes, on: volume).map { (Int($0.label), $0) }
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
