import Foundation

/// One synthetic patient: paints organs of random shape and position, each over the organs painted before it.
///
/// The spleen cannot be recognised by intensity alone: liver, kidneys and stomach wall touch it and enhance about as
/// much.
struct PhantomAnatomy {
    let torso: PhantomTorso
    var random: PhantomRandom
    /// The intensity of the enhanced liver; spleen and kidneys are drawn near it.
    let liver: Double

    init(_ random: PhantomRandom) {
        var random = random
        torso = PhantomTorso(&random)
        liver = random.uniform(98, 118)
        self.random = random
    }

    /// Paints everything.
    mutating func paint(on painter: inout PhantomPainter) {
        painter.paint(torso)
        paintBowel(&painter)
        paintMesentery(&painter)
        paintChest(&painter)
        paintLiver(&painter)
        paintSpleen(&painter)
        paintStomach(&painter)
        paintKidneys(&painter)
        paintMuscles(&painter)
        paintSpine(&painter)
        paintVessels(&painter)
    }

    private mutating func around(_ value: Double, _ spread: Double) -> Double {
        random.uniform(value - spread, value + spread)
    }

    private mutating func around(_ x: Double, _ y: Double, _ z: Double, _ spread: Double) -> SIMD3<Double> {
        SIMD3(around(x, spread), around(y, spread), around(z, spread))
    }

    private mutating func ripples(_ count: Int, _ wavelength: ClosedRange<Double>, _ amplitude: Double)
        -> [Ellipsoid.Ripple]
    {
        (0..<count).map { _ in .random(&random, wavelength: wavelength, amplitude: amplitude) }
    }

    /// Axes rotated by angles about x and then about z.
    private func axes(aboutX: Double, aboutZ: Double) -> Ellipsoid.Axes {
        let (cx, sx) = (cos(aboutX), sin(aboutX))
        let (cz, sz) = (cos(aboutZ), sin(aboutZ))
        return Ellipsoid.Axes(u: SIMD3(cz, sz, 0), v: SIMD3(-sz * cx, cz * cx, sx), w: SIMD3(sz * sx, -cz * sx, cx))
    }

    // MARK: - Behind the organs

    private mutating func paintMuscles(_ painter: inout PhantomPainter) {
        let back = -0.36 * torso.radii.y
        for side in [-1.0, 1] {
            let paraspinal = Ellipsoid(
                centre: SIMD3(side * around(30, 2), back - 27, 0), radii: SIMD3(25, 15, 1e5), squareness: 0.4)
            painter.paint(paraspinal, around(56, 4))
            let psoas = Ellipsoid(
                centre: SIMD3(side * around(31, 2), back + 2, -110), radii: SIMD3(13, 15, around(100, 10)))
            painter.paint(psoas, around(58, 4))
        }
    }

    private mutating func paintSpine(_ painter: inout PhantomPainter) {
        let back = -0.36 * torso.radii.y
        let pitch = random.uniform(29, 34)
        let offset = random.uniform(0, pitch)
        let marrow = random.uniform(150, 230)
        func column(_ x: Double, _ y: Double, _ a: Double, _ b: Double) -> Ellipsoid {
            Ellipsoid(centre: SIMD3(x, y, 0), radii: SIMD3(a, b, 1e5), squareness: 0.2)
        }
        painter.paint(column(0, back, 19, 15), 92)
        for level in -5...5 {
            let z = Double(level) * pitch + offset
            let vertebra = Slab(bottom: z - pitch / 2 + 3.5, top: z + pitch / 2 - 3.5)
            let body = column(0, back, 20, 16).clipped(by: vertebra)
            painter.paint(body, 430, label: PhantomLabel.spine)
            painter.paint(body.shrunk(by: 2), marrow, label: PhantomLabel.spine)
            for side in [-1.0, 1] {
                let process = Capsule(
                    from: SIMD3(side * 12, back - 19, z + 4), to: SIMD3(side * 38, back - 25, z + 7), radius: 4)
                painter.paint(process, 330, label: PhantomLabel.spine)
            }
            let spinous = Capsule(from: SIMD3(0, back - 33, z), to: SIMD3(0, back - 42, z - 9), radius: 3.5)
            painter.paint(spinous, 360, label: PhantomLabel.spine)
            let arch = column(0, back - 22, 16, 13).clipped(by: Slab(bottom: z - 11, top: z + 9))
            painter.paint(arch, 380, label: PhantomLabel.spine)
        }
        painter.paint(column(0, back - 21, 10, 8), 0)
        painter.paint(column(0, back - 21, 6, 5), 38)
    }

