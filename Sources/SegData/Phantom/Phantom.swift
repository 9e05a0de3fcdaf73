import Foundation
public import SegCore
public import SegImaging

/// The numbers of the organs in a phantom's label map.
public enum PhantomLabel {
    /// The spleen, the only label unless all organs are requested.
    public static let spleen: UInt8 = 1
    /// The liver with its vessels.
    public static let liver: UInt8 = 2
    /// Both kidneys without the fat of their sinus.
    public static let kidneys: UInt8 = 3
    /// The vertebrae with their processes.
    public static let spine: UInt8 = 4
    /// The abdominal aorta.
    public static let aorta: UInt8 = 5
    /// The stomach with its content.
    public static let stomach: UInt8 = 6

    /// The class names by number, background included, as in `dataset.json`.
    public static let names: [Int: String] = [
        0: "background", 1: "spleen", 2: "liver", 3: "kidneys", 4: "spine", 5: "aorta", 6: "stomach",
    ]
}

/// The ranges from which phantoms are drawn.
public struct PhantomOptions: Hashable, Sendable {
    /// The in-plane voxel size in mm.
    public var inPlaneSpacingMM: ClosedRange<Double> = 1.2...1.5
    /// The distance of the axial slices in mm.
    public var sliceSpacingMM: ClosedRange<Double> = 2.5...5
    /// The length along the body in mm; at least 20.
    public var lengthMM: ClosedRange<Double> = 150...190
    /// The orientations of the voxel axes, drawn with equal probability; empty means RAS.
    public var orientations = ["RAS", "LPS", "LAS", "RAS", "LPI", "PSR", "ASL"]
    /// Whether all organs of `PhantomLabel` are labelled rather than only the spleen.
    public var labelsAllOrgans = false

    /// Creates the default options: about 176×176×48 voxels, spleen only.
    public init() {}
}

/// A synthetic portal-venous CT of the upper abdomen with its label map, for demonstrations and tests.
///
/// A case is determined by its seed and index. Anatomy, enhancement, contact of neighbouring organs, grid, orientation
/// and noise vary from case to case. It looks like a CT but is not one: nothing learnt from it holds for patients.
public struct Phantom: Sendable {
    /// The intensities in Hounsfield units, as integers.
    public let image: Volume
    /// The labels on the same grid.
    public let label: Volume

    /// Draws a case.
    /// - Throws: `DataError` for invalid options: ranges that are not positive, unknown orientations.
    public init(seed: UInt64, index: Int, options: PhantomOptions) throws(DataError) {
        try options.check()
        var random = PhantomRandom(seed: seed, index: index)
        let edge = random.uniform(options.inPlaneSpacingMM)
        let spacing = SIMD3(edge, edge, random.uniform(options.sliceSpacingMM))
        let length = random.uniform(options.lengthMM)
        let codes =
            options.orientations.isEmpty ? "RAS" : options.orientations[random.below(options.orientations.count)]
        let orientation = try Orientation(axisCodes: codes)
        let angle = random.uniform(-0.09, 0.09)
        let shift = SIMD3(random.uniform(-4, 4), random.uniform(-4, 4), random.uniform(-6, 6))
        let corner = [random.uniform(-250, 50), random.uniform(-250, 50), random.uniform(-900, 600)]
        let exposure = (grain: Float(random.uniform(18, 36)), noise: Float(random.uniform(3, 7)))

        var anatomy = PhantomAnatomy(random)
        let width = 2 * anatomy.torso.radii.x + 22
        let across = Int((width / edge).rounded(.up))
        let size = Triple(across, across, max(1, Int((length / spacing.z).rounded())))
        let centre = SIMD3(Double(size.d - 1), Double(size.h - 1), Double(size.w - 1)) * spacing / 2
        var painter = PhantomPainter(
            size: size, spacing: spacing, turn: (cos(angle), sin(angle)), origin: centre + shift)
        anatomy.paint(on: &painter)
        painter.expose(grain: exposure.grain, noise: exposure.noise, random: &anatomy.random)

        let affine = Affine(elements: [
            spacing.x, 0, 0, corner[0], 0, spacing.y, 0, corner[1], 0, 0, spacing.z, corner[2], 0, 0, 0, 1,
        ])
        let labels = painter.labels.map { options.labelsAllOrgans || $0 == PhantomLabel.spleen ? Float($0) : 0 }
        image = orientation(Volume(voxels: painter.intensities, size: size, affine: affine))
        label = orientation(Volume(voxels: labels, size: size, affine: affine))
    }

    /// The label map as bytes, in the order of the volume's voxels.
    public var labels: [UInt8] { label.voxels.map { UInt8($0) } }
}

extension PhantomOptions {
    fileprivate func check() throws(DataError) {
        let ranges = [
            ("inPlaneSpacingMM", inPlaneSpacingMM, 0.2), ("sliceSpacingMM", sliceSpacingMM, 0.2),
            ("lengthMM", lengthMM, 20),
        ]
        for (name, range, least) in ranges where range.lowerBound < least || !range.upperBound.isFinite {
            throw DataError(
                .badArgument, "phantom option \(name)",
                "the range \(range.lowerBound) to \(range.upperBound) mm should be finite and begin at \(least) or more."
            )
        }
    }
}
