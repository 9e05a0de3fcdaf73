internal import SegCore
internal import SegImaging

extension DatasetIndex {
    /// The largest allowed class number.
    static let largestClass = Int(LabelMap.largest)
    /// Keys that describe a dataset and have no effect here.
    static let descriptive: Set<String> = [
        "name", "description", "reference", "licence", "license", "release", "relase", "version", "date", "author",
        "tensorImageSize", "numTraining", "numTest", "numValidation",
    ]

    /// Reads an index.
    /// - Throws: `DataError` naming every fault of the index.
    init(_ members: [String: ConfigValue], file: String) throws(DataError) {
        var faults = IndexFaults(file: file)
        if case .string(let text)? = members["name"] { name = text }
        channelNames = Self.channelNames(members["modality"], "modality", &faults)
        if case .string? = members["modality"] { isScannerAlone = true }
        labels = Self.labels(members["labels"], &faults)
        ignoredLabel = Self.takeIgnored(from: &labels, &faults)
        var keys: Set<String> = []
        func list(_ key: String, isLabelled: Bool) -> [Entry] {
            Self.entries(members[key], key, isLabelled: isLabelled, &faults, unread: &keys)
        }
        if members["training"] == nil {
            faults.add("training", "is missing" + Self.hint("training", members))
        }
        training = list("training", isLabelled: true)
        validation = list("validation", isLabelled: true)
        test = list("test", isLabelled: false) + list("testing", isLabelled: false)
        Self.checkFolds(training, validation, &faults)
        let read: Set = ["labels", "modality", "training", "validation", "test", "testing"]
        keys.formUnion(Self.unread(members, known: read, &faults))
        try faults.finish()
        notes = Self.countNotes(members, training.count, validation.count, test.count)
        if !keys.isEmpty { notes.append("keys that are not read: \(keys.sorted().shortList())") }
    }

    /// The name of each channel: `{"0": "T1", "1": "FLAIR"}`, or a single name, as in MONAI's lists.
    static func channelNames(_ value: ConfigValue?, _ key: String, _ faults: inout IndexFaults) -> [String] {
        let form = "should map each channel's number from 0 to its name, such as {\"0\": \"CT\"}"
        switch value {
        case nil, .null?: return []
        case .string(let name)?: return [name]
        case .object(let members)?:
            let names = (0..<members.count).compactMap { number -> String? in
                if case .string(let name)? = members["\(number)"] { name } else { nil }
            }
            if names.count == members.count { return names }
        default: break
        }
        faults.add(key, "\(form), not \(short(value))")
        return []
    }

    /// The names of the classes by number.
    private static func labels(_ value: ConfigValue?, _ faults: inout IndexFaults) -> [Int: String] {
        let form = "should map numbers to names, such as {\"0\": \"background\", \"1\": \"spleen\"}"
        guard let value, value != .null else {
            faults.add("labels", "is missing; it \(form)")
            return [:]
        }
        guard case .object(let members) = value else {
            faults.add("labels", "\(form), not \(short(value))")
            return [:]
        }
        var names: [Int: String] = [:]
        for (key, value) in members.sorted(by: { $0.key < $1.key }) {
            guard let number = Int(key), (0...largestClass).contains(number) else {
                faults.add("labels.\(key)", "is not a class number from 0 to \(largestClass); labels \(form)")
                continue
            }
            guard case .string(let name) = value else {
                faults.add("labels.\(key)", "should be the name of a class, not \(short(value))")
                continue
            }
            if let other = names.updateValue(name, forKey: number) {
                faults.add("labels", "'\(other)' and '\(name)' are both class \(number); give each its own number")
            }
        }
        return names
    }

    /// Removes nnU-Net's label `ignore`, for ignored voxels, from the classes.
    /// - Returns: The number of the label `ignore`; nil if the labels have none.
    static func takeIgnored(from labels: inout [Int: String], _ faults: inout IndexFaults) -> Int? {
        guard let number = labels.first(where: { $0.value.lowercased() == "ignore" })?.key else { return nil }
        guard number > 0 else {
            faults.add("labels.ignore", "is 0, which is the background's number")
            return nil
        }
        labels[number] = nil
        return number
    }

    /// Checks that every training case has a fold, or that none has.
    private static func checkFolds(_ training: [Entry], _ validation: [Entry], _ faults: inout IndexFaults) {
        let folds = training.compactMap(\.fold)
        guard !folds.isEmpty else { return }
        if folds.count < training.count {
            faults.add(
                "training", "\(folds.count) of \(training.count) entries have a 'fold'; give one to each or to none")
        } else if Set(folds).count < 2 {
            faults.add("training", "every 'fold' is \(folds[0]); give at least two folds, or remove the key")
        }
        if !validation.isEmpty {
            faults.add("validation", "lists cases although the entries of 'training' have a 'fold'; keep one of them")
        }
    }

