internal import SegCore

/// Counts of the voxels of one kind in each row of a scan. With these counts the n-th voxel is found without a list of
/// all voxels.
struct VoxelRows: Sendable {
    /// The condition for a voxel.
    enum Kind: Hashable, Sendable {
        /// Any class but 0 and the ignored class.
        case foreground
        /// Class 0 with any channel of the image above a threshold.
        case background(above: Float)
        /// One class.
        case label(UInt8)
        /// Any voxel that is neither ignored nor padding.
        case annotated

        /// Whether a voxel is of the kind; `image` points at the voxel's first channel.
        @inline(__always)
        func holds(_ image: UnsafePointer<Float>, channels: Int, _ label: UInt8) -> Bool {
            switch self {
            case .foreground: label != 0 && label != LabelScheme.ignoredClass
            case .background(let threshold): label == 0 && (0..<channels).contains { image[$0] > threshold }
            case .label(let wanted): label == wanted
            case .annotated: label != LabelScheme.ignoredClass
            }
        }

        /// Whether a padding voxel is of the kind; padding is 0 in image and label.
        var holdsPadding: Bool {
            switch self {
            case .foreground: false
            case .background(let threshold): threshold < 0
            case .label(let wanted): wanted == 0
            case .annotated: false
            }
        }
    }

    let kind: Kind
    /// For each row, the number of voxels of the kind from the start of the scan to the row's end, in memory order.
    private let ends: [UInt32]

    /// Counts a scan's voxels.
    /// - Throws: `DataError` if the voxels can no longer be read.
    init(_ kind: Kind, of scan: LabelledScan) throws(DataError) {
        self.kind = kind
        let channels = scan.channels
        var total: UInt32 = 0
        var ends: [UInt32] = []
        for i in 0..<scan.size.d {
            try scan.forEachRow(i) { voxels, range in
                if let voxels {
                    for offset in 0..<range.count
                    where kind.holds(voxels.image + offset * channels, channels: channels, voxels.label[offset]) {
                        total += 1
                    }
                }
                if kind.holdsPadding { total += UInt32(scan.size.w - range.count) }
                ends.append(total)
            }
        }
        self.ends = ends
    }

    /// The number of voxels of the kind.
    var count: Int { Int(ends.last ?? 0) }

    /// The index of the n-th voxel of the kind in memory order, from 0.
    /// - Throws: `DataError` if the row of the voxel can no longer be read.
    func voxel(_ n: Int, in scan: LabelledScan) throws(DataError) -> [Int] {
        precondition((0..<count).contains(n), "there is no voxel \(n) of \(count)")
        var (low, high) = (0, ends.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if Int(ends[middle]) > n { high = middle } else { low = middle + 1 }
        }
        var left = n - (low > 0 ? Int(ends[low - 1]) : 0)
        let (i, j) = (low / scan.size.h, low % scan.size.h)
        let k = try scan.withRow(i, j) { voxels, range in
            (0..<scan.size.w).first { k in
                let isOfKind =
                    if let voxels, range.contains(k) {
                        kind.holds(
                            voxels.image + (k - range.lowerBound) * scan.channels, channels: scan.channels,
                            voxels.label[k - range.lowerBound])
                    } else { kind.holdsPadding }
                guard isOfKind else { return false }
                left -= 1
                return left < 0
            }
        }
        guard let k else { preconditionFailure("row \(low) has fewer voxels than were counted") }
        return [i, j, k]
    }
}
