/// The surface of a mask from marching cubes: the corners of the voxel grid through which the surface passes, each with
/// the area of the surface there.
///
/// The definition is that of DeepMind's surface-distance (Nikolov et al., Deep learning to achieve clinically
/// applicable segmentation of head and neck anatomy for radiotherapy, 2018): the eight voxels around a corner form a
/// code, and the triangles of the code have an area in mm².
struct SurfaceElements {
    /// Whether the surface passes through each corner, for a box of `size + 1` corners along each axis.
    let corners: [Bool]
    /// The areas at these corners in mm², in memory order.
    let areas: [Double]

    /// Computes the surface of a class within a box that contains the whole class.
    init(_ mask: [UInt8], _ label: UInt8, in box: Box, of grid: MaskGrid) {
        let areaOfCode = Self.areas(spacing: grid.spacingMM)
        let size = box.size
        let reach = size.map { $0 + 1 }
        var corners = [Bool](repeating: false, count: reach.reduce(1, *))
        var areas: [Double] = []
        mask.withUnsafeBufferPointer { mask in
            func holds(_ i: Int, _ j: Int, _ k: Int) -> Bool {
                guard i >= 0, j >= 0, k >= 0, i < size[0], j < size[1], k < size[2] else { return false }
                let row = (box.lower[0] + i) * grid.size[1] + box.lower[1] + j
                return mask[row * grid.size[2] + box.lower[2] + k] == label
            }
            var at = 0
            for i in 0..<reach[0] {
                for j in 0..<reach[1] {
                    // The four voxels on the far side of the previous step are the near side of this step.
                    var code = 0
                    for k in 0..<reach[2] {
                        let far =
                            (holds(i - 1, j - 1, k) ? 64 : 0) | (holds(i - 1, j, k) ? 16 : 0)
                            | (holds(i, j - 1, k) ? 4 : 0) | (holds(i, j, k) ? 1 : 0)
                        code = (code & 0b0101_0101) << 1 | far
                        if code != 0 && code != 255 {
                            corners[at] = true
                            areas.append(areaOfCode[code])
                        }
                        at += 1
                    }
                }
            }
        }
        self.corners = corners
        self.areas = areas
    }

    /// The kinds of surface at a corner as lists of triangle normals. Each normal has three components in eighths,
    /// without sign.
    private static let kinds: [[[Double]]] = [
        "", "111 111", "004 111 222", "022 022 111", "040 111 222", "111", "111 111 111", "111 202 202", "111 220 220",
        "111 222 400", "004 111 111 222", "022 022", "022 111 202 333", "022 111 220 333", "040 111 111 222",
        "111 111 222 222", "111 111 222 400", "111 202 220 333", "202 202", "220 220", "004 004", "022 022 022 022",
        "040 040", "111 111 111 111", "202 202 202 202", "220 220 220 220", "400 400",
    ].map { text in
        text.split(separator: " ").map { normal in normal.compactMap { $0.wholeNumberValue.map(Double.init) } }
    }

    /// The kind of each of the codes 0 to 127, as a letter; a code and its complement bound the same surface.
    private static let kindOfCode =
        "AFFTFSBJFBSJTJJaFLBEBCGPBDHMINQJFBLEBHDMBGCPIQNJTEEWIROEIOREZIIT"
        + "FBBILCDNBGHQEPMJSCHRCUKCHKYHRCHSBGDODKVDGXKGOGDBJPMENCDLQGHBIBBF"

    /// The area of every code on a grid with a given spacing.
    private static func areas(spacing: [Double]) -> [Double] {
        let faces = [spacing[1] * spacing[2], spacing[0] * spacing[2], spacing[0] * spacing[1]]
        let areaOfKind = kinds.map { normals in
            normals.reduce(0) { sum, normal in
                let square = zip(normal, faces).reduce(0) { $0 + ($1.0 * $1.1 / 8) * ($1.0 * $1.1 / 8) }
                return sum + square.squareRoot()
            }
        }
        let half = kindOfCode.utf8.map { letter in
            areaOfKind[letter == UInt8(ascii: "a") ? 26 : Int(letter - UInt8(ascii: "A"))]
        }
        return half + half.reversed()
    }
}

/// The distances between the surfaces of two masks, each with the surface area that it represents.
struct WeightedSurfaceDistances {
    /// The distances from the prediction's surface to the reference's surface, then in the opposite direction; ascending.
    private let directed: [[(distance: Double, area: Double)]]

    /// - Precondition: The box contains both masks of the class, and neither is empty.
    init(_ prediction: [UInt8], _ reference: [UInt8], _ label: UInt8, _ grid: MaskGrid, in box: Box) {
        let predicted = SurfaceElements(prediction, label, in: box, of: grid)
        let actual = SurfaceElements(reference, label, in: box, of: grid)
        let transform = DistanceTransform(size: box.size.map { $0 + 1 }, spacing: grid.spacingMM)
        directed = [(predicted, actual), (actual, predicted)].map { from, to in
            zip(transform.distances(to: to.corners, at: from.corners), from.areas)
                .map { (distance: $0, area: $1) }
                .sorted { ($0.distance, $0.area) < ($1.distance, $1.area) }
        }
    }

    /// The distance within which the given percentage of a surface's area lies; the larger of the two surfaces' distances.
    func hausdorff(percentile: Double) -> Double {
        directed.map { elements in
            let total = elements.reduce(0) { $0 + $1.area }
            var area = 0.0
            let last = elements.first { element in
                area += element.area
                return area / total >= percentile / 100
            }
            return (last ?? elements[elements.count - 1]).distance
        }.reduce(0, max)
    }
}
