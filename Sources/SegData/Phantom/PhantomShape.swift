import Foundation

/// A solid in the patient's frame (mm; x to the right, y to the front, z up).
protocol PhantomShape {
    /// The lower and upper corners of a box that contains the whole shape.
    var lower: SIMD3<Double> { get }
    var upper: SIMD3<Double> { get }
    /// The approximate depth of a point below the surface in mm; negative outside.
    func depth(_ p: SIMD3<Double>) -> Double
}

extension PhantomShape {
    func clipped<Other: PhantomShape>(by other: Other) -> Clipped<Self, Other> { Clipped(shape: self, limit: other) }
    func merged<Other: PhantomShape>(with other: Other) -> Merged<Self, Other> { Merged(first: self, second: other) }
    func shrunk(by margin: Double) -> Shrunk<Self> { Shrunk(shape: self, margin: margin) }
}

/// An ellipsoid that may be rotated, bent, made squarer and rippled.
struct Ellipsoid: PhantomShape {
    var centre: SIMD3<Double>
    var radii: SIMD3<Double>
    /// The unit axes of the radii.
    var axes = Axes()
    /// Curvature in 1/mm: the second axis is displaced by `bend.x` u² + `bend.z` w², with u and w the local coordinates
    /// in mm.
    var bend = SIMD3<Double>(repeating: 0)
    /// The share of a rounded box in the shape; 0 for an ellipsoid.
    var squareness = 0.0
    /// The waves on the surface.
    var ripples: [Ripple] = []

    struct Axes {
        var u = SIMD3<Double>(1, 0, 0)
        var v = SIMD3<Double>(0, 1, 0)
        var w = SIMD3<Double>(0, 0, 1)
    }

    /// A plane wave that enlarges and shrinks the shape by a share of its size.
    struct Ripple {
        var wave: SIMD3<Double>
        var phase: Double
        var amplitude: Double

        static func random(_ random: inout PhantomRandom, wavelength: ClosedRange<Double>, amplitude: Double) -> Ripple
        {
            let wave = random.direction() * (2 * .pi / random.uniform(wavelength))
            return Ripple(wave: wave, phase: random.uniform(0, 2 * .pi), amplitude: amplitude)
        }
    }

    var lower: SIMD3<Double> { centre - reach }
    var upper: SIMD3<Double> { centre + reach }

    private var reach: SIMD3<Double> {
        let swell = 1 + ripples.reduce(0) { $0 + $1.amplitude } + 0.2 * squareness
        let bent = abs(bend.x) * radii.x * radii.x + abs(bend.z) * radii.z * radii.z
        func extent(_ axis: Int) -> Double {
            let along = axes.u[axis] * radii.x
            let across = abs(axes.v[axis]) * (radii.y + bent)
            let beside = axes.w[axis] * radii.z
            return (along * along + across * across + beside * beside).squareRoot() * swell + 2
        }
        return SIMD3(extent(0), extent(1), extent(2))
    }

    func depth(_ p: SIMD3<Double>) -> Double {
        let q = p - centre
        var local = SIMD3((q * axes.u).sum(), (q * axes.v).sum(), (q * axes.w).sum())
        local.y += bend.x * local.x * local.x + bend.z * local.z * local.z
        let n = local / radii
        let square = n * n
        var level = square.sum()
        if squareness > 0 {
            level += squareness * ((square * square).sum().squareRoot() - level)
        }
        // Far from the surface the exact depth does not matter.
        if level > 3 { return -100 }
        if level < 0.09 { return 100 }
        var f = level.squareRoot()
        for ripple in ripples {
            f *= 1 + ripple.amplitude * sin((ripple.wave * p).sum() + ripple.phase)
        }
        let gradient = n / radii
        return (1 - f) * level.squareRoot() / (gradient * gradient).sum().squareRoot()
    }
}

/// A thick line between two points.
struct Capsule: PhantomShape {
    var from: SIMD3<Double>
    var to: SIMD3<Double>
    var radius: Double

    var lower: SIMD3<Double> { pointwiseMin(from, to) - radius - 2 }
    var upper: SIMD3<Double> { pointwiseMax(from, to) + radius + 2 }

    func depth(_ p: SIMD3<Double>) -> Double {
        let line = to - from
        let q = p - from
        let share = min(max((q * line).sum() / (line * line).sum(), 0), 1)
        let away = q - line * share
        return radius - (away * away).sum().squareRoot()
    }
}

/// The space between two heights.
struct Slab: PhantomShape {
    var bottom: Double
    var top: Double

    var lower: SIMD3<Double> { SIMD3(-1e4, -1e4, bottom) }
    var upper: SIMD3<Double> { SIMD3(1e4, 1e4, top) }

    func depth(_ p: SIMD3<Double>) -> Double { min(p.z - bottom, top - p.z) }
}

/// The part of a shape that is inside another shape.
struct Clipped<Shape: PhantomShape, Limit: PhantomShape>: PhantomShape {
    var shape: Shape
    var limit: Limit

    var lower: SIMD3<Double> { pointwiseMax(shape.lower, limit.lower) }
    var upper: SIMD3<Double> { pointwiseMin(shape.upper, limit.upper) }

    func depth(_ p: SIMD3<Double>) -> Double {
        let own = shape.depth(p)
        return own < -6 ? own : min(own, limit.depth(p))
    }
}

/// The union of two shapes.
struct Merged<First: PhantomShape, Second: PhantomShape>: PhantomShape {
    var first: First
    var second: Second

    var lower: SIMD3<Double> { pointwiseMin(first.lower, second.lower) }
    var upper: SIMD3<Double> { pointwiseMax(first.upper, second.upper) }

    func depth(_ p: SIMD3<Double>) -> Double { max(first.depth(p), second.depth(p)) }
}

/// A shape without its outermost `margin` mm.
struct Shrunk<Shape: PhantomShape>: PhantomShape {
    var shape: Shape
    var margin: Double

    var lower: SIMD3<Double> { shape.lower }
    var upper: SIMD3<Double> { shape.upper }

    func depth(_ p: SIMD3<Double>) -> Double { shape.depth(p) - margin }
}
