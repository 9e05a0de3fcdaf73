public import SegCore

/// Which numbers of a label map are which class of a network, or belong to which of its regions.
///
/// Without groups a number is the class of that number. With groups the classes are 1, 2, … in their order, a group of
/// several numbers merges them, and a number of no group is background: `{liver: 5, kidneys: [2, 3]}`. Regions may share
/// numbers, and each is a channel of the network: `{whole: [1, 2, 3], core: [2, 3]}`.
public struct LabelScheme: Hashable, Sendable {
    /// A class or a region of the network, and the numbers of label maps that belong to it.
    public struct Group: Hashable, Sendable {
        /// What it is called.
        public let name: String
        /// Its numbers, at least one.
        public let numbers: [Int]

        /// Names numbers.
        public init(name: String, numbers: [Int]) { (self.name, self.numbers) = (name, numbers) }
    }

    /// The classes in their order; nil where numbers are classes.
    public var groups: [Group]?
    /// The regions in the order of their channels; nil where the network has classes.
    public var regions: [Group]?
    /// The number of voxels that take no part in loss, sampling and metrics; nil for none.
    public var ignored: Int?
    /// Whether masks that are written hold the numbers of label maps, of a group of several its first, in place of classes.
    public var keepsNumbers = false
    /// The number that each region is painted with, a later region over an earlier one, which makes one map of a mask; nil
    /// where a mask has a map for each region. nnU-Net's `regions_class_order`.
    public var regionsOrder: [Int]?

    /// The class of voxels that take no part: no network has it.
    public static let ignoredClass: UInt8 = 255

    /// The largest number that may belong to a region: patches keep numbers as bytes.
    public static let largestOfRegions = 254

    /// What a loss is given for each byte of a patch's labels: a class itself, the bits of the regions that a number belongs
    /// to, -1 for a voxel that takes no part.
    public var targets: [Int32] {
        var targets = (UInt8.min...UInt8.max).map(Self.target)
        guard let regions else { return targets }
        for number in 0...Self.largestOfRegions {
            targets[number] = regions.enumerated().reduce(0) { bits, region in
                bits | (region.element.numbers.contains(number) ? 1 << Int32(region.offset) : 0)
            }
        }
        return targets
    }

    /// What a loss is given for a class: itself, -1 for a voxel that takes no part.
    @inlinable public static func target(_ label: UInt8) -> Int32 {
        label == ignoredClass ? -1 : Int32(label)
    }

    /// Takes groups or regions, and the number of voxels that take no part.
    public init(groups: [Group]? = nil, regions: [Group]? = nil, ignored: Int? = nil) {
        (self.groups, self.regions, self.ignored) = (groups, regions, ignored)
    }

    /// The number that a mask which is written holds for each class, the background's first; nil where it is the class itself.
    public var writtenNumbers: [UInt16]? {
        guard keepsNumbers, let groups else { return nil }
        return [0] + groups.map { UInt16(clamping: $0.numbers[0]) }
    }

    /// Whether numbers are classes and all voxels take part.
    public var isPlain: Bool { groups == nil && regions == nil && ignored == nil }

    /// How many different bytes a patch's labels may have: the classes of a network, or any number of regions.
    public func byteCount(classes: Int) -> Int { regions == nil ? classes : Self.largestOfRegions + 1 }

    /// The classes of a label map of whole numbers; of regions the numbers that belong to any, else 0.
    /// - Parameters:
    ///   - volume: The label map.
    ///   - count: Number of classes, background included.
    ///   - file: Its file, for errors.
    /// - Returns: The classes on the label map's grid, `ignoredClass` where a voxel takes no part.
    /// - Throws: `DataError` where a number is no class.
    public func classes(of volume: Volume, count: Int, file: String) throws(DataError) -> Volume {
        let (table, count) = (table(), byteCount(classes: count))
        let isListed = groups != nil || regions != nil
        var volume = volume
        let stray = volume.voxels.withUnsafeMutableBufferPointer { voxels -> Int? in
            for voxel in voxels.indices {
                let number = Int(voxels[voxel])
                let label = number < table.count ? table[number] : isListed ? 0 : number
                guard label < count || label == Int(Self.ignoredClass) && number == ignored else { return number }
                voxels[voxel] = Float(label)
            }
            return nil
        }
        if let stray { throw Self.stray(stray, count: count, ignored: ignored, file: file) }
        return volume
    }

    /// What is said of a number that is no class.
    public static func stray(_ number: Int, count: Int, ignored: Int?, file: String) -> DataError {
        guard count < Int(ignoredClass) else {
            return DataError(
                .badData, file,
                "holds number \(number); beside an ignored number (\(ignored ?? 0)) at most \(count - 1) can be measured"
            )
        }
        let left = ignored.map { " and \($0), which is ignored" } ?? ""
        return DataError(
            .badData, file,
            "holds class \(number); the network's out_channels allow 0 to \(count - 1)\(left). Map the numbers to "
                + "classes with labels:, as {liver: 5, kidneys: [2, 3]}, or correct the label map")
    }

    /// The class of each small number.
    private func table() -> [Int] {
        let listed = groups ?? regions
        let largest = max(ignored ?? 0, listed?.flatMap(\.numbers).max() ?? 0)
        var table = listed == nil ? Array(0...largest) : [Int](repeating: 0, count: largest + 1)
        for (index, group) in (listed ?? []).enumerated() {
            for number in group.numbers { table[number] = regions == nil ? index + 1 : number }
        }
        if let ignored { table[ignored] = Int(Self.ignoredClass) }
        return table
    }

    /// The name of the class or of the first region that takes a number of label maps; nil where none is named.
    public func name(of number: Int, labels: [Int: String]) -> String? {
        guard let listed = groups ?? regions else { return labels[number] }
        return listed.first { $0.numbers.contains(number) }?.name
    }
}
