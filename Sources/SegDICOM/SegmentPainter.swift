internal import SegCore
internal import SegImaging

/// Paints segments into a label map on a scan's grid, and collects the faults.
struct SegmentPainter {
    /// The grid.
    let size: Triple
    /// RAS+ mm → voxel index.
    private let toVoxel: Affine
    /// The label of each voxel, in `Volume`'s order.
    private var voxels: [Float]
    /// The number of voxels that belong to two labels, by the pair of labels, the smaller one first.
    private var overlaps: [SIMD2<Int>: Int] = [:]
    /// The number of segment voxels that lie outside the grid.
    private var outside = 0
    /// The axes along which planes were painted.
    var planesAlong: Set<Int> = []
    /// Other faults, one sentence each.
    private var faults: [String] = []

    /// The largest distance from the scan's voxels, in voxels; a segment farther off is on another grid.
    static let tolerance = 0.1

    init(_ geometry: ScanGeometry, numbers: SegmentNumbers) {
        let extents = (0..<3).map { $0 < geometry.shape.count ? geometry.shape[$0] : 1 }
        size = Triple(extents[0], extents[1], extents[2])
        toVoxel = geometry.affine.inverse ?? .identity
        voxels = [Float](repeating: 0, count: size.count)
        faults = numbers.faults
    }

    /// The unrounded voxel index of a position in DICOM's axes.
    func index(_ place: SIMD3<Double>) -> SIMD3<Double> {
        let (i, j, k) = toVoxel(-place.x, -place.y, place.z)
        return SIMD3(i, j, k)
    }

    /// Sets the label of a voxel.
    mutating func paint(_ at: SIMD3<Int>, _ label: UInt16) {
        guard (0..<size.d).contains(at.x), (0..<size.h).contains(at.y), (0..<size.w).contains(at.z) else {
            outside += 1
            return
        }
        let voxel = (at.x * size.h + at.y) * size.w + at.z
        let other = Int(voxels[voxel])
        if other != 0, other != label {
            overlaps[SIMD2(min(other, Int(label)), max(other, Int(label))), default: 0] += 1
        }
        voxels[voxel] = Float(label)
    }

    /// Adds a fault, once.
    mutating func add(fault: String) {
        if !faults.contains(fault) { faults.append(fault) }
    }

    /// Adds a fault for labels whose planes are never neighbours but follow in steps of several slices: they come from
    /// another series with wider slices, and would leave stripes.
    mutating func checkStripes(names: [Int: String]) {
        for axis in planesAlong.sorted() {
            for (label, planes) in planes(along: axis) where planes.count > 2 {
                let gaps = zip(planes.dropFirst(), planes).map { $0 - $1 }
                guard let step = gaps.min(), step > 1, gaps.allSatisfy({ $0 % step == 0 }) else { continue }
                add(
                    fault:
                        "'\(names[label] ?? "\(label)")' lies in every \(step == 2 ? "second" : "\(step)th") slice of the "
                        + "scan only; is it of another series, with thicker slices?")
            }
        }
    }

    /// The planes along an axis in which each label has voxels, in ascending order.
    private func planes(along axis: Int) -> [(label: Int, planes: [Int])] {
        let extent = [size.d, size.h, size.w][axis]
        let stride = [size.h * size.w, size.w, 1][axis]
        let most = Int(voxels.max() ?? 0)
        var isThere = [Bool](repeating: false, count: (most + 1) * extent)
        for (voxel, label) in voxels.enumerated() where label != 0 {
            isThere[Int(label) * extent + voxel / stride % extent] = true
        }
        return (0..<most).map { label in
            (label + 1, (0..<extent).filter { isThere[(label + 1) * extent + $0] })
        }
    }

    /// The labels of the voxels.
    /// - Throws: `DataError` with every reason why the map is not valid.
    func checked(path: String, names: [Int: String]) throws(DataError) -> [Float] {
        var faults = faults
        for (pair, count) in overlaps.sorted(by: { ($0.key.x, $0.key.y) < ($1.key.x, $1.key.y) }) {
            let both = [pair.x, pair.y].map { "'\(names[$0] ?? "\($0)")'" }.joined(separator: " and ")
            faults.append("\(both) overlap in \(count) voxels, but a label map holds one class per voxel.")
        }
        if outside > 0 {
            faults.append("\(outside) of its voxels lie outside of the scan; is it of another series?")
        }
        guard faults.isEmpty else { throw DataError(.badData, path, faults.joined(separator: " ")) }
        return voxels
    }
}
