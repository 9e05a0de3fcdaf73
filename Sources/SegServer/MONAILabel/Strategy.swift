package import Foundation
internal import SegCore

/// A strategy to choose the scan that a person should label next.
package enum Strategy: String, CaseIterable, Sendable {
    case random, first, uncertainty

    var info: ConfigValue {
        switch self {
        case .random: ["description": "A random unlabelled scan; the longer it was not shown, the more likely"]
        case .first: ["description": "The first unlabelled scan by name"]
        case .uncertainty:
            ["description": "The unlabelled scan with the least certain prediction; scans without one come last"]
        }
    }

    /// The key of the models' scores in the notes of an image.
    package static let scoresNote = "uncertainty"

    /// Chooses among the images whose file exists and that have no finished label; nil if there are none.
    /// - Parameter model: The model whose scores count; nil uses the largest score of any model.
    package func choose(
        _ images: [String: StudyImage], model: String?, now: Date, using generator: inout some RandomNumberGenerator
    ) -> (id: String, weight: Double)? {
        let open = images.filter { $0.value.isUnlabelled && !$0.value.isMissing }.sorted { $0.key < $1.key }
        switch self {
        case .first: return open.first.map { ($0.key, 1) }
        case .random:
            let weights = open.map { max(1, now.timeIntervalSince1970 - Self.lastShown($0.value, by: self)) }
            var left = Double.random(in: 0..<max(1, weights.reduce(0, +)), using: &generator)
            for (image, weight) in zip(open, weights) {
                left -= weight
                if left < 0 { return (image.key, weight) }
            }
            return open.last.map { ($0.key, 1) }
        case .uncertainty:
            let scored = open.compactMap { image in
                Self.score(image.value, model: model).map { (id: image.key, weight: $0) }
            }
            // Of equal scores the first by name is chosen.
            return scored.reduce(nil) { best, next in
                guard let best, best.weight >= next.weight else { return next }
                return best
            } ?? open.first.map { ($0.key, 0) }
        }
    }

    private static func lastShown(_ image: StudyImage, by strategy: Strategy) -> Double {
        image.info["strategy"]?[strategy.rawValue]?["ts"]?.double ?? 0
    }

    private static func score(_ image: StudyImage, model: String?) -> Double? {
        let scores = image.info[scoresNote]?.members ?? [:]
        return model.map { scores[$0]?.double } ?? scores.values.compactMap(\.double).max()
    }
}
