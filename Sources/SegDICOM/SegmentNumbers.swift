internal import SegCore

/// Assigns a number in a label map to each segment of a file.
struct SegmentNumbers {
    /// The number of each segment; a segment that is left out has none.
    private(set) var numbers: [Int: UInt16] = [:]
    /// Notes for the user, one sentence each.
    private(set) var remarks: [String] = []
    /// The reasons why segments cannot be assigned, one sentence each; empty if they can.
    private(set) var faults: [String] = []

    /// Matches segments to the classes of a dataset by name, regardless of case and underscores.
    ///
    /// Without classes, segments keep the file's own numbers.
    init(_ segments: [SegmentFile.Segment], classes: [Int: String]) {
        let wanted = classes.filter { $0.key > 0 }
        if segments.isEmpty { faults.append("It has no segments.") }
        let twice = Dictionary(grouping: segments, by: \.number).filter { $1.count > 1 }.keys.sorted()
        if !twice.isEmpty {
            faults.append("Several of its segments have the number \(twice.map(String.init).shortList()).")
        }
        if wanted.isEmpty {
            takeOwn(segments)
        } else {
            match(segments, with: wanted)
        }
    }

    private mutating func match(_ segments: [SegmentFile.Segment], with wanted: [Int: String]) {
        let byName = Dictionary(wanted.map { (SegmentCodes.plain($1), $0) }) { min($0, $1) }
        for segment in segments {
            numbers[segment.number] = byName[SegmentCodes.plain(segment.name)].map { UInt16($0) }
        }
        addTwins(wanted.sorted { $0.key < $1.key }.map(\.value), of: "The dataset's classes")
        addTwins(segments.filter { numbers[$0.number] != nil }.map(\.name), of: "Its segments")
        // A dataset without class names has one class, "foreground"; a single segment is used as this class.
        if numbers.isEmpty, wanted.count == 1, wanted.values.first == "foreground", segments.count == 1 {
            numbers[segments[0].number] = wanted.keys.first.map { UInt16($0) }
            remarks.append("Its segment '\(segments[0].name)' is used as the foreground.")
        }
        let others = segments.filter { numbers[$0.number] == nil }.map { "'\($0.name)'" }
        if numbers.isEmpty, !segments.isEmpty {
            let names = wanted.sorted { $0.key < $1.key }.map { "'\($0.value)'" }
            faults.append(
                "None of its segments (\(others.shortList())) has the name of a class of the dataset (\(names.shortList())); "
                    + "give the classes the names of the segments.")
        } else if !others.isEmpty {
            remarks.append("Its segments \(others.shortList()) are not classes of the dataset and were left out.")
        }
        let found = Set(numbers.values.map(Int.init))
        let missing = wanted.filter { !found.contains($0.key) }.sorted { $0.key < $1.key }.map { "'\($0.value)'" }
        if !numbers.isEmpty, !missing.isEmpty {
            remarks.append("It has no segment for \(missing.shortList()).")
        }
    }

    /// Refuses names that differ only in case, hyphens and underscores because they would become one class.
    private mutating func addTwins(_ names: [String], of whom: String) {
        let groups = Dictionary(grouping: names, by: SegmentCodes.plain).values.filter { $0.count > 1 }
        for twins in groups.sorted(by: { $0[0] < $1[0] }) {
            faults.append(
                "\(whom) \(twins.map { "'\($0)'" }.shortList()) have one name except for case, hyphens and underscores; "
                    + "rename or merge them.")
        }
    }

    private mutating func takeOwn(_ segments: [SegmentFile.Segment]) {
        for segment in segments {
            if let number = UInt16(exactly: segment.number), number > 0 {
                numbers[segment.number] = number
            } else {
                faults.append(
                    "Its segment '\(segment.name)' has the number \(segment.number); 1 to 65535 were expected.")
            }
        }
        remarks.append("Its segments are " + segments.map { "\($0.number) '\($0.name)'" }.shortList() + ".")
    }
}
