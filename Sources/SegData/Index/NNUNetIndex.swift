internal import Foundation
internal import SegCore
internal import SegImaging

/// The `dataset.json` of nnU-Net's raw datasets: labels map names to numbers, and file names end in the channel's
/// number.
struct NNUNetIndex {
    private let file: String
    private let members: [String: ConfigValue]
    private let labels: [Int: String]
    private let ignoredLabel: Int?
    private let channelNames: [String]
    private let ending: String
    private let notes: [String]

    /// Whether an index is nnU-Net's rather than the Decathlon's.
    static func describes(_ members: [String: ConfigValue]) -> Bool {
        if members["channel_names"] != nil || members["file_ending"] != nil { return true }
        guard members["training"] == nil, case .object(let labels)? = members["labels"] else { return false }
        return !labels.isEmpty && labels.values.allSatisfy { $0.wholeNumber != nil }
    }

    /// Reads an index.
    /// - Throws: `DataError` naming every fault and every unsupported key of the index.
    init(_ members: [String: ConfigValue], file: String) throws(DataError) {
        self.file = file
        self.members = members
        var faults = IndexFaults(file: file)
        var labels = Self.labels(members["labels"], &faults)
        ignoredLabel = DatasetIndex.takeIgnored(from: &labels, &faults)
        self.labels = labels
        channelNames = Self.channels(members, &faults)
        ending = Self.ending(members, &faults)
        for (key, reason) in Self.unsupported where members[key] != nil { faults.add(key, reason) }
        let known: Set = ["channel_names", "labels", "file_ending", "overwrite_image_reader_writer"]
        let unread = DatasetIndex.unread(members, known: known.union(Self.unsupported.keys), &faults)
        try faults.finish()
        notes = unread.isEmpty ? [] : ["keys that are not read: \(unread.sorted().shortList())"]
    }

    private static let unsupported = [
        "regions_class_order":
            "belongs to regions, which an index cannot hold; remove it, and give it as regions_order beside regions in the "
            + "training configuration",
        "dataset": "lists files one by one, which is not supported; name them imagesTr/CASE_0000 and labelsTr/CASE",
    ]

    /// The names of the classes by number.
    private static func labels(_ value: ConfigValue?, _ faults: inout IndexFaults) -> [Int: String] {
        let form = "should map names to numbers, such as {\"background\": 0, \"spleen\": 1}"
        guard case .object(let members)? = value else {
            faults.add("labels", value == nil ? "is missing; it \(form)" : "\(form), not \(DatasetIndex.short(value))")
            return [:]
        }
        var names: [Int: String] = [:]
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
            if case .array = value {
                faults.add(
                    "labels.\(name)",
                    "is the region \(value); name each number here, and give the regions in the training configuration")
                continue
            }
            guard let number = value.wholeNumber, (0...DatasetIndex.largestClass).contains(number) else {
                faults.add(
                    "labels.\(name)",
                    "should be an integer from 0 to \(DatasetIndex.largestClass), not \(DatasetIndex.short(value))")
                continue
            }
            if let other = names.updateValue(name, forKey: number) {
                faults.add("labels", "'\(other)' and '\(name)' are both \(number); give each class its own number")
            }
        }
        if let background = members["background"], background.wholeNumber != 0 {
            faults.add("labels.background", "should be 0, not \(DatasetIndex.short(background))")
        } else if members["background"] == nil, let other = names[0] {
            faults.add("labels.\(other)", "is 0, which is the background's number")
        }
        return names
    }

    /// The names of the channels.
    private static func channels(_ members: [String: ConfigValue], _ faults: inout IndexFaults) -> [String] {
        guard let value = members["channel_names"], value != .null, value != .object([:]) else {
            let hint = DatasetIndex.hint("channel_names", members)
            faults.add("channel_names", "is missing\(hint); it should map the channel's number to its name")
            return []
        }
        return DatasetIndex.channelNames(value, "channel_names", &faults)
    }

    private static func ending(_ members: [String: ConfigValue], _ faults: inout IndexFaults) -> String {
        let endings = ScanFile.singleFileEndings.joined(separator: ", ")
        switch members["file_ending"] {
        case nil:
            faults.add(
                "file_ending", "is missing\(DatasetIndex.hint("file_ending", members)); it should be one of \(endings)")
        case .string(let ending)? where ScanFile.singleFileEndings.contains(ending): return ending
        case .string(let ending)?: faults.add("file_ending", "is \(ending); convert the images to one of \(endings)")
        case let value?: faults.add("file_ending", "should be text like \".nii.gz\", not \(DatasetIndex.short(value))")
        }
        return ""
    }

    /// The dataset in the index's folder.
    /// - Throws: `DataError` naming files without a partner, or a channel that is missing or has no name.
    func dataset() throws(DataError) -> Dataset {
        let root = URL(fileURLWithPath: file).deletingLastPathComponent()
        let cases = try CasePattern.pairs(
            images: "imagesTr/*_0000\(ending)", labels: "labelsTr/*\(ending)", in: root)
        let tests = try CasePattern("imagesTs/*_0000\(ending)").files(in: root)
        let testLabels = try CasePattern("labelsTs/*\(ending)").files(in: root)
        let images = try channels("imagesTr", of: cases.map(\.name), in: root)
        let testImages = try channels("imagesTs", of: tests.keys.sorted(), in: root)
        var dataset = Dataset(
            name: name ?? root.lastPathComponent, labels: labels, channelNames: channelNames,
            cases: zip(cases, images).map { DatasetCase(name: $0.name, images: $1, label: $0.label) },
            testScans: zip(tests.keys.sorted(), testImages).map { name, images in
                TestScan(name: name, images: images, label: testLabels[name])
            })
        var notes = notes
        if let count = members["numTraining"], count.wholeNumber != cases.count {
            notes.append("numTraining is \(DatasetIndex.short(count)), but imagesTr holds \(cases.count) cases")
        }
        (dataset.index, dataset.notes, dataset.ignoredLabel) = (file, notes, ignoredLabel)
        return dataset
    }

    /// The files of each case, one per channel of the index.
    private func channels(_ part: String, of cases: [String], in root: URL) throws(DataError) -> [[String]] {
        var files: [[String: String]] = []
        for number in channelNames.indices {
            files.append(try CasePattern("\(part)/*\(CaseChannels.suffix(number))\(ending)").files(in: root))
        }
        let names = Set(cases)
        let further = try CasePattern("\(part)/*\(ending)").files(in: root).values.filter { path in
            guard let parts = CaseChannels.parts(of: path), names.contains(parts.name) else { return false }
            return parts.channel >= channelNames.count
        }
        guard further.isEmpty else {
            throw DataError(
                .badData, file, key: "channel_names",
                "names \(channelNames.count == 1 ? "one channel" : "\(channelNames.count) channels"), but there are "
                    + "files of a further one: \(further.sorted().shortList())")
        }
        let absent = cases.flatMap { name in
            files.indices.filter { files[$0][name] == nil }.map { "\(part)/\(name)\(CaseChannels.suffix($0))\(ending)" }
        }
        guard absent.isEmpty else {
            throw DataError(
                .noInput, file,
                "names \(channelNames.count) channels, but files of some are missing: \(absent.shortList())")
        }
        return cases.map { name in files.compactMap { $0[name] } }
    }

    private var name: String? { if case .string(let name)? = members["name"] { name } else { nil } }
}
