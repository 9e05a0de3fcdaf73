internal import Foundation
internal import SegCore

/// Builds volumes from the frames of a group.
struct DicomStacking {
    let fillsGaps: Bool
    /// Reads pixels if two slices have the same position.
    let pixels: DicomPixels

    /// The largest distance between slices at the same position, in mm.
    private static let placeTolerance = 0.01

    /// The volume, or several volumes at the same positions that an attribute distinguishes.
    /// - Throws: `DicomRefusal` if the frames do not form a volume.
    func stacks(of group: DicomGroup) throws(DicomRefusal) -> [DicomStack] {
        if let frame = group.frames.first(where: { $0.fault != nil }), let fault = frame.fault {
            throw DicomRefusal(couldBeVolume: true, message: "\(frame.name) \(fault).")
        }
        guard !group.isLocalizer else {
            throw DicomRefusal(
                couldBeVolume: false, message: "\(group.frames[0].name) is a localizer, which is not a volume.")
        }
        guard group.isPlaced, let normal = group.frames[0].normal else { throw unplaced(group) }
        let all = self.places(group.frames, normal: normal)
        guard group.frames.count > 1, all.count > 1 else { throw single(group) }
        let (places, copies) = try pixels.withoutCopies(all)
        let counts = Set(places.map(\.count))
        var (stacks, remarks): ([(label: String, frames: [DicomFrame])], [String]) = ([], copies)
        if counts == [1] {
            stacks = [("", places.map { $0[0] })]
        } else if counts.count == 1, let told = toldApart(places) {
            stacks = told
        } else {
            let (frames, notes) = try pixels.single(places, along: normal)
            stacks = [("", frames)]
            remarks += notes
        }
        var result: [DicomStack] = []
        for (label, frames) in stacks {
            var stack = try DicomStack(frames, normal: normal, fillsGaps: fillsGaps)
            stack.label = label
            stack.remarks += remarks
            result.append(stack)
        }
        return result
    }

    /// The frames by their position along the normal, ascending.
    private func places(_ frames: [DicomFrame], normal: DicomFrame.Vector) -> [[DicomFrame]] {
        let ordered = frames.map { (frame: $0, distance: $0.position.map { $0.dot(normal) } ?? 0) }
            .enumerated().sorted { ($0.element.distance, $0.offset) < ($1.element.distance, $1.offset) }
        var places: [(distance: Double, frames: [DicomFrame])] = []
        for (_, (frame, distance)) in ordered {
            if let last = places.last, distance - last.distance < Self.placeTolerance {
                places[places.count - 1].frames.append(frame)
            } else {
                places.append((distance, [frame]))
            }
        }
        return places.map(\.frames)
    }

    /// The volumes by the first attribute, or pair of attributes, that distinguishes the frames at every position in
    /// the same way.
    private func toldApart(_ places: [[DicomFrame]]) -> [(label: String, frames: [DicomFrame])]? {
        let keys = DicomFrame.keyNames.indices.map { [$0] }
        let pairs = keys.flatMap { first in keys.filter { $0[0] > first[0] }.map { first + $0 } }
        for chosen in keys + pairs {
            func value(_ frame: DicomFrame) -> [String] { chosen.map { frame.keys[$0] } }
            let values = Set(places[0].map(value))
            guard values.count == places[0].count, places.allSatisfy({ Set($0.map(value)) == values }) else { continue }
            let tables = places.map { place in Dictionary(place.map { (value($0), $0) }) { first, _ in first } }
            return values.sorted(by: Self.ascending).enumerated().map { number, value in
                let names = zip(chosen, value).map { key, text in
                    let name = DicomFrame.keyNames[key]
                    // An instance's UID does not help the user, and a time may identify a person.
                    if name == "instance" { return "file \(number + 1)" }
                    return name.hasSuffix("Time") && name != "EchoTime"
                        ? "time \(number + 1)" : "\(name) \(text.prefix(40))"
                }
                return (names.joined(separator: ", "), tables.compactMap { $0[value] })
            }
        }
        return nil
    }

    /// Compares numbers by value and texts by their characters.
    private static func ascending(_ left: [String], _ right: [String]) -> Bool {
        for (a, b) in zip(left, right) where a != b {
            if let x = Double(a), let y = Double(b), x != y { return x < y }
            return a < b
        }
        return false
    }

    private func unplaced(_ group: DicomGroup) -> DicomRefusal {
        let frame = group.frames[0]
        return DicomRefusal(
            couldBeVolume: group.frames.count > 1,
            message:
                "\(frame.name) lacks \(frame.missingGeometry), so the position of its slices is unknown; the order "
                + "of files is not used instead. Export the series with its geometry.")
    }

    private func single(_ group: DicomGroup) -> DicomRefusal {
        let name = group.frames[0].name
        return DicomRefusal(
            couldBeVolume: false,
            message: group.frames.count == 1
                ? "\(name) is a single slice, not a volume; give the folder of the whole series."
                : "its \(group.frames.count) images (\(name) and others) are all at one position, so they do not form a volume."
        )
    }
}
