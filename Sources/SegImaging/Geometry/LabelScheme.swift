public import SegCore

/// The mapping from the numbers of a label map to the classes or regions of a network.
///
/// Without groups, the number in a label map is the class. With groups, as in `{liver: 5, kidneys: [2, 3]}`, the groups
/// are the classes 1, 2, … in their order. A group of several numbers merges these, and a number in no group is
/// background. Regions may share numbers, and each region is a channel of the network: `{whole: [1, 2, 3], core: [2, 3]}`.
public struct LabelScheme: Hashable, Sendable {
    /// A class or a region of the network, and the numbers of label maps that belong to it.
    public struct Group: Hashable, Sendable {
        /// The name of the class or region.
        public let name: String
        /// The numbers that belong to it, at least one.
        public let numbers: [Int]

        /// Creates a group from a name and numbers.
        public init(name: String, numbers: [Int]) { (self.name, self.numbers) = (name, numbers) }
    }

    /// The classes in their order; nil if the numbers of label maps are the classes.
    public var groups: [Group]?
    /// The regions in the order of their channels; nil if the network has classes.
    public var regions: [Group]?
    /// The label number of the voxels that loss, sampling and metrics ignore; nil for none.
    public var ignored: Int?
    /// Whether written masks hold the numbers of label maps instead of classes. A group of several numbers is written
    /// as its first number.
    public var keepsNumbers = false
    /// The number with which each region is painted into one map, a later region over an earlier one; nil if a mask has a
    /// map for each region. nnU-Net's `regions_class_order`.
    public var regionsOrder: [Int]?

    /// The class of ignored voxels; no network has a class of this number.
    public static let ignoredClass: UInt8 = 255

    /// The largest number that may belong to a region: patches store numbers as bytes, and 255 is `ignoredClass`.
    public static let largestOfRegions = 254

    /// The loss target for each byte of a patch's labels: the class, the bits of the regions that contain the number,
    /// or -1 for an ignored voxel.
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

    /// The loss target for a class: the class itself, or -1 for an ignored voxel.
    @inlinable public static func target(_ label: UInt8) -> Int32 {
        label == ignoredClass ? -1 : Int32(label)
    }

    /// Creates a scheme from groups or regions, and the label number of ignored voxels.
    public init(groups: [Group]? = nil, regions: [Group]? = nil, ignored: Int? = nil) {
        (self.groups, self.regions, self.ignored) = (groups, regions, ignored)
    }

    /// The number of each class in a written mask, the background's first; nil if classes are written as they are.
    public var writtenNumbers: [UInt16]? {
        guard keepsNumbers, let groups else { return nil }
        return [0] + groups.map { UInt16(clamping: $0.numbers[0]) }
    }

    /// Whether numbers are classes and no voxel is ignored.
    public var isPlain: Bool { groups == nil && regions == nil && ignored == nil }

    /// The label map as a mask with painted regions: each voxel gets the number of the last region in `regionsOrder` that
    /// contains it, and 0 if none does. Unchanged without `regionsOrder`.
    /// - Parameter numbers: The numbers of a label map.
    public func painted(_ numbers: [UInt8]) -> [UInt8] {
        guard let regions, let order = regionsOrder else { return numbers }
        var table = [UInt8](repeating: 0, count: 256)
        for (region, number) in zip(regions, order) {
            for own in region.numbers { table[own] = UInt8(clamping: number) }
        }
        return numbers.map { table[Int($0)] }
    }

    /// The number of byte values that a patch's labels may have: `classes` without regions, `largestOfRegions` + 1 with
    /// them.
    public func byteCount(classes: Int) -> Int { regions == nil ? classes : Self.largestOfRegions + 1 }

    /// The classes of a label map of integers. For regions the numbers stay as they are; a number in no region becomes
    /// 0.
    /// - Parameters:
    ///   - volume: The label map.
    ///   - count: The number of classes, background included.
    ///   - file: The file of the label map, for errors.
    /// - Returns: The classes on the label map's grid, `ignoredClass` for ignored voxels.
    /// - Throws: `DataError` if a number is not a class.
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

    /// The error for a number that is not a class.
    public static func stray(_ number: Int, count: Int, ignored: Int?, file: String) -> DataError {
        guard count < Int(ignoredClass) else {
            return DataError(
                .badData, file,
                "contains number \(number), but only numbers up to \(count - 1)\(ignored.map { ", and \($0)," } ?? "") can be "
                    + "read; correct the label map")
        }
        let left = ignored.map { " and \($0), which is ignored" } ?? ""
        return DataError(
            .badData, file,
            "contains class \(number); the network's out_channels allow 0 to \(count - 1)\(left). Map the numbers to "
                + "classes with labels:, as {liver: 5, kidneys: [2, 3]}, or correct the label map")
    }

    /// The class of each number from 0 to the largest in the scheme. For regions: the number itself, or 0 if no region
    /// contains it.
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

    /// The fault of classes that share a name, as a message about the entry that names them; nil if every class has its own.
    public static func sharedName(_ names: [Int: String]) -> String? {
        let shared = Dictionary(grouping: names.keys.sorted()) { names[$0] ?? "" }.filter { $0.value.count > 1 }
        guard let (name, numbers) = shared.min(by: { $0.key < $1.key }) else { return nil }
        let list = numbers.map(String.init).joined(separator: " and ")
        return "give the classes \(list) the same name, '\(name)'; give each its own"
    }

    /// The names with the number added to each that several classes share: a model folder needs different names.
    public static func distinct(_ names: [Int: String]) -> [Int: String] {
        let counts = Dictionary(grouping: names.values) { $0 }.mapValues(\.count)
        let made = Dictionary(
            uniqueKeysWithValues: names.map { number, name in
                (number, counts[name, default: 1] > 1 ? "\(name) (\(number))" : name)
            })
        // A made name may be that of another class.
        return sharedName(made) == nil ? made : distinct(made)
    }

    /// The name of the class or of the first region that contains a label number; nil if none does.
    public func name(of number: Int, labels: [Int: String]) -> String? {
        guard let listed = groups ?? regions else { return labels[number] }
        return listed.first { $0.numbers.contains(number) }?.name
    }
}