    private mutating func paintVessels(_ painter: inout PhantomPainter) {
        let front = -0.36 * torso.radii.y + 25
        let blood = random.uniform(140, 175)
        let lean = random.uniform(-6, 6)
        let aorta = Capsule(
            from: SIMD3(-6, front, -160), to: SIMD3(-10 + lean, front - 3, 160), radius: random.uniform(8, 10.5))
        painter.paint(aorta, 60)
        painter.paint(aorta.shrunk(by: 1.2), blood, label: PhantomLabel.aorta)
        let cava = Ellipsoid(centre: SIMD3(around(17, 2), front, 0), radii: SIMD3(11, 8, 1e5))
        painter.paint(cava, blood - random.uniform(5, 25))
    }

    // MARK: - Chest, bowel and fat

    private mutating func paintChest(_ painter: inout PhantomPainter) {
        let cavity = torso.cavity
        let base = random.uniform(28, 44)
        for side in [-1.0, 1] {
            let lung = Ellipsoid(
                centre: SIMD3(side * 58, around(-12, 4), base + 75), radii: SIMD3(46, 62, around(74, 5)))
            painter.paint(lung.clipped(by: cavity.shrunk(by: 1)), around(-850, 25))
        }
        let heart = Ellipsoid(centre: around(-14, 34, base + 58, 4), radii: SIMD3(46, 34, 38), squareness: 0.2)
        painter.paint(heart.clipped(by: cavity), 55)
        painter.paint(heart.shrunk(by: 7).clipped(by: cavity), random.uniform(130, 155))
    }

    /// Paints small bowel in front and below, colon on both flanks: walls, fluid, stool and gas.
    private mutating func paintBowel(_ painter: inout PhantomPainter) {
        let cavity = torso.cavity.shrunk(by: 2)
        for _ in 0..<22 + random.below(9) {
            let centre = SIMD3(random.uniform(-62, 62), random.uniform(-8, 58), random.uniform(-110, 5))
            let tilt = axes(aboutX: random.uniform(-1, 1), aboutZ: random.uniform(-1.5, 1.5))
            let radius = random.uniform(10, 15)
            let loop = Ellipsoid(
                centre: centre, radii: SIMD3(radius * random.uniform(1.3, 2.4), radius, radius), axes: tilt,
                bend: SIMD3(random.uniform(-0.015, 0.015), 0, 0))
            paintHollow(loop.clipped(by: cavity), gasAbove: random.chance(0.3) ? centre.y : nil, &painter)
        }
        for (x, top) in [(68.0, -35.0), (-72.0, 8.0)] {
            let y = around(-2, 6)
            let colon = Capsule(
                from: SIMD3(x, y, -150), to: SIMD3(x * 0.95, y + 14, top), radius: random.uniform(14, 19))
            paintHollow(colon.clipped(by: cavity), gasAbove: random.chance(0.7) ? y + around(5, 4) : nil, &painter)
        }
    }

    private mutating func paintHollow<Shape: PhantomShape>(
        _ shape: Shape, gasAbove: Double?, _ painter: inout PhantomPainter
    ) {
        painter.paint(shape, around(72, 14))
        painter.paint(shape.shrunk(by: 2.5), around(25, 22))
        guard let gasAbove else { return }
        painter.paint(shape.shrunk(by: 2.5).clipped(by: Front(of: gasAbove)), -930)
    }

