internal import Foundation
internal import SegCore

/// Why pictures are no volume.
struct DicomRefusal: Error, Sendable {
    /// Whether they could be a volume and are a damaged or uneven one, which a person has to know; a single slice, for
    /// example, could not.
    var couldBeVolume: Bool
    /// What is wrong and what to do, without the series' number.
    var message: String
}

/// Pictures of one series that have size, orientation and pixel spacing in common.
struct DicomGroup: Sendable {
    /// At least one, in an order that does not depend on the files' names.
    var frames: [DicomFrame]
    /// Sentences about files that were taken once.
    var remarks: [String] = []

    var image: DicomImage { frames[0].image }
    var isLocalizer: Bool { image.isLocalizer }
    var isPlaced: Bool { Self.isPlaced(frames[0]) }

    /// What people call it: `series 4`.
    var name: String {
        image.seriesNumber.isEmpty ? "series without a number" : "series \(image.seriesNumber.prefix(12))"
    }

    private static func isPlaced(_ frame: DicomFrame) -> Bool {
        frame.position != nil && frame.directions != nil && frame.spacing != nil
    }

    /// The largest angle between the directions of one volume's slices, in degrees.
    private static let largestAngle = 0.1

    /// Groups frames, and takes copies of one file once.
    static func groups(of frames: [DicomFrame]) -> [DicomGroup] {
        var groups: [DicomGroup] = []
        // Groups by what must be equal; the rest is compared within a tolerance.
        var places: [String: [Int]] = [:]
        var seen: [String: String] = [:]
        for frame in frames {
            let image = frame.image
            let isPlaced = isPlaced(frame)
            let key = "\(image.series)/\(image.rows)/\(image.columns)/\(image.isLocalizer)/\(isPlaced)"
            let home = places[key, default: []].first { !isPlaced || groups[$0].fits(frame) }
            let copy = "\(image.series)/\(image.instance)/\(frame.index)/\(frame.position.map { "\($0)" } ?? "")"
            if let first = seen[copy], let home {
                groups[home].remarks.append(
                    "\(image.name) is a copy of \(first) (one SOP instance); it was taken once.")
                continue
            }
            seen[copy] = image.name
            if let home {
                groups[home].frames.append(frame)
            } else {
                places[key, default: []].append(groups.count)
                groups.append(DicomGroup(frames: [frame]))
            }
        }
        return groups.sorted { $0.order < $1.order }
    }

    private func fits(_ frame: DicomFrame) -> Bool {
        guard let own = frames[0].directions, let other = frame.directions, let spacing = frames[0].spacing,
            let others = frame.spacing
        else { return false }
        let cosine = min(own.row.dot(other.row), own.column.dot(other.column))
        return cosine >= cos(Self.largestAngle * .pi / 180)
            && abs(spacing.rows - others.rows) <= 1e-4 * spacing.rows
            && abs(spacing.columns - others.columns) <= 1e-4 * spacing.columns
    }

    /// Series by their numbers; then by what is in the files, never by the files' names.
    private var order: (Int, String, Int, Int, String) {
        (Int(image.seriesNumber) ?? .max, image.series, -image.rows, -image.columns, image.instance)
    }
}
