internal import Foundation
internal import SegCore

/// The reason why frames do not form a volume.
struct DicomRefusal: Error, Sendable {
    /// Whether the frames are meant to be a volume but are damaged or uneven, which the user must know. It is false for
    /// a single slice, for example.
    var couldBeVolume: Bool
    /// The fault and the remedy, without the series' number.
    var message: String
}

/// Frames of one series with the same size, orientation and pixel spacing.
struct DicomGroup: Sendable {
    /// At least one frame, in an order that does not depend on the file names.
    var frames: [DicomFrame]

    var image: DicomImage { frames[0].image }
    var isLocalizer: Bool { image.isLocalizer }
    var isPlaced: Bool { Self.isPlaced(frames[0]) }

    /// The series in words: `series 4`.
    var name: String {
        image.seriesNumber.isEmpty ? "series without a number" : "series \(image.seriesNumber.prefix(12))"
    }

    private static func isPlaced(_ frame: DicomFrame) -> Bool {
        frame.position != nil && frame.directions != nil && frame.spacing != nil
    }

    /// The largest angle between the directions of slices of one volume, in degrees.
    private static let largestAngle = 0.1

    /// Groups frames by series and geometry.
    static func groups(of frames: [DicomFrame]) -> [DicomGroup] {
        var groups: [DicomGroup] = []
        // The key has the properties that must be equal; directions and spacing are compared with a tolerance.
        var places: [String: [Int]] = [:]
        for frame in frames {
            let image = frame.image
            let isPlaced = isPlaced(frame)
            let key = "\(image.series)/\(image.rows)/\(image.columns)/\(image.isLocalizer)/\(isPlaced)"
            let home = places[key, default: []].first { !isPlaced || groups[$0].fits(frame) }
            if let home {
                groups[home].frames.append(frame)
            } else {
                places[key, default: []].append(groups.count)
                groups.append(DicomGroup(frames: [frame]))
            }
        }
        groups = withUnplaced(groups)
        return groups.sorted { $0.order < $1.order }
    }

    /// Adds slices without a position, as faulty frames, to the groups with positions that they may belong to.
    private static func withUnplaced(_ groups: [DicomGroup]) -> [DicomGroup] {
        func kind(_ group: DicomGroup) -> String { "\(group.image.series)/\(group.image.rows)/\(group.image.columns)" }
        let scans = groups.indices.filter { !groups[$0].isLocalizer }
        let strays = scans.filter { !groups[$0].isPlaced }
        var result = groups
        var given: Set<Int> = []
        for stray in strays {
            for home in scans where groups[home].isPlaced && kind(groups[home]) == kind(groups[stray]) {
                given.insert(stray)
                result[home].frames += groups[stray].frames.map { frame in
                    var frame = frame
                    frame.fault =
                        frame.fault
                        ?? "lacks \(frame.missingGeometry), which the other slices of its series have; export the series again"
                    return frame
                }
            }
        }
        return result.indices.filter { !given.contains($0) }.map { result[$0] }
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

    /// The sort key: the series number, then the content of the files, never the file names.
    private var order: (Int, String, Int, Int, String) {
        (Int(image.seriesNumber) ?? .max, image.series, -image.rows, -image.columns, image.instance)
    }
}