    /// The half-space in front of a plane: gas rises to the front of a patient in supine position.
    private struct Front: PhantomShape {
        var y: Double
        init(of y: Double) { self.y = y }
        var lower: SIMD3<Double> { SIMD3(-1e4, y, -1e4) }
        var upper: SIMD3<Double> { SIMD3(repeating: 1e4) }
        func depth(_ p: SIMD3<Double>) -> Double { p.y - y }
    }

    private mutating func paintMesentery(_ painter: inout PhantomPainter) {
        let cavity = torso.cavity
        for _ in 0..<55 {
            let from = SIMD3(random.uniform(-75, 75), random.uniform(-35, 55), random.uniform(-110, 70))
            let to = from + random.direction() * random.uniform(15, 45)
            let vessel = Capsule(from: from, to: to, radius: random.uniform(1.2, 3))
            painter.paint(vessel.clipped(by: cavity), random.uniform(50, 150))
        }
    }

    // MARK: - Organs

    /// Replaces the tissue around an organ by fat, so that organs touch in some cases and not in others.
    private mutating func clear<Shape: PhantomShape>(
        around shape: Shape, _ gap: Double, _ painter: inout PhantomPainter
    ) {
        if gap > 0 { painter.paint(shape.shrunk(by: -gap).clipped(by: torso.cavity), -95) }
    }

    private mutating func paintLiver(_ painter: inout PhantomPainter) {
        let right = Ellipsoid(
            centre: around(52, 4, 16, 6), radii: SIMD3(around(50, 5), around(54, 5), around(58, 6)),
            axes: axes(aboutX: around(0, 0.15), aboutZ: around(-0.2, 0.2)), squareness: 0.25,
            ripples: ripples(2, 60...120, 0.05))
        let left = Ellipsoid(
            centre: around(2, 36, 30, 7), radii: SIMD3(around(50, 9), around(22, 4), around(32, 5)),
            axes: axes(aboutX: 0, aboutZ: around(0.15, 0.15)), ripples: ripples(1, 50...90, 0.06))
        let shape = right.merged(with: left).clipped(by: torso.cavity.shrunk(by: 1))
        clear(around: shape, 1.5, &painter)
        painter.paint(shape, liver, label: PhantomLabel.liver)
        let hilum = around(22, 2, 8, 4)
        for _ in 0..<12 {
            let end = hilum + SIMD3(random.uniform(-30, 70), random.uniform(-40, 40), random.uniform(-35, 50))
            let branch = Capsule(from: hilum, to: end, radius: random.uniform(1.5, 3.5)).clipped(
                by: shape.shrunk(by: 5))
            painter.paint(branch, liver + random.uniform(25, 50), label: PhantomLabel.liver)
        }
        if random.chance(0.8) {
            let bladder = Ellipsoid(centre: around(34, 44, -28, 5), radii: SIMD3(13, 12, around(22, 4)))
            painter.paint(bladder.clipped(by: torso.cavity), around(12, 8))
        }
    }

