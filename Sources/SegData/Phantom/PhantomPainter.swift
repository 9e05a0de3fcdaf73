import SegCore
import SegImaging

/// The voxels of a phantom during painting: Hounsfield units and labels on an RAS grid, with the patient slightly
/// rotated.
struct PhantomPainter {
    let size: Triple
    let spacing: SIMD3<Double>
    private(set) var intensities: [Float]
    private(set) var labels: [UInt8]
    /// The cosine and sine of the patient's rotation about the long axis.
    private let turn: (cos: Double, sin: Double)
    /// The patient's origin, in mm from the first voxel.
    private let origin: SIMD3<Double>

    init(size: Triple, spacing: SIMD3<Double>, turn: (cos: Double, sin: Double), origin: SIMD3<Double>) {
        self.size = size
        self.spacing = spacing
        self.turn = turn
        self.origin = origin
        intensities = [Float](repeating: -1000, count: size.count)
        labels = [UInt8](repeating: 0, count: size.count)
    }

    /// The centre of a voxel in the patient's coordinates.
    func patient(_ i: Int, _ j: Int, _ k: Int) -> SIMD3<Double> {
        let p = SIMD3(Double(i), Double(j), Double(k)) * spacing - origin
        return SIMD3(turn.cos * p.x + turn.sin * p.y, turn.cos * p.y - turn.sin * p.x, p.z)
    }

    /// Fills the grid with the trunk.
    mutating func paint(_ torso: PhantomTorso) {
        let softness = max(spacing.x, spacing.y)
        for i in 0..<size.d {
            for j in 0..<size.h {
                var p = patient(i, j, 0)
                let flat = torso.flatDepth(p)
                let wall = torso.wall(p)
                let row = (i * size.h + j) * size.w
                for k in 0..<size.w {
                    p.z = Double(k) * spacing.z - origin.z
                    let depth = flat + torso.swelling(p.z)
                    intensities[row + k] = Float(torso.intensity(p, depth: depth, wall: wall, softness: softness))
                }
            }
        }
    }

    /// Paints a shape over the previous content; voxels at least half inside get its label.
    mutating func paint<Shape: PhantomShape>(_ shape: Shape, _ intensity: Double, label: UInt8 = 0) {
        let (first, last) = box(shape)
        guard (0..<3).allSatisfy({ first[$0] <= last[$0] }) else { return }
        let softness = max(spacing.x, spacing.y)
        let quarter = SIMD3(0, 0, spacing.z / 4)
        for i in first[0]...last[0] {
            for j in first[1]...last[1] {
                let row = (i * size.h + j) * size.w
                for k in first[2]...last[2] {
                    let p = patient(i, j, k)
                    let depth = shape.depth(p)
                    if depth < -spacing.z - softness { continue }
                    var share = 1.0
                    if depth < spacing.z + softness {
                        // Slices are thick: the shares of their lower and upper halves are averaged.
                        let below = min(max(shape.depth(p - quarter) / softness + 0.5, 0), 1)
                        let above = min(max(shape.depth(p + quarter) / softness + 0.5, 0), 1)
                        share = (below + above) / 2
                    }
                    if share == 0 { continue }
                    intensities[row + k] += (Float(intensity) - intensities[row + k]) * Float(share)
                    if share >= 0.5 { labels[row + k] = label }
                }
            }
        }
    }

    /// Adds a scanner's blur and noise, and rounds to integer Hounsfield units.
    mutating func expose(grain: Float, noise: Float, random: inout PhantomRandom) {
        for at in intensities.indices { intensities[at] += grain * random.nearlyNormal() }
        blur(stride: size.h * size.w, count: size.d, rows: size.h * size.w) { $0 }
        let (rows, depth) = (size.h, size.w)
        blur(stride: depth, count: rows, rows: size.d * depth) { $0 / depth * rows * depth + $0 % depth }
        for at in intensities.indices {
            let value = intensities[at] + noise * random.nearlyNormal()
            intensities[at] = min(max(value.rounded(), -1024), 3071)
        }
    }

    /// Weights every voxel and its two neighbours along an axis by 1, 2 and 1.
    private mutating func blur(stride: Int, count: Int, rows: Int, start: (Int) -> Int) {
        guard count > 1 else { return }
        intensities.withUnsafeMutableBufferPointer { values in
            for row in 0..<rows {
                var at = start(row)
                var before = values[at]
                for _ in 1..<count {
                    let own = values[at]
                    values[at] = (before + 2 * own + values[at + stride]) * 0.25
                    before = own
                    at += stride
                }
                values[at] = (before + 3 * values[at]) * 0.25
            }
        }
    }

    /// The range of voxels that a shape may touch.
    private func box<Shape: PhantomShape>(_ shape: Shape) -> (first: [Int], last: [Int]) {
        let (low, high) = (shape.lower, shape.upper)
        var least = SIMD3(repeating: Double.infinity)
        var most = SIMD3(repeating: -Double.infinity)
        for x in [low.x, high.x] {
            for y in [low.y, high.y] {
                let rotated = SIMD3(turn.cos * x - turn.sin * y, turn.sin * x + turn.cos * y, 0)
                least = pointwiseMin(least, rotated + SIMD3(0, 0, low.z))
                most = pointwiseMax(most, rotated + SIMD3(0, 0, high.z))
            }
        }
        let from = (least + origin) / spacing
        let to = (most + origin) / spacing
        func whole(_ value: Double, _ limit: Int) -> Int { Int(min(max(value, -1), Double(limit))) }
        let first = (0..<3).map { max(0, whole(from[$0].rounded(.down), size[$0])) }
        let last = (0..<3).map { min(size[$0] - 1, whole(to[$0].rounded(.up), size[$0])) }
        return (first, last)
    }
}
