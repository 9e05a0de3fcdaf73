internal import SegInference

extension ModelEntry {
    /// The differences between a scan and the model's training data. A concern about a further channel begins with the
    /// channel's number.
    func concerns(about scan: Scan) -> [Concern] {
        scan.further.enumerated().reduce(into: description.concerns(about: scan.facts)) { concerns, channel in
            for var concern in description.concerns(about: channel.element.facts) where !concerns.contains(concern) {
                concern.message = "channel \(channel.offset + 1): \(concern.message)"
                concerns.append(concern)
            }
        }
    }
}