    /// Paints a bent, lobed lens on the left wall at the back, along the lower ribs.
    private mutating func paintSpleen(_ painter: inout PhantomPainter) {
        let cavity = torso.cavity.shrunk(by: random.uniform(0.5, 2))
        let thick = random.uniform(15, 23)
        let angle = random.uniform(3.05, 3.6)
        let outward = SIMD3(cos(angle), sin(angle), 0)
        let centre = cavity.shape.point(towards: outward, depth: thick * random.uniform(0.7, 1.0), z: around(22, 11))
        let forward = SIMD3(outward.y, -outward.x, 0)
        let tilt = random.uniform(0.1, 0.75)
        let along = forward * cos(tilt) - SIMD3(0, 0, sin(tilt))
        let frame = Ellipsoid.Axes(u: along, v: outward, w: forward * sin(tilt) + SIMD3(0, 0, cos(tilt)))
        let body = Ellipsoid(
            centre: centre, radii: SIMD3(random.uniform(40, 56), thick, random.uniform(32, 46)), axes: frame,
            bend: SIMD3(random.uniform(0.004, 0.011), 0, random.uniform(0, 0.005)),
            squareness: random.uniform(0, 0.5),
            ripples: ripples(2, 28...60, random.uniform(0.03, 0.08)) + ripples(1, 70...120, random.uniform(0.03, 0.1)))
        let lobe = Ellipsoid(
            centre: centre + along * random.uniform(-20, 26) - outward * random.uniform(4, 13),
            radii: SIMD3(random.uniform(12, 22), random.uniform(9, 16), random.uniform(12, 22)), axes: frame)
        let shape = body.merged(with: lobe).clipped(by: cavity)
        clear(around: shape, random.chance(0.5) ? 0 : random.uniform(0.5, 2), &painter)
        let intensity = liver + random.uniform(-8, 16)
        let hilum = centre - outward * (thick + 8)
        let vein = Capsule(from: hilum, to: SIMD3(-8, 12, around(4, 6)), radius: random.uniform(3, 4.5))
        painter.paint(vein, liver + random.uniform(25, 45))
        painter.paint(shape, intensity, label: PhantomLabel.spleen)
    }

    private mutating func paintStomach(_ painter: inout PhantomPainter) {
        let shape = Ellipsoid(
            centre: around(-38, 26, 20, 6), radii: SIMD3(around(30, 5), around(23, 4), around(36, 6)),
            axes: axes(aboutX: around(-0.3, 0.2), aboutZ: around(-0.4, 0.3)), ripples: ripples(2, 40...80, 0.06))
        let clipped = shape.clipped(by: torso.cavity.shrunk(by: 2))
        clear(around: clipped, random.chance(0.5) ? 0 : random.uniform(0.5, 3), &painter)
        painter.paint(clipped, around(90, 14), label: PhantomLabel.stomach)
        let lumen = clipped.shrunk(by: random.uniform(3, 5))
        painter.paint(lumen, around(30, 25), label: PhantomLabel.stomach)
        let level = Front(of: shape.centre.y + random.uniform(-4, 16))
        painter.paint(lumen.clipped(by: level), -940, label: PhantomLabel.stomach)
    }

    private mutating func paintKidneys(_ painter: inout PhantomPainter) {
        let cortex = random.chance(0.5) ? liver + random.uniform(-5, 15) : random.uniform(135, 175)
        for side in [-1.0, 1] {
            let centre = around(side * 50, -0.32 * torso.radii.y, side > 0 ? -44 : -34, 6)
            let frame = axes(aboutX: around(0.12, 0.1), aboutZ: side * around(-0.6, 0.2))
            let radii = SIMD3(around(24, 3), around(18, 2.5), around(43, 5))
            let kidney = Ellipsoid(
                centre: centre, radii: radii, axes: frame, squareness: 0.2, ripples: ripples(1, 30...60, 0.03))
            let shape = kidney.clipped(by: torso.cavity.shrunk(by: 2))
            clear(around: shape, random.chance(0.4) ? 0 : random.uniform(1, 5), &painter)
            painter.paint(shape, cortex, label: PhantomLabel.kidneys)
            for level in -2...2 {
                let spot = centre + frame.w * (Double(level) * 14) + frame.u * (side * around(3, 3))
                let pyramid = Ellipsoid(centre: spot, radii: SIMD3(10, 8, 5.5), axes: frame)
                painter.paint(pyramid.clipped(by: shape.shrunk(by: 4)), cortex - 28, label: PhantomLabel.kidneys)
            }
            let sinus = Ellipsoid(
                centre: centre - frame.u * (side * 16), radii: SIMD3(13, 8, 20), axes: frame)
            painter.paint(sinus.clipped(by: shape.shrunk(by: -4)), -70)
        }
    }
}
