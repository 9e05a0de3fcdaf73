internal import SegCore

/// Which voxels of a scan are of a kind, by counts of its rows: the n-th is found without a list of all.
struct VoxelRows: Sendable {
    /// What a voxel must be.
    enum Kind: Hashable, Sendable {
        /// Any class but 0.
        case foreground
        /// Class 0 where the image is above a threshold.
        case background(above: Float)
        /// One class.
        case label(UInt8)

        @inline(__always)
        func holds(_ image: Float, _ label: UInt8) -> Bool {
            switch self {
            case .foreground: label != 0
            case .background(let threshold): label == 0 && image > threshold
            case .label(let wanted): label == wanted
            }
        }
    }

    let kind: Kind
    /// Voxels of the kind up to the end of each row.
    private let ends: [UInt32]

    /// Counts a scan's voxels.
    /// - Throws: `DataError` where they can no longer be read.
    init(_ kind: Kind, of scan: LabelledScan) throws(DataError) {
        self.kind = kind
        var total: UInt32 = 0
        var ends: [UInt32] = []
        for i in 0..<scan.size.i {
            try scan.forEachRow(i) { voxels, range in
                if let voxels {
                    for offset in 0..<range.count where kind.holds(voxels.image[offset], voxels.label[offset]) {
                        total += 1
                    }
                }
                // What pads the scan is 0 in image and label.
                if kind.holds(0, 0) { total += UInt32(scan.size.k - range.count) }
                ends.append(total)
            }
        }
        self.ends = ends
    }

    /// Number of voxels of the kind.
    var count: Int { Int(ends.last ?? 0) }

    /// The index of the n-th voxel of the kind in memory order, from 0.
    /// - Throws: `DataError` where its row can no longer be read.
    func voxel(_ n: Int, in scan: LabelledScan) throws(DataError) -> [Int] {
        precondition((0..<count).contains(n), "there is no voxel \(n) of \(count)")
        var (low, high) = (0, ends.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if Int(ends[middle]) > n { high = middle } else { low = middle + 1 }
        }
        var left = n - (low > 0 ? Int(ends[low - 1]) : 0)
        let (i, j) = (low / scan.size.j, low % scan.size.j)
        let k = try scan.withRow(i, j) { voxels, range in
            (0..<scan.size.k).first { k in
                var (image, label): (Float, UInt8) = (0, 0)
                if let voxels, range.contains(k) {
                    (image, label) = (voxels.image[k - range.lowerBound], voxels.label[k - range.lowerBound])
                }
                guard kind.holds(image, label) else { return false }
                left -= 1
                return left < 0
            }
        }
        guard let k else { preconditionFailure("row \(low) has fewer voxels than were counted") }
        return [i, j, k]
    }
}
