internal import SegBackend
internal import SegCore
internal import SegImaging

/// The names of the classes or regions by number, and the label-map values that belong to each.
struct LabelNames {
    let names: [Int: String]
    var scheme: LabelScheme

    /// Reads or writes the entries `labels`, `keep_numbers`, `regions`, `regions_order` and `ignore_label`.
    static func coded(_ own: LabelNames?, by coder: ConfigCoder) throws -> LabelNames {
        try coder.part(own, entries: { $0.scheme.entries(labels: $0.names) }, LabelScheme.read)
    }
}

extension LabelScheme {
    /// Reads `labels` or `regions`, the numbers of masks (`keep_numbers`, `regions_order`), and `ignore_label`.
    ///
    /// `labels` maps class numbers to names, `{"1": "spleen"}`, or names to the values of label maps,
    /// `{liver: 5, kidneys: [2, 3]}`. In the second form the classes are 1, 2, … in the written order. JSON objects have no
    /// order, so in JSON that map is a list: `[{"liver": 5}, {"kidneys": [2, 3]}]`. `regions` has the second form. Regions may
    /// share values, and each region is one channel of the network, from 0.
    /// - Throws: `DataError` naming the entry that is wrong.
    fileprivate static func read(_ reader: ConfigReader) throws -> LabelNames {
        var read = try readLabels(reader)
        if try reader.bool("keep_numbers") ?? false {
            guard read.scheme.groups != nil else {
                throw reader.error(
                    "keep_numbers",
                    "applies to labels that map names to numbers of label maps, such as {liver: 5}; "
                        + (read.scheme.regions == nil
                            ? "with other labels, masks hold the numbers of labels anyway"
                            : "for regions, regions_order gives the numbers"))
            }
            read.scheme.keepsNumbers = true
        }
        if let order = try reader.ints("regions_order") {
            try checkOrder(order, of: read.scheme, reader)
            read.scheme.regionsOrder = order
        }
        return read
    }

    /// Checks that there is one number for each region, and no number twice. Also checks that every region can be read from a
    /// painted mask: the region is painted with one of its own numbers that no later region inside it has, and no later region
    /// covers it wholly.
    private static func checkOrder(_ order: [Int], of scheme: LabelScheme, _ reader: ConfigReader) throws {
        guard let regions = scheme.regions else {
            throw reader.error("regions_order", "applies to regions only; labels do not overlap")
        }
        let most = ModelDescription.mostClasses - 1
        guard order.count == regions.count, Set(order).count == order.count,
            order.allSatisfy({ (1...most).contains($0) })
        else {
            throw reader.error(
                "regions_order",
                "should be \(regions.count) different numbers from 1 to \(most), one for each region in the order of "
                    + "regions, not \(order)")
        }
        for (index, region) in regions.enumerated() {
            let (own, number, laters) = (Set(region.numbers), order[index], regions[(index + 1)...])
            if let later = laters.first(where: { own.isSubset(of: $0.numbers) }) {
                throw reader.error(
                    "regions_order",
                    "paints '\(later.name)' over all of '\(region.name)', whose numbers it contains; put '\(later.name)' "
                        + "before '\(region.name)' in regions")
            }
            // A number of an inner region would also be read as that region.
            let inner = laters.filter { own.isSuperset(of: $0.numbers) }.flatMap(\.numbers)
            let free = own.subtracting(inner)
            guard own.contains(number), free.isEmpty || free.contains(number) else {
                throw reader.error(
                    "regions_order",
                    "gives '\(region.name)' the number \(number), but a painted mask could then not be read by the numbers in "
                        + "regions; give one of \((free.isEmpty ? own : free).sorted())")
            }
        }
    }

    private static func readLabels(_ reader: ConfigReader) throws -> LabelNames {
        var scheme = LabelScheme()
        scheme.ignored = try reader.int("ignore_label")
        if let number = scheme.ignored { try check(number, "ignore_label", reader) }
        if let value = reader.value("regions"), value != .null {
            scheme.regions = try regions(value, ignored: scheme.ignored, reader)
            let named = (scheme.regions ?? []).enumerated().map { ($0, $1.name) }
            return LabelNames(names: Dictionary(uniqueKeysWithValues: named), scheme: scheme)
        }
        guard let value = reader.value("labels") else { return LabelNames(names: [:], scheme: scheme) }
        if case .object(let members) = value, members.values.allSatisfy(\.isName) {
            return LabelNames(names: try names(members, reader), scheme: scheme)
        }
        var groups = try groups(value, "labels", reader)
        // nnU-Net's name for voxels that training ignores.
        if let index = groups.firstIndex(where: { $0.name.lowercased() == "ignore" }) {
            let numbers = groups.remove(at: index).numbers
            guard numbers.count == 1, scheme.ignored == nil || scheme.ignored == numbers[0] else {
                throw reader.error("labels.ignore", "should be one number, the same as ignore_label, not \(numbers)")
            }
            scheme.ignored = numbers[0]
        }
        scheme.groups = groups
        var taken: [Int: String] = [:]
        for group in groups {
            for number in group.numbers {
                try check(number, "labels", reader)
                if number == scheme.ignored {
                    throw reader.error(
                        "ignore_label", "is \(number), but labels assigns this number to '\(group.name)'")
                }
                if let other = taken.updateValue(group.name, forKey: number) {
                    throw reader.error(
                        "labels", "'\(other)' and '\(group.name)' both have number \(number); assign it to one of them")
                }
            }
        }
        let named = groups.enumerated().map { ($0 + 1, $1.name) }
        return LabelNames(names: Dictionary(uniqueKeysWithValues: named), scheme: scheme)
    }

