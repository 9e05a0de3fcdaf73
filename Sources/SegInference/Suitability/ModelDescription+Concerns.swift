internal import Foundation
internal import SegBackend
internal import SegCore
internal import SegImaging

/// A difference between a scan and a model's training data, or another reason why results may be wrong.
public struct Concern: Codable, Hashable, Sendable {
    /// The severity of a concern.
    public enum Level: String, Codable, Sendable {
        /// The preprocessing compensates for the difference.
        case note
        /// Results may be wrong, or take far longer than they need.
        case warning
    }

    /// The topic: `header`, `spacing`, `orientation`, `intensity`, `extent`, `windows` or `postprocessing`.
    public var topic: String
    /// The severity.
    public var level: Level
    /// One sentence for the user.
    public var message: String

    /// Creates a concern about a topic.
    public init(topic: String, level: Level, message: String) {
        self.topic = topic
        self.level = level
        self.message = message
    }
}

extension ModelDescription {
    /// Compares a scan with the properties of the training data that the model's description gives.
    package func concerns(about facts: ScanFacts) -> [Concern] {
        (facts.remarks ?? []).map { Concern(topic: "header", level: .warning, message: $0) }
            + preprocessing.remarks.map { Concern(topic: "intensity", level: .warning, message: $0) }
            + spacingConcerns(facts) + shearConcerns(facts) + orientationConcerns(facts) + intensityConcerns(facts)
            + extentConcerns(facts) + windowConcerns
    }

    /// The ratio of the scan's voxel size to the model's above which the scan lacks the detail that the model needs.
    private static let coarsest = 3.0
    private static let finest = 0.25

    private func spacingConcerns(_ facts: ScanFacts) -> [Concern] {
        guard let pixdim = preprocessing.pixdim else { return [] }
        let wanted = Self.millimetres(pixdim)
        let came = Self.millimetres(facts.spacing)
        // The model's axes are those of the reoriented scan; sorting makes the two spacings comparable.
        let ratios = zip(facts.spacing.sorted(), pixdim.sorted()).map { $0 / $1 }
        guard ratios.contains(where: { $0 > Self.coarsest || $0 < Self.finest }) else { return [] }
        let kind = ratios.contains { $0 > Self.coarsest } ? "coarser" : "finer"
        return [
            Concern(
                topic: "spacing", level: .warning,
                message: "Voxels are \(came) mm, much \(kind) than the \(wanted) mm that the model works at.")
        ]
    }

    /// Only resampling to the model's spacing removes a shear.
    private func shearConcerns(_ facts: ScanFacts) -> [Concern] {
        guard preprocessing.pixdim == nil, Affine(elements: facts.affine.flatMap { $0 }).isSheared else { return [] }
        return [
            Concern(
                topic: "orientation", level: .warning,
                message:
                    "The slices are tilted (gantry tilt), and the model does not resample (it has no pixdim), so its input "
                    + "is sheared; masks may be wrong.")
        ]
    }

    private func orientationConcerns(_ facts: ScanFacts) -> [Concern] {
        var concerns: [Concern] = []
        if !facts.isPlaced {
            concerns.append(
                Concern(
                    topic: "orientation", level: .warning,
                    message:
                        "The header does not give the scan's orientation in the patient; left and right may be swapped."
                ))
        }
        if facts.obliqueDegrees > 15 {
            concerns.append(
                Concern(
                    topic: "orientation", level: .warning,
                    message: "The scan is oblique by \(Int(facts.obliqueDegrees.rounded())) degrees; "
                        + "reorientation only permutes and flips axes."))
        }
        if let orientation = preprocessing.orientation, orientation != facts.orientation {
            concerns.append(
                Concern(
                    topic: "orientation", level: .note,
                    message: "Stored as \(facts.orientation); reoriented to \(orientation) for the model and back."))
        }
        return concerns
    }

    private func intensityConcerns(_ facts: ScanFacts) -> [Concern] {
        guard facts.minimum <= facts.maximum else {
            return [Concern(topic: "intensity", level: .warning, message: "No voxel is a number; all are NaN.")]
        }
        guard let expected = preprocessing.expectedRange else { return labelMapConcerns(facts) }
        let (low, median, high) = (facts.percentiles[0], facts.percentiles[1], facts.percentiles[2])
        let range = "\(Self.number(expected.low)) to \(Self.number(expected.high))"
        if high <= expected.low || low >= expected.high {
            return [
                Concern(
                    topic: "intensity", level: .warning,
                    message: "Nearly all intensities are outside \(range), the model's intensity range.")
            ]
        }
        // A range that begins below 0 is in Hounsfield units, in which air is near -1000.
        if expected.low < 0, facts.minimum >= 0 || facts.minimum > expected.low {
            return [
                Concern(
                    topic: "intensity", level: .warning,
                    message: "Intensities run from \(Self.number(facts.minimum)) to \(Self.number(facts.maximum)) "
                        + "and include no air; the model expects Hounsfield units.")
            ]
        }
        let isBright = expected.high > 0 && median > expected.high * 4
        if expected.low < 0, high - low < (expected.high - expected.low) / 4 || isBright {
            return [
                Concern(
                    topic: "intensity", level: .warning,
                    message: "Intensities do not look like Hounsfield units, for which the model was trained.")
            ]
        }
        return []
    }

    /// The largest value up to which whole numbers from 0 on look like classes; images of 8 bits have more values.
    private static let largestOfFewClasses = 31.0

    /// Rules of each scan's own numbers, such as a z-score, accept a label map too.
    private func labelMapConcerns(_ facts: ScanFacts) -> [Concern] {
        guard facts.voxelType == .int16, facts.minimum == 0, facts.maximum > 0,
            facts.maximum <= Self.largestOfFewClasses
        else { return [] }
        return [
            Concern(
                topic: "intensity", level: .warning,
                message: "All intensities are whole numbers from 0 to \(Self.number(facts.maximum)), so the scan looks "
                    + "like a label map; the model expects an image.")
        ]
    }

    private func extentConcerns(_ facts: ScanFacts) -> [Concern] {
        guard let pixdim = preprocessing.pixdim, let roiSize else { return [] }
        let extents = zip(facts.size, facts.spacing).map { Double($0) * $1 }
        let window = zip(roiSize.array, pixdim).map { Double($0) * $1 }
        guard zip(extents.sorted(), window.sorted()).contains(where: { $0 < $1 * 0.9 }) else { return [] }
        return [
            Concern(
                topic: "extent", level: .note,
                message: "The scan covers \(Self.millimetres(extents)) mm, less than one window of the model "
                    + "(\(Self.millimetres(window)) mm); it is padded.")
        ]
    }

    /// The number of windows a voxel above which their overlap is more likely a mistake than a wish.
    private static let mostWindowsOfAVoxel = 1000.0

    private var windowConcerns: [Concern] {
        guard let roiSize, overlap.isValid else { return [] }
        let windows = WindowPlan.windowsOfAVoxel(window: roiSize, overlap: overlap)
        guard windows > Self.mostWindowsOfAVoxel else { return [] }
        return [
            Concern(
                topic: "windows", level: .warning,
                message: "The model's windows overlap by \(overlap), so each voxel is computed up to "
                    + "\(windows.text(decimals: 0)) times; a smaller overlap is faster.")
        ]
    }

    private static func millimetres(_ values: [Double]) -> String { values.map(number).joined(separator: " × ") }

    private static func number(_ value: Double) -> String {
        let text = value.text(decimals: abs(value) >= 100 ? 0 : 2)
        guard text.contains("."), !text.contains("e") else { return text }
        return text.replacing(/\.?0+$/, with: "")
    }
}
