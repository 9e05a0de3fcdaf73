internal import SegInference

extension ModelEntry {
    /// In what a scan is not what the model was trained on; those of further channels name the channel.
    func concerns(about scan: Scan) -> [Concern] {
        scan.further.enumerated().reduce(into: description.concerns(about: scan.facts)) { concerns, channel in
            for var concern in description.concerns(about: channel.element.facts) where !concerns.contains(concern) {
                concern.message = "channel \(channel.offset + 1): \(concern.message)"
                concerns.append(concern)
            }
        }
    }
}