    /// Reads the regions, one per channel of the network.
    private static func regions(
        _ value: ConfigValue, ignored: Int?, _ reader: ConfigReader
    ) throws -> [Group] {
        guard reader.value("labels") == nil else {
            throw reader.error("regions", "replace labels; keep only one of the two")
        }
        let regions = try groups(value, "regions", reader)
        guard (2...DiceCEParams.mostRegions).contains(regions.count) else {
            throw reader.error(
                "regions",
                "should be from 2 to \(DiceCEParams.mostRegions), not \(regions.count); give a single one as a class in labels"
            )
        }
        for number in regions.flatMap(\.numbers) {
            guard (1...largestOfRegions).contains(number), number != ignored else {
                throw reader.error(
                    "regions",
                    "should have numbers from 1 to \(largestOfRegions) that are not ignored, not \(number)")
            }
        }
        return regions
    }

    private static func check(_ number: Int, _ key: String, _ reader: ConfigReader) throws {
        guard number < 1 || number > Int(LabelMap.largest) else { return }
        throw reader.error(key, "should be numbers of a label map from 1 to \(Int(LabelMap.largest)), not \(number)")
    }

    /// Reads the names of the classes by number.
    private static func names(_ members: [String: ConfigValue], _ reader: ConfigReader) throws -> [Int: String] {
        var labels: [Int: String] = [:]
        for (key, value) in members {
            guard let number = Int(key), number >= 0, case .string(let name) = value else {
                throw reader.error("labels", "should map class numbers to names, not '\(key)' to \(value)")
            }
            guard labels.updateValue(name, forKey: number) == nil else {
                throw reader.error("labels", "class \(number) is named twice")
            }
        }
        return labels
    }

    /// Reads groups of label-map values from a list of objects with one member each, or from one such object.
    private static func groups(_ value: ConfigValue, _ key: String, _ reader: ConfigReader) throws -> [Group] {
        let items: [ConfigValue] = if case .array(let items) = value { items } else { [value] }
        var groups: [Group] = []
        for item in items {
            guard case .object(let members) = item, members.count == 1, let (name, numbers) = members.first else {
                let plain = key == "labels" ? "an object such as {\"1\": \"spleen\"}, or " : ""
                throw reader.error(
                    key,
                    "should be \(plain)a list of names and their numbers, such as [{\"liver\": 5}, "
                        + "{\"kidneys\": [2, 3]}], not \(item)")
            }
            let list: [ConfigValue] = if case .array(let list) = numbers { list } else { [numbers] }
            let found = list.compactMap(\.wholeNumber)
            guard !list.isEmpty, found.count == list.count else {
                throw reader.error("\(key).\(name)", "should be a number or a list of numbers, not \(numbers)")
            }
            // The background is every voxel that belongs to no other class.
            if name == "background", found == [0] { continue }
            guard !groups.contains(where: { $0.name == name }) else {
                throw reader.error("\(key).\(name)", "is given twice")
            }
            groups.append(Group(name: name, numbers: found))
        }
        guard !groups.isEmpty else { throw reader.error(key, "gives only the background") }
        return groups
    }

    /// The entries of the scheme, as `read` reads them.
    fileprivate func entries(labels: [Int: String]) -> [String: ConfigValue] {
        var entries: [String: ConfigValue] = [:]
        if let listed = groups ?? regions {
            entries[groups == nil ? "regions" : "labels"] = .array(
                listed.map { group in
                    let numbers = group.numbers.map(ConfigValue.int)
                    return .object([group.name: numbers.count == 1 ? numbers[0] : .array(numbers)])
                })
        } else {
            entries["labels"] = .object(
                Dictionary(uniqueKeysWithValues: labels.map { (String($0), .string($1)) }))
        }
        entries["ignore_label"] = ignored.map(ConfigValue.int)
        entries["keep_numbers"] = keepsNumbers ? true : nil
        entries["regions_order"] = regionsOrder.map { .array($0.map(ConfigValue.int)) }
        return entries
    }
}

extension ConfigValue {
    /// Whether the value is a string.
    fileprivate var isName: Bool { if case .string = self { true } else { false } }
}
