import Foundation

/// The trunk that holds the organs: skin, fat, a muscular wall with ribs, and the cavity within.
struct PhantomTorso {
    /// The half widths to the side and to the front, in mm.
    let radii: SIMD2<Double>
    private let outline: Ellipsoid
    private let fat: Double
    private let muscle: Double
    private let swell: (amplitude: Double, phase: Double)
    private let ribs: (pitch: Double, offset: Double, slope: Double, lowest: Double)

    init(_ random: inout PhantomRandom) {
        let width = random.uniform(106, 126)
        radii = SIMD2(width, width * random.uniform(0.68, 0.77))
        outline = Ellipsoid(
            centre: .zero, radii: SIMD3(radii.x, radii.y, 1e5), squareness: random.uniform(0.3, 0.55))
        fat = random.uniform(6, 15)
        muscle = random.uniform(8, 11)
        swell = (random.uniform(1, 4), random.uniform(0, 2 * .pi))
        ribs = (random.uniform(24, 28), random.uniform(0, 28), random.uniform(0.5, 0.9), random.uniform(-60, -25))
    }

    /// The depth of a point below the skin in an axial plane, before the swelling with height.
    func flatDepth(_ p: SIMD3<Double>) -> Double { outline.depth(SIMD3(p.x, p.y, 0)) }

    func swelling(_ z: Double) -> Double { swell.amplitude * sin(z / 45 + swell.phase) }

    /// The thicknesses of fat and muscle; fat is thicker on the back and the flanks than in front.
    func wall(_ p: SIMD3<Double>) -> (fat: Double, muscle: Double) {
        (fat * (1 - 0.3 * p.y / radii.y), muscle * (1 - 0.2 * p.y / radii.y))
    }

    /// The Hounsfield units at a depth below the skin; `softness` is the width of an edge in mm.
    func intensity(_ p: SIMD3<Double>, depth: Double, wall: (fat: Double, muscle: Double), softness: Double) -> Double {
        func share(_ d: Double) -> Double { min(max(d / softness + 0.5, 0), 1) }
        if depth < -softness { return -1000 }
        let inner = wall.fat + wall.muscle
        let value =
            -1000 + 1040 * share(depth) - 145 * share(depth - 2) + 160 * share(depth - wall.fat)
            - 155 * share(depth - inner)
        let rib = ribDepth(p, depth - wall.fat - wall.muscle / 2)
        guard rib > -softness else { return value }
        return value + (rib > 1.5 ? 260 - value : 480 - value) * share(rib)
    }

    /// The depth below a rib's surface; ribs run down towards the front and leave out the midline.
    private func ribDepth(_ p: SIMD3<Double>, _ fromMidWall: Double) -> Double {
        guard abs(fromMidWall) < 5, abs(p.x) > 24, p.z + ribs.slope * p.y > ribs.lowest else { return -10 }
        let turn = (p.z + ribs.slope * p.y - ribs.offset) / ribs.pitch
        let along = (turn - turn.rounded()) * ribs.pitch
        return 3.4 - (fromMidWall * fromMidWall + along * along * 0.3).squareRoot()
    }

    /// The space for the organs.
    var cavity: Cavity { Cavity(torso: self) }

    struct Cavity: PhantomShape {
        let torso: PhantomTorso
        var lower: SIMD3<Double> { SIMD3(-torso.radii.x, -torso.radii.y, -1e4) }
        var upper: SIMD3<Double> { SIMD3(torso.radii.x, torso.radii.y, 1e4) }

        func depth(_ p: SIMD3<Double>) -> Double {
            let wall = torso.wall(p)
            return torso.flatDepth(p) + torso.swelling(p.z) - wall.fat - wall.muscle
        }

        /// The point of the axial plane at `z` that lies in a direction from the torso's axis, at a depth below the cavity's
        /// surface.
        func point(towards direction: SIMD3<Double>, depth wanted: Double, z: Double) -> SIMD3<Double> {
            var (near, far) = (0.0, 200.0)
            for _ in 0..<30 {
                let middle = (near + far) / 2
                let p = direction * middle + SIMD3(0, 0, z)
                if depth(p) > wanted { near = middle } else { far = middle }
            }
            return direction * near + SIMD3(0, 0, z)
        }
    }
}
