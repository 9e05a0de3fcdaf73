internal import SegBackend
internal import SegCore
internal import SegImaging

/// The names of the classes or regions by number, and the label-map values that belong to each.
struct LabelNames {
    let names: [Int: String]
    var scheme: LabelScheme

    /// Reads or writes `labels` or `regions`, the numbers of masks (`keep_numbers`, `regions_order`), and `ignore_label`.
    ///
    /// `labels` maps class numbers to names, `{"1": "spleen"}`, or names to the values of label maps,
    /// `{liver: 5, kidneys: [2, 3]}`. In the second form the classes are 1, 2, … in the written order. JSON objects have no
    /// order, so in JSON that map is a list: `[{"liver": 5}, {"kidneys": [2, 3]}]`. `regions` has the second form. Regions may
    /// share values, and each region is one channel of the network, from 0.
    /// - Throws: `DataError` naming the entry that is wrong.
    static func coded(_ own: LabelNames?, by coder: ConfigCoder) throws -> LabelNames {
        var scheme = LabelScheme()
        scheme.ignored = try coder.given("ignore_label", own?.scheme.ignored, .labelNumber)
        scheme.regions = try coder.given("regions", own?.scheme.regions, .groups())
        let labels = try coder.given("labels", own?.labels, .labels)
        try coder.check("regions", scheme.regions == nil || labels == nil, "replace labels; keep only one of the two")
        if case .groups(let groups)? = labels { scheme.groups = groups }
        // nnU-Net's name for voxels that training ignores.
        if let index = scheme.groups?.firstIndex(where: { $0.name.lowercased() == "ignore" }),
            let numbers = scheme.groups?.remove(at: index).numbers
        {
            try coder.check(
                "labels.ignore", numbers.count == 1 && [nil, numbers[0]].contains(scheme.ignored),
                "should be one number, the same as ignore_label, not \(numbers)")
            scheme.ignored = numbers[0]
        }
        scheme.keepsNumbers =
            try coder.given("keep_numbers", own?.scheme.keepsNumbers == true ? true : nil, .bool) ?? false
        try coder.check(
            "keep_numbers", !scheme.keepsNumbers || scheme.groups != nil,
            "applies to labels that map names to numbers of label maps, such as {liver: 5}; "
                + (scheme.regions == nil
                    ? "with other labels, masks hold the numbers of labels anyway"
                    : "for regions, regions_order gives the numbers"))
        scheme.regionsOrder = try coder.given("regions_order", own?.scheme.regionsOrder, .ints)
        if let reader = coder.reader { try scheme.check(reader) }
        return LabelNames(labels, scheme)
    }

    /// Creates names from a model's own.
    init(names: [Int: String], scheme: LabelScheme) { (self.names, self.scheme) = (names, scheme) }

    private init(_ labels: Labels?, _ scheme: LabelScheme) {
        self.scheme = scheme
        if case .names(let names)? = labels {
            self.names = names
        } else {
            // Channels of regions are numbered from 0, classes from 1.
            let first = scheme.regions == nil ? 1 : 0
            let named = (scheme.groups ?? scheme.regions ?? []).enumerated().map { ($0 + first, $1.name) }
            names = Dictionary(uniqueKeysWithValues: named)
        }
    }

    /// The value of `labels`.
    fileprivate enum Labels {
        /// The names of the classes by number.
        case names([Int: String])
        /// The classes in their order, with the values of label maps.
        case groups([LabelScheme.Group])
    }

    /// The labels to write; nil if there are regions instead.
    private var labels: Labels? { scheme.groups.map(Labels.groups) ?? (scheme.regions == nil ? .names(names) : nil) }
}

extension LabelScheme {
    fileprivate func check(_ reader: ConfigReader) throws {
        try checkGroups(reader)
        try checkRegions(reader)
        if let order = regionsOrder { try check(order: order, reader) }
    }

    /// Checks that each number of label maps belongs to one class.
    private func checkGroups(_ reader: ConfigReader) throws {
        var taken: [Int: String] = [:]
        for group in groups ?? [] {
            for number in group.numbers {
                try Self.check(number, "labels", reader)
                if number == ignored {
                    throw reader.error(
                        "ignore_label", "is \(number), but labels assigns this number to '\(group.name)'")
                }
                if let other = taken.updateValue(group.name, forKey: number) {
                    throw reader.error(
                        "labels", "'\(other)' and '\(group.name)' both have number \(number); assign it to one of them")
                }
            }
        }
    }

    /// Checks that a number may be that of a class in a label map.
    fileprivate static func check(_ number: Int, _ key: String, _ reader: ConfigReader) throws {
        guard number < 1 || number > Int(LabelMap.largest) else { return }
        throw reader.error(key, "should be numbers of a label map from 1 to \(Int(LabelMap.largest)), not \(number)")
    }

    /// Groups as a list of objects with one member each.
    fileprivate static func value(of groups: [Group]) -> ConfigValue {
        .array(
            groups.map { group in
                let numbers = group.numbers.map(ConfigValue.int)
                return .object([group.name: numbers.count == 1 ? numbers[0] : .array(numbers)])
            })
    }

