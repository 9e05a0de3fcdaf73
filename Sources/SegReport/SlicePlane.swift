import SegCore
import SegImaging

/// The convention for showing left and right.
public enum ViewConvention: String, Hashable, Sendable, CaseIterable {
    /// The view from the feet: the patient's right is on the left of the figure.
    case radiological
    /// The patient's right is on the right of the figure.
    case neurological
}

/// One of the three orthogonal planes through an RAS volume, in its orientation on the screen.
struct SlicePlane {
    enum Kind: String, CaseIterable {
        case axial = "Axial"
        case coronal = "Coronal"
        case sagittal = "Sagittal"
    }

    let kind: Kind
    /// The volume's axis that is horizontal on the screen, and whether the axis is mirrored (its highest index at the
    /// left).
    let across: Int
    let mirrored: Bool
    /// The volume's axis that points upwards on the screen.
    let up: Int
    /// The volume's axis that is perpendicular to the plane, and the index of the plane along it.
    let through: Int
    let index: Int

    init(_ kind: Kind, convention: ViewConvention, index: Int) {
        self.kind = kind
        self.index = index
        switch kind {
        case .axial: (across, up, through) = (0, 1, 2)
        case .coronal: (across, up, through) = (0, 2, 1)
        case .sagittal: (across, up, through) = (1, 2, 0)
        }
        mirrored = convention == .radiological
    }

    /// The letters at the left, right, top and bottom edges.
    var letters: (left: String, right: String, top: String, bottom: String) {
        let plus = ["R", "A", "S"]
        let minus = ["L", "P", "I"]
        return (
            mirrored ? plus[across] : minus[across], mirrored ? minus[across] : plus[across], plus[up], minus[up]
        )
    }

    /// The voxels of the plane, row 0 at the top of the screen.
    func slice<Element>(_ voxels: [Element], size: Triple) -> Slice<Element> {
        let width = size[across]
        let height = size[up]
        let strides = [size.h * size.w, size.w, 1]
        var values: [Element] = []
        values.reserveCapacity(width * height)
        for row in 0..<height {
            for column in 0..<width {
                let a = mirrored ? width - 1 - column : column
                values.append(
                    voxels[index * strides[through] + a * strides[across] + (height - 1 - row) * strides[up]])
            }
        }
        return Slice(width: width, height: height, values: values)
    }

    /// The position of a voxel of the volume in the slice, in voxels from the slice's top left corner.
    func position(_ voxel: [Int], size: Triple) -> Point {
        let a = Double(voxel[across]) + 0.5
        return Point(
            x: mirrored ? Double(size[across]) - a : a, y: Double(size[up]) - Double(voxel[up]) - 0.5)
    }
}

/// A 2-D slice in screen order.
struct Slice<Element> {
    let width: Int
    let height: Int
    let values: [Element]

    /// The four voxels around a continuous position (voxel centres at halves) and the fractions of the position between
    /// them.
    func corners(_ x: Double, _ y: Double) -> (values: (Element, Element, Element, Element), fx: Double, fy: Double) {
        let u = min(max(x - 0.5, 0), Double(width - 1))
        let v = min(max(y - 0.5, 0), Double(height - 1))
        let left = min(Int(u), max(width - 2, 0))
        let top = min(Int(v), max(height - 2, 0))
        let right = min(left + 1, width - 1)
        let bottom = min(top + 1, height - 1)
        return (
            (
                values[top * width + left], values[top * width + right], values[bottom * width + left],
                values[bottom * width + right]
            ), u - Double(left), v - Double(top)
        )
    }
}

extension Slice<Float> {
    /// The bilinearly interpolated value at a position.
    func sample(_ x: Double, _ y: Double) -> Double {
        let (c, fx, fy) = corners(x, y)
        let top = Double(c.0) * (1 - fx) + Double(c.1) * fx
        let bottom = Double(c.2) * (1 - fx) + Double(c.3) * fx
        return top * (1 - fy) + bottom * fy
    }
}

extension Slice<UInt8> {
    /// The label with the largest bilinear weight at a position, and that weight; background included.
    func strongest(_ x: Double, _ y: Double) -> (label: UInt8, weight: Double) {
        let (c, fx, fy) = corners(x, y)
        if c.0 == c.1 && c.0 == c.2 && c.0 == c.3 { return (c.0, 1) }
        let labels = [c.0, c.1, c.2, c.3]
        let weights = [(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy]
        var best: (label: UInt8, weight: Double) = (0, -1)
        for label in labels {
            let weight = zip(labels, weights).reduce(0) { $1.0 == label ? $0 + $1.1 : $0 }
            if weight > best.weight { best = (label, weight) }
        }
        return best
    }
}
