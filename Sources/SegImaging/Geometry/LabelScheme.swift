public import SegCore

/// Which numbers of a label map are which class of a network.
///
/// Without groups a number is the class of that number. With groups the classes are 1, 2, … in their order, a group of
/// several numbers merges them, and a number of no group is background: `{liver: 5, kidneys: [2, 3]}`.
public struct LabelScheme: Hashable, Sendable {
    /// A class of the network, and the numbers of label maps that belong to it.
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
    /// The number of voxels that take no part in loss, sampling and metrics; nil for none.
    public var ignored: Int?
    /// Whether masks hold the numbers of label maps in place of classes.
    public var keepsNumbers = false

    /// The class of voxels that take no part: no network has it.
    public static let ignoredClass: UInt8 = 255

    /// What a loss is given for a class: itself, -1 for a voxel that takes no part.
    @inlinable public static func target(_ label: UInt8) -> Int32 {
        label == ignoredClass ? -1 : Int32(label)
    }

    /// Takes groups, and the number of voxels that take no part.
    public init(groups: [Group]? = nil, ignored: Int? = nil) { (self.groups, self.ignored) = (groups, ignored) }

    /// Whether numbers are classes and all voxels take part.
    public var isPlain: Bool { groups == nil && ignored == nil }

    /// The classes of a label map of whole numbers.
    /// - Parameters:
    ///   - volume: The label map.
    ///   - count: Number of classes, background included.
    ///   - file: Its file, for errors.
    /// - Returns: The classes on the label map's grid, `ignoredClass` where a voxel takes no part.
    /// - Throws: `DataError` where a number is no class.
    public func classes(of volume: Volume, count: Int, file: String) throws(DataError) -> Volume {
        let table = table()
        var volume = volume
        let stray = volume.voxels.withUnsafeMutableBufferPointer { voxels -> Int? in
            for voxel in voxels.indices {
                let number = Int(voxels[voxel])
                let label = number < table.count ? table[number] : groups == nil ? number : 0
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
        let left = ignored.map { " and \($0), which is ignored" } ?? ""
        return DataError(
            .badData, file,
            "holds class \(number); the network's out_channels allow 0 to \(count - 1)\(left). Map the numbers to "
                + "classes with labels:, as {liver: 5, kidneys: [2, 3]}, or correct the label map")
    }

    /// The class of each small number.
    private func table() -> [Int] {
        let largest = max(ignored ?? 0, groups?.flatMap(\.numbers).max() ?? 0)
        var table = groups == nil ? Array(0...largest) : [Int](repeating: 0, count: largest + 1)
        for (index, group) in (groups ?? []).enumerated() {
            for number in group.numbers { table[number] = index + 1 }
        }
        if let ignored { table[ignored] = Int(Self.ignoredClass) }
        return table
    }

    /// The numbers of label maps that belong to a class.
    public func numbers(of label: Int) -> [Int] {
        guard let groups, label > 0 else { return [label] }
        return groups.indices.contains(label - 1) ? groups[label - 1].numbers : []
    }
}