    private func checkRegions(_ reader: ConfigReader) throws {
        guard let regions else { return }
        guard (2...DiceCEParams.mostRegions).contains(regions.count) else {
            throw reader.error(
                "regions",
                "should be from 2 to \(DiceCEParams.mostRegions), not \(regions.count); give a single one as a class in labels"
            )
        }
        for number in regions.flatMap(\.numbers) {
            guard (1...Self.largestOfRegions).contains(number), number != ignored else {
                throw reader.error(
                    "regions",
                    "should have numbers from 1 to \(Self.largestOfRegions) that are not ignored, not \(number)")
            }
        }
    }

    /// Checks that there is one number for each region, and no number twice. Also checks that every region can be read from a
    /// painted mask: the region is painted with one of its own numbers that no later region inside it has, and no later region
    /// covers it wholly.
    private func check(order: [Int], _ reader: ConfigReader) throws {
        let key = "regions_order"
        guard let regions else { throw reader.error(key, "applies to regions only; labels do not overlap") }
        let most = ModelDescription.mostClasses - 1
        guard order.count == regions.count, Set(order).count == order.count,
            order.allSatisfy({ (1...most).contains($0) })
        else {
            throw reader.error(
                key,
                "should be \(regions.count) different numbers from 1 to \(most), one for each region in the order of "
                    + "regions, not \(order)")
        }
        for (index, region) in regions.enumerated() {
            let (own, number, laters) = (Set(region.numbers), order[index], regions[(index + 1)...])
            if let later = laters.first(where: { own.isSubset(of: $0.numbers) }) {
                throw reader.error(
                    key,
                    "paints '\(later.name)' over all of '\(region.name)', whose numbers it contains; put '\(later.name)' "
                        + "before '\(region.name)' in regions")
            }
            // A number of an inner region would also be read as that region.
            let inner = laters.filter { own.isSuperset(of: $0.numbers) }.flatMap(\.numbers)
            let free = own.subtracting(inner)
            guard own.contains(number), free.isEmpty || free.contains(number) else {
                throw reader.error(
                    key,
                    "gives '\(region.name)' the number \(number), but a painted mask could then not be read by the numbers in "
                        + "regions; give one of \((free.isEmpty ? own : free).sorted())")
            }
        }
    }
}

extension ConfigForm<Int> {
    /// A number of a class in label maps.
    fileprivate static var labelNumber: Self {
        Self(
            decode: { value, key, reader in
                let number = try int.decode(value, key, reader)
                try LabelScheme.check(number, key, reader)
                return number
            }, encode: ConfigValue.int)
    }
}

extension ConfigForm<LabelNames.Labels> {
    /// The names of classes by number, or classes with the values of label maps.
    fileprivate static var labels: Self {
        Self(
            decode: { value, key, reader in
                guard case .object(let members) = value, members.values.allSatisfy(\.isName) else {
                    let form = ConfigForm<[LabelScheme.Group]>.groups(or: "an object such as {\"1\": \"spleen\"}, or ")
                    return .groups(try form.decode(value, key, reader))
                }
                return .names(try names(members, key, reader))
            },
            encode: { labels in
                switch labels {
                case .names(let names):
                    .object(Dictionary(uniqueKeysWithValues: names.map { (String($0), .string($1)) }))
                case .groups(let groups): LabelScheme.value(of: groups)
                }
            })
    }

    private static func names(
        _ members: [String: ConfigValue], _ key: String, _ reader: ConfigReader
    ) throws -> [Int: String] {
        var names: [Int: String] = [:]
        for (member, value) in members {
            guard let number = Int(member), number >= 0, case .string(let name) = value else {
                throw reader.error(key, "should map class numbers to names, not '\(member)' to \(value)")
            }
            guard names.updateValue(name, forKey: number) == nil else {
                throw reader.error(key, "class \(number) is named twice")
            }
        }
        if let fault = LabelScheme.sharedName(names) { throw reader.error(key, fault) }
        return names
    }
}

extension ConfigForm<[LabelScheme.Group]> {
    /// Names with the values of label maps: a list of objects with one member each, or one such object.
    /// - Parameter other: Another form of the value, for the error message.
    fileprivate static func groups(or other: String = "") -> Self {
        Self(
            decode: { try groups($0, $1, $2, other) },
            encode: LabelScheme.value(of:))
    }

    private static func groups(
        _ value: ConfigValue, _ key: String, _ reader: ConfigReader, _ other: String
    ) throws -> [LabelScheme.Group] {
        let items: [ConfigValue] = if case .array(let items) = value { items } else { [value] }
        var groups: [LabelScheme.Group] = []
        for item in items {
            guard case .object(let members) = item, members.count == 1, let (name, numbers) = members.first else {
                throw reader.error(
                    key,
                    "should be \(other)a list of names and their numbers, such as [{\"liver\": 5}, "
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
            groups.append(LabelScheme.Group(name: name, numbers: found))
        }
        guard !groups.isEmpty else { throw reader.error(key, "gives only the background") }
        return groups
    }
}

extension ConfigValue {
    /// Whether the value is a string.
    fileprivate var isName: Bool { if case .string = self { true } else { false } }
}
