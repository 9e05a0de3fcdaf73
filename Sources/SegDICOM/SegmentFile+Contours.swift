internal import Foundation
internal import SegCore
internal import SegImaging

extension SegmentFile {
    /// Fills the contours of a structure set. A voxel belongs to a structure if its centre is inside an odd number of
    /// the structure's contours in its slice; a contour within another is a hole.
    func paintContours(_ numbers: [Int: UInt16], into painter: inout SegmentPainter) {
        let names = Dictionary(segments.map { ($0.number, $0.name) }) { first, _ in first }
        for item in file.dataset.items(DicomTag.structureContours) {
            guard let number = item.number(DicomTag.referencedStructure), names[number] != nil else {
                painter.add(fault: "Contours belong to none of its structures.")
                continue
            }
            guard let label = numbers[number] else { continue }
            painter.planesAlong.insert(2)
            let name = "The structure '\(names[number] ?? "")'"
            var slices: [Int: ContourFilling] = [:]
            for contour in item.items(DicomTag.contours) {
                do throws(ContourFault) {
                    guard let (slice, polygon) = try polygon(of: contour, painter) else { continue }
                    slices[slice, default: ContourFilling()].add(polygon)
                } catch {
                    painter.add(fault: "\(name) \(error.message).")
                }
            }
            for (slice, filling) in slices.sorted(by: { $0.key < $1.key }) {
                filling.forEachPixel { painter.paint(SIMD3($0, $1, slice), label) }
            }
        }
    }

    private struct ContourFault: Error {
        /// The end of a sentence that begins with the structure's name.
        var message: String
    }

    /// A contour in voxel coordinates of its slice; nil if it has no area.
    private func polygon(
        of contour: DicomFile.Item, _ painter: SegmentPainter
    ) throws(ContourFault) -> (slice: Int, points: [SIMD2<Double>])? {
        let type = contour.text(DicomTag.contourType) ?? "no type"
        guard type == "CLOSED_PLANAR" || type == "CLOSEDPLANAR_XOR" else {
            throw ContourFault(
                message: "has contours of \(type.prefix(32)), which enclose no voxels; CLOSED_PLANAR was expected")
        }
        guard let numbers = contour.numbers(DicomTag.contourPoints), numbers.count % 3 == 0 else {
            throw ContourFault(
                message: "has a contour without points, or whose points are not three numbers each; export it again")
        }
        if let count = contour.number(DicomTag.contourPointCount), count != numbers.count / 3 {
            throw ContourFault(
                message: "has a contour of \(numbers.count / 3) points, but its NumberOfContourPoints is \(count); "
                    + "export it again")
        }
        let points = stride(from: 0, to: numbers.count, by: 3).map { painter.index(SIMD3(numbers[$0..<$0 + 3])) }
        guard points.count > 2 else { return nil }
        let slice = points[0].z.rounded()
        guard abs(slice) < 1e6, points.allSatisfy({ abs($0.z - slice) <= Self.sliceTolerance }) else {
            throw ContourFault(
                message: "has contours that do not lie in the slices of the scan; is it of another series or resampled?"
            )
        }
        guard points.allSatisfy({ max(abs($0.x), abs($0.y)) < Double(Limits.scanAxis) }) else {
            throw ContourFault(message: "has contours far outside of the scan")
        }
        return (Int(slice), points.map { SIMD2($0.x, $0.y) })
    }

    /// The largest distance of a contour from its slice, in slices: planning systems round coordinates.
    private static let sliceTolerance = 0.2
}

/// The pixels inside an odd number of polygons.
private struct ContourFilling {
    /// The column coordinates at which edges cross each row.
    private var crossings: [Int: [Double]] = [:]

    /// Adds a closed polygon; pixel centres have integer coordinates.
    mutating func add(_ points: [SIMD2<Double>]) {
        for (index, a) in points.enumerated() {
            let b = points[(index + 1) % points.count]
            let (low, high) = (min(a.y, b.y), max(a.y, b.y))
            // An edge crosses the row at its smaller y, but not the row at its larger y.
            for row in stride(from: low.rounded(.up), to: high, by: 1) {
                crossings[Int(row), default: []].append(a.x + (row - a.y) / (b.y - a.y) * (b.x - a.x))
            }
        }
    }

    func forEachPixel(_ body: (_ column: Int, _ row: Int) -> Void) {
        for (row, places) in crossings {
            let sorted = places.sorted()
            for pair in stride(from: 0, to: sorted.count - 1, by: 2) {
                for column in stride(from: sorted[pair].rounded(.up), to: sorted[pair + 1], by: 1) {
                    body(Int(column), row)
                }
            }
        }
    }
}
