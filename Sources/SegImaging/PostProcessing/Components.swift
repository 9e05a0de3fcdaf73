public import SegCore

/// The connected components of a mask, as in `scipy.ndimage.label`, numbered from 1 in the order of their first voxels.
public struct Components: Sendable {
    /// The component number of each voxel, 0 outside the mask; C order as in `Volume`.
    public let numbers: [Int32]
    /// The number of voxels of each component; the size of component n is `sizes[n − 1]`.
    public let sizes: [Int]

    /// Labels the voxels whose index `isInside` accepts.
    ///
    /// Two passes with a union–find forest; the labels take four bytes of memory per voxel. Rosenfeld and Pfaltz 1966.
    public init(size: Triple, connectivity: Connectivity, isInside: (Int) -> Bool) {
        precondition(size.count < Int(Int32.max), "a volume of \(size) has too many voxels to number")
        var labels = [Int32](repeating: 0, count: size.count)
        var forest = UnionFind()
        let neighbours = connectivity.before
        var voxel = 0
        for i in 0..<size.d {
            for j in 0..<size.h {
                for k in 0..<size.w {
                    defer { voxel += 1 }
                    guard isInside(voxel) else { continue }
                    var root: Int32 = 0
                    for (di, dj, dk) in neighbours {
                        let (a, b, c) = (i + di, j + dj, k + dk)
                        guard a >= 0, b >= 0, b < size.h, c >= 0, c < size.w else { continue }
                        let other = labels[(a * size.h + b) * size.w + c]
                        guard other > 0 else { continue }
                        root = root == 0 ? forest.root(of: other) : forest.unite(root, other)
                    }
                    labels[voxel] = root == 0 ? forest.add() : root
                }
            }
        }
        (numbers, sizes) = Self.numbered(labels, forest)
    }

    /// For each component number, and for 0 (outside the mask), whether a voxel with this number lies on the border.
    func reachRim(of size: Triple) -> [Bool] {
        var reaches = [Bool](repeating: false, count: sizes.count + 1)
        for i in 0..<size.d {
            for j in 0..<size.h {
                let isRim = i == 0 || i == size.d - 1 || j == 0 || j == size.h - 1
                let row = (i * size.h + j) * size.w
                for k in stride(from: 0, to: size.w, by: isRim ? 1 : max(size.w - 1, 1)) {
                    reaches[Int(numbers[row + k])] = true
                }
            }
        }
        return reaches
    }

    /// Renumbers the components in the order in which they occur.
    private static func numbered(_ labels: [Int32], _ forest: UnionFind) -> ([Int32], [Int]) {
        var forest = forest
        var labels = labels
        var numbers = [Int32](repeating: 0, count: forest.count + 1)
        var sizes: [Int] = []
        for voxel in labels.indices where labels[voxel] > 0 {
            let root = Int(forest.root(of: labels[voxel]))
            if numbers[root] == 0 {
                sizes.append(0)
                numbers[root] = Int32(sizes.count)
            }
            labels[voxel] = numbers[root]
            sizes[Int(numbers[root]) - 1] += 1
        }
        return (labels, sizes)
    }
}

/// Disjoint sets of provisional labels, one set per component; labels count from 1.
struct UnionFind {
    private var parents: [Int32] = [0]

    var count: Int { parents.count - 1 }

    mutating func add() -> Int32 {
        let label = Int32(parents.count)
        parents.append(label)
        return label
    }

    /// The smallest label of the set that contains a label; path halving shortens later searches.
    mutating func root(of label: Int32) -> Int32 {
        var label = label
        while parents[Int(label)] != label {
            parents[Int(label)] = parents[Int(parents[Int(label)])]
            label = parents[Int(label)]
        }
        return label
    }

    mutating func unite(_ a: Int32, _ b: Int32) -> Int32 {
        let (a, b) = (root(of: a), root(of: b))
        parents[Int(max(a, b))] = min(a, b)
        return min(a, b)
    }
}