    /// Keys that are not read; a key that lists scans, or that looks like a misspelt known key, is a fault.
    static func unread(
        _ members: [String: ConfigValue], known: Set<String>, _ faults: inout IndexFaults
    ) -> Set<String> {
        var unread: Set<String> = []
        for (key, value) in members.sorted(by: { $0.key < $1.key })
        where !known.contains(key) && !descriptive.contains(key) {
            if key.count > 4, let meant = nearest(to: key, among: known) {
                faults.add(key, "is not a known key; did you mean '\(meant)'?")
            } else if listsScans(value) {
                let lists = known.filter(\.isListOfScans).sorted().joined(separator: ", ")
                let read =
                    lists.isEmpty
                    ? "the scans are those in imagesTr and imagesTs; remove it"
                    : "only \(lists) are read; rename it or remove it"
                faults.add(key, "lists scans, but \(read)")
            } else {
                unread.insert(key)
            }
        }
        return unread
    }

    private static func listsScans(_ value: ConfigValue) -> Bool {
        guard case .array(let items) = value else { return false }
        return items.contains { item in
            switch item {
            case .object(let members): members["image"] != nil || members["label"] != nil
            case .string(let text): ScanFile.singleFileEndings.contains(where: text.lowercased().contains)
            default: false
            }
        }
    }

    /// Notes about counts of the index that differ from its lists.
    private static func countNotes(
        _ members: [String: ConfigValue], _ training: Int, _ validation: Int, _ test: Int
    ) -> [String] {
        let counts = [
            ("numTraining", "training", [training, training + validation]),
            ("numValidation", "validation", [validation]), ("numTest", "test", [test]),
        ]
        return counts.compactMap { key, list, right in
            guard let value = members[key], value != .null else { return nil }
            guard value.wholeNumber.map(right.contains) != true else { return nil }
            return "\(key) is \(short(value)), but \(list) lists \(right[0])"
        }
    }
}

extension DatasetIndex {
    /// The entries of a list; empty if the key is absent.
    private static func entries(
        _ value: ConfigValue?, _ key: String, isLabelled: Bool, _ faults: inout IndexFaults, unread: inout Set<String>
    ) -> [Entry] {
        guard let value, value != .null else { return [] }
        guard case .array(let items) = value else {
            faults.add(key, "should be a list, not \(short(value))")
            return []
        }
        var entries: [Entry] = []
        for (number, item) in items.enumerated() {
            let place = "\(key)[\(number)]"
            switch item {
            case .string(let image) where !isLabelled: entries.append(Entry(images: [image]))
            case .object(let members):
                let hasFold = key == "training"
                guard let entry = entry(members, place, isLabelled: isLabelled, hasFold: hasFold, &faults) else {
                    continue
                }
                entries.append(entry)
                let known: Set = hasFold ? ["image", "label", "fold"] : ["image", "label"]
                unread.formUnion(members.keys.filter { !known.contains($0) }.map { "\(key)[].\($0)" })
            default:
                faults.add(
                    place,
                    "should be \(isLabelled ? "" : "a file or ")an object with 'image' and 'label', not \(short(item))")
            }
        }
        return entries
    }

    private static func entry(
        _ members: [String: ConfigValue], _ place: String, isLabelled: Bool, hasFold: Bool, _ faults: inout IndexFaults
    ) -> Entry? {
        func path(_ key: String, isNeeded: Bool) -> String? {
            switch members[key] {
            case .string(let path)? where !path.isEmpty: return path
            case nil, .null?:
                guard isNeeded else { return nil }
                let other = members[key == "label" ? "image" : "label"]
                let name = if case .string(let text)? = other { "; the case's other file is \(text)" } else { "" }
                faults.add("\(place).\(key)", "is missing\(hint(key, members))\(name)")
            case let other: faults.add("\(place).\(key)", "should be the path of one file, not \(short(other))")
            }
            return nil
        }
        let images = images(members["image"], place, &faults) ?? path("image", isNeeded: true).map { [$0] }
        let label = path("label", isNeeded: isLabelled)
        var fold: Int?
        if hasFold, let value = members["fold"], value != .null {
            fold = value.wholeNumber
            if fold ?? -1 < 0 { faults.add("\(place).fold", "should be an integer from 0, not \(short(value))") }
        }
        guard let images, !images.isEmpty, label != nil || !isLabelled else { return nil }
        return Entry(images: images, label: label, fold: fold)
    }

    /// The files of a case's channels; nil if the value is not a list, empty if the list is wrong.
    private static func images(
        _ value: ConfigValue?, _ place: String, _ faults: inout IndexFaults
    ) -> [String]? {
        guard case .array(let items)? = value else { return nil }
        let files = items.compactMap { item -> String? in
            if case .string(let file) = item, !file.isEmpty { file } else { nil }
        }
        if !items.isEmpty, files.count == items.count { return files }
        faults.add("\(place).image", "should be a file, or a list of one file per channel, not \(short(value))")
        return []
    }

    /// The question whether an unread key is a misspelling of the missing key.
    static func hint(_ key: String, _ members: [String: ConfigValue]) -> String {
        nearest(to: key, among: members.keys.filter { $0 != key }).map { "; is '\($0)' a misspelt '\(key)'?" } ?? ""
    }

    /// A short form of a value for messages.
    static func short(_ value: ConfigValue?) -> String {
        switch value {
        case nil: "nothing"
        case .array(let items)? where items.count > 4: "a list of \(items.count)"
        case .object(let members)? where members.count > 4: "an object of \(members.count)"
        case let value?: String(value.description.prefix(80))
        }
    }
}

extension String {
    /// Whether a key of the index lists scans.
    fileprivate var isListOfScans: Bool { ["training", "validation", "test", "testing"].contains(self) }
}
