internal import SegCore

/// The channels and labels in the `dataset.json` of a model folder.
struct NNUNetDataset {
    /// A class or a region of the network.
    struct Label: Hashable {
        let name: String
        let numbers: [Int]
    }

    /// The names of the input channels, in order.
    let channels: [String]
    /// The foreground labels or regions, in the order of the network's channels.
    let labels: [Label]
    /// Whether some labels are regions of several numbers.
    let hasRegions: Bool
    /// The numbers of the label `ignore`, which training leaves out.
    let ignored: [Int]
    /// The number that each region is painted with, in the order of the labels; `regions_class_order`.
    let regionOrder: [Int]

    /// Reads the file.
    /// - Throws: `DataError` naming the entry that is missing or wrong.
    init(file: String) throws {
        let reader = try ConfigReader(ConfigValue(jsonFile: file), path: "", source: file)
        channels = try Self.channels(reader)
        // Regions have the order in which they are written.
        let names = try ConfigValue.keys(ofObject: "labels", inJSONFile: file)
        let entries = try reader.required("labels", reader.object("labels"))
        var labels: [Label] = []
        for name in names where name != "ignore" {
            let numbers = try Self.numbers(name, entries)
            if numbers != [0] { labels.append(Label(name: name, numbers: numbers)) }
        }
        ignored = names.contains("ignore") ? try Self.numbers("ignore", entries) : []
        guard !labels.isEmpty else { throw reader.error("labels", "gives only the background") }
        hasRegions = labels.contains { $0.numbers.count > 1 }
        if hasRegions {
            regionOrder = try reader.required("regions_class_order", reader.ints("regions_class_order"))
            guard regionOrder.count == labels.count else {
                throw reader.error(
                    "regions_class_order",
                    "should have \(labels.count) numbers, one per region, not \(regionOrder.count)"
                )
            }
        } else {
            regionOrder = []
            // The number of a label is its channel.
            labels.sort { $0.numbers[0] < $1.numbers[0] }
            guard labels.map(\.numbers) == (1...labels.count).map({ [$0] }) else {
                throw reader.error("labels", "should be numbered from 1 on without a gap")
            }
        }
        self.labels = labels
    }

    /// Reads `channel_names`, which was called `modality` in earlier versions.
    private static func channels(_ reader: ConfigReader) throws -> [String] {
        let key = reader.value("channel_names") == nil ? "modality" : "channel_names"
        guard case .object(let entries)? = reader.value(key), !entries.isEmpty else {
            throw reader.error("channel_names", "should be an object that names the channels by their numbers")
        }
        return try (0..<entries.count).map { number in
            guard case .string(let name)? = entries[String(number)] else {
                throw reader.error(key, "should name the channels 0 to \(entries.count - 1)")
            }
            return name
        }
    }

    private static func numbers(_ name: String, _ labels: ConfigReader) throws -> [Int] {
        let numbers: [Int]?
        if case .array? = labels.value(name) {
            numbers = try labels.ints(name)
        } else {
            numbers = try labels.int(name).map { [$0] }
        }
        guard let numbers, !numbers.isEmpty, numbers.allSatisfy({ $0 >= 0 }) else {
            throw labels.error(name, "should be a number of the label map, or a list of numbers")
        }
        return numbers
    }
}
