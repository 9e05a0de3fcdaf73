/// The connectivity of voxels: neighbours share a face, or at least an edge, or at least a corner.
public enum Connectivity: Int, Hashable, Sendable, CaseIterable {
    /// Six neighbours; scikit-image's connectivity 1.
    case faces = 6
    /// Eighteen neighbours; connectivity 2.
    case edges = 18
    /// Twenty-six neighbours; connectivity 3, MONAI's default.
    case corners = 26

    /// The offsets of the neighbours that precede a voxel in memory, half of all neighbours.
    var before: [(i: Int, j: Int, k: Int)] {
        let reach = self == .faces ? 1 : self == .edges ? 2 : 3
        var offsets: [(i: Int, j: Int, k: Int)] = []
        for i in -1...0 {
            for j in -1...1 {
                for k in -1...1 where (i, j, k) < (0, 0, 0) && abs(i) + abs(j) + abs(k) <= reach {
                    offsets.append((i, j, k))
                }
            }
        }
        return offsets
    }
}
