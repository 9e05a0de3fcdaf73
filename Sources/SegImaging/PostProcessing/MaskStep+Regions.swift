public import SegCore

extension MaskStep {
    /// Changes in place either one label map, or several maps of 0 and 1, one for each region.
    ///
    /// For regions, the step's labels are the indices of maps, from 0, as in MONAI for a mask of several channels. If
    /// no labels are given, MONAI leaves map 0 out.
    /// - Parameters:
    ///   - maps: One label map, or a map for each region.
    ///   - size: The size of the maps, in `Volume`'s order.
    public func apply(to maps: inout [[UInt8]], size: Triple) {
        guard maps.count > 1 else { return apply(to: &maps[0], size: size) }
        switch self {
        case .keepLargest(let labels, let independent, let connectivity, let count):
            let chosen = labels.map { $0.map { Int($0) } } ?? Self.occupied(maps)
            for group in independent ? chosen.map({ [$0] }) : [chosen] {
                Self.keepLargest(&maps, group, size, connectivity) { Self.largest(count, of: $0) }
            }
        case .keepAllLargest(let labels):
            // nnU-Net's mask is one map: the components are those of the union of the listed maps.
            Self.keepLargest(&maps, labels.map { Int($0) }, size, .corners) { sizes in
                sizes.map { $0 == sizes.max() }
            }
        case .fillHoles(let labels, let connectivity):
            for map in labels.map({ $0.map { Int($0) } }) ?? Self.occupied(maps) where map > 0 {
                MaskStep.fillHoles([1], connectivity: connectivity).apply(to: &maps[map], size: size)
            }
        case .removeSmall(let least, _, let connectivity):
            Self.removeSmall(&maps, least, size, connectivity)
        case .keepLabels:
            // MONAI's `LabelFilter` compares voxel values, not channel indices.
            for map in maps.indices { apply(to: &maps[map], size: size) }
        }
    }

    /// The indices of maps with any voxel above 0, without the first map.
    private static func occupied(_ maps: [[UInt8]]) -> [Int] {
        maps.indices.dropFirst().filter { maps[$0].contains { $0 > 0 } }
    }

    /// Keeps the largest connected components of the union of some maps.
    private static func keepLargest(
        _ maps: inout [[UInt8]], _ group: [Int], _ size: Triple, _ connectivity: Connectivity, keeps: ([Int]) -> [Bool]
    ) {
        let pieces = Components(size: size, connectivity: connectivity) { voxel in
            group.contains { maps[$0][voxel] > 0 }
        }
        let kept = keeps(pieces.sizes)
        for (voxel, number) in pieces.numbers.enumerated() where number > 0 && !kept[Int(number) - 1] {
            for map in group { maps[map][voxel] = 0 }
        }
    }

    /// Removes small connected components. As in MONAI, the channels are a fourth axis, along which components may
    /// connect.
    private static func removeSmall(
        _ maps: inout [[UInt8]], _ least: Int, _ size: Triple, _ connectivity: Connectivity
    ) {
        // MONAI leaves maps with a single value unchanged.
        guard maps.contains(where: { $0.contains(0) }) else { return }
        let pieces = maps.map { map in Components(size: size, connectivity: connectivity) { map[$0] > 0 } }
        var forest = UnionFind()
        let firsts = pieces.map { part in
            let first = forest.count
            for _ in part.sizes { _ = forest.add() }
            return Int32(first)
        }
        let offsets = connectivity.acrossChannels
        for map in maps.indices.dropFirst() {
            forEachPair(pieces[map - 1].numbers, pieces[map].numbers, size, offsets) { before, here in
                _ = forest.unite(firsts[map - 1] + before, firsts[map] + here)
            }
        }
        var counts = [Int](repeating: 0, count: forest.count + 1)
        for (part, first) in zip(pieces, firsts) {
            for (number, voxels) in part.sizes.enumerated() {
                counts[Int(forest.root(of: first + Int32(number) + 1))] += voxels
            }
        }
        for (map, part) in pieces.enumerated() {
            let kept = part.sizes.indices.map { number in
                counts[Int(forest.root(of: firsts[map] + Int32(number) + 1))] >= least
            }
            for (voxel, number) in part.numbers.enumerated() where number > 0 && !kept[Int(number) - 1] {
                maps[map][voxel] = 0
            }
        }
    }

    /// Calls `body` for each pair of components that touch at one of the offsets, one in each map, with their numbers.
    private static func forEachPair(
        _ before: [Int32], _ here: [Int32], _ size: Triple, _ offsets: [(i: Int, j: Int, k: Int)],
        _ body: (Int32, Int32) -> Void
    ) {
        var voxel = 0
        for i in 0..<size.d {
            for j in 0..<size.h {
                for k in 0..<size.w {
                    defer { voxel += 1 }
                    guard here[voxel] > 0 else { continue }
                    for (di, dj, dk) in offsets {
                        let (a, b, c) = (i + di, j + dj, k + dk)
                        guard a >= 0, a < size.d, b >= 0, b < size.h, c >= 0, c < size.w else { continue }
                        let other = before[(a * size.h + b) * size.w + c]
                        if other > 0 { body(other, here[voxel]) }
                    }
                }
            }
        }
    }
}

extension Connectivity {
    /// The offsets of neighbours in the map of an adjacent channel. The step between channels counts as one of the
    /// steps that scikit-image's connectivity allows.
    fileprivate var acrossChannels: [(i: Int, j: Int, k: Int)] {
        let reach = self == .faces ? 0 : self == .edges ? 1 : 2
        var offsets: [(i: Int, j: Int, k: Int)] = []
        for i in -1...1 {
            for j in -1...1 {
                for k in -1...1 where abs(i) + abs(j) + abs(k) <= reach { offsets.append((i, j, k)) }
            }
        }
        return offsets
    }
}
