internal import Foundation
internal import SegInference

/// What a job found, for programs and people.
struct JobReport: Codable, Sendable {
    /// Volume and intensities of one label.
    struct Label: Codable, Sendable {
        var label: Int
        var name: String
        var voxels: Int
        var volumeML: Double
        /// Mean intensity inside; HU for a CT. Nil where the label is empty.
        var meanIntensity: Double?

        enum CodingKeys: String, CodingKey {
            case label, name, voxels
            case volumeML = "volume_ml"
            case meanIntensity = "mean_hu"
        }
    }

    /// How a map's bytes are to be read.
    struct Map: Codable, Sendable {
        /// The map.
        var kind: UncertaintyMap
        /// The value of byte 255; byte 1 is 0, and byte 0 is no value: outside what was evaluated.
        var maximum: Double
    }

    var model: String
    var device: String
    var options: JobOptions
    var labels: [Label]
    /// Ways in which the scan is not what the model was trained on.
    var concerns: [Concern]
    var uncertaintyMaps: [Map]
    /// Mean entropy of the foreground probability where it is above 0.05; what active learning ranks by. Nil where
    /// nothing was found.
    var uncertaintyScore: Double?
    var seconds: Double
    let notice = "Research software. Not a medical device; no diagnosis may rest on it."

    enum CodingKeys: String, CodingKey {
        case model, device, options, labels, concerns
        case uncertaintyMaps = "uncertainty_maps"
        case uncertaintyScore = "uncertainty_score"
        case seconds, notice
    }
}
