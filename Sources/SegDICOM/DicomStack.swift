internal import Foundation
internal import SegCore
internal import SegData
internal import SegImaging

/// A volume: its slices along the normal, their positions, and notes for the user.
struct DicomStack: Sendable {
    /// A slice of the volume: a frame, or an interpolation between two frames.
    struct Slice: Sendable {
        var lower: Int
        var upper: Int
        /// The weight of the upper frame, from 0 to 1.
        var weight: Double
    }

    /// The frames, ascending along the normal.
    var frames: [DicomFrame]
    var slices: [Slice]
    /// Whether slices are interpolated between frames; the numbers of slices and frames may still be equal.
    var isFilled: Bool
    /// Voxel index (column, row, slice) → RAS+ mm.
    var affine: Affine
    /// The angle between the line through the slices and their normal.
    var tiltDegrees: Double
    /// The text that distinguishes the volume from others at the same positions, such as `EchoTime 10`; empty if there
    /// are no others.
    var label = ""
    var remarks: [String] = []
    /// The ZIP that the files were unpacked from; the stack keeps it alive. Nil if the files are in a folder.
    var archive: UnpackedArchive?

    var image: DicomImage { frames[0].image }
    var shape: [Int] { [image.columns, image.rows, slices.count] }
    /// Whether all frames have the same slope and intercept.
    var hasOneScale: Bool { frames.allSatisfy { $0.slope == frames[0].slope && $0.intercept == frames[0].intercept } }
}

extension DicomStack {
    /// The tolerance within which gaps are equal: a fraction of the usual gap, and mm.
    private static let gapTolerance = (share: 0.01, millimetres: 0.01)
    /// The largest distance, in mm, of a slice from the line through the other slices. If `gapTolerance.share` of the
    /// spacing is larger, that is the largest distance.
    private static let lineTolerance = 0.05
    /// The smallest angle that is reported, in degrees; smaller angles come from rounded positions.
    private static let leastTilt = 0.1

    /// Stacks frames at different positions.
    /// - Throws: `DicomRefusal` if the frames are not evenly spaced; with `fillsGaps`, only if the gaps cannot be filled.
    init(_ frames: [DicomFrame], normal: DicomFrame.Vector, fillsGaps: Bool) throws(DicomRefusal) {
        let ordered = frames.compactMap { frame in frame.position.map { (frame: frame, position: $0) } }
        guard ordered.count == frames.count, frames.count > 1, let directions = frames[0].directions,
            let spacing = frames[0].spacing
        else {
            throw DicomRefusal(
                couldBeVolume: false,
                message: "\(frames[0].name) is a single slice, not a volume; give the folder of the whole series."
            )
        }
        let positions = ordered.map(\.position)
        let distances = positions.map { $0.dot(normal) }
        let gaps = zip(distances.dropFirst(), distances).map { $0 - $1 }
        let usual = Self.median(gaps)
        let tolerance = max(Self.gapTolerance.share * usual, Self.gapTolerance.millimetres)
        let wrong = gaps.indices.filter { abs(gaps[$0] - usual) > tolerance }
        self.frames = frames
        slices = frames.indices.map { Slice(lower: $0, upper: $0, weight: 0) }
        isFilled = !wrong.isEmpty
        if isFilled {
            guard fillsGaps else { throw Self.uneven(frames, distances, gaps, usual: usual, wrong: wrong) }
            slices = Self.filled(distances, step: Self.fillingStep(gaps, usual: usual, wrong: wrong))
        }
        let span = positions[positions.count - 1] - positions[0]
        try Self.checkLine(frames, positions, distances, span: span, usual: usual)
        let step = span / Double(slices.count - 1)
        let cosine = min(1, abs(step.dot(normal)) / step.length)
        tiltDegrees = acos(cosine) * 180 / .pi
        affine = Affine(dicom: directions, spacing: spacing, step: step, origin: positions[0])
        remarks = Self.remarks(of: frames[0].image, tiltDegrees: tiltDegrees)
        if isFilled {
            remarks.append(
                "Gaps were filled: \(slices.count) slices \(Self.text(step.length)) mm apart are interpolated from the "
                    + "\(frames.count) slices of the files, whose gaps run from \(Self.text(gaps.min())) to "
                    + "\(Self.text(gaps.max())) mm.")
        }
    }

    private static func remarks(of image: DicomImage, tiltDegrees: Double) -> [String] {
        var remarks: [String] = []
        if tiltDegrees >= leastTilt {
            remarks.append(
                "The slices lean by \(tiltDegrees.text(decimals: 1)) degrees against their normal (gantry tilt); the affine is "
                    + "sheared and the voxels stay as they are.")
        }
        if image.isInverted {
            remarks.append("The pixels are MONOCHROME1, meant to be shown inverted; the values are kept as they are.")
        }
        if image.modality == "PT" {
            remarks.append(
                "The values are in \(image.units?.prefix(16) ?? "a unit that is not named (Units)"), as stored times "
                    + "RescaleSlope; no SUV is computed from them.")
        }
        return remarks
    }

    // MARK: - Gaps

    private static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// A length with four digits, and a position with two decimals.
    private static func text(_ value: Double?) -> String { String(format: "%.4g", value ?? 0) }
    private static func place(_ value: Double) -> String { String(format: "%.2f", value) }

    private static func uneven(
        _ frames: [DicomFrame], _ distances: [Double], _ gaps: [Double], usual: Double, wrong: [Int]
    ) -> DicomRefusal {
        let first = wrong[0]
        let times = gaps[first] / usual
        let isWhole = abs(times - times.rounded()) < 0.05 && times > 1
        let place =
            "between \(Self.place(distances[first])) and \(Self.place(distances[first + 1])) mm along the normal, after slice "
            + "\(first + 1) of \(frames.count) (\(frames[first].name))"
        if isWhole, wrong.count <= max(1, gaps.count / 10) {
            let missing = wrong.reduce(0) { $0 + Int((gaps[$1] / usual).rounded()) - 1 }
            return DicomRefusal(
                couldBeVolume: true,
                message:
                    "\(missing == 1 ? "1 slice is" : "\(missing) slices are") missing, the first \(place); the others are "
                    + "\(text(usual)) mm apart. Export the series again, or add --fill-gaps to interpolate what is "
                    + "missing.")
        }
        return DicomRefusal(
            couldBeVolume: true,
            message: "the slices are not evenly spaced: gaps run from \(text(gaps.min())) to "
                + "\(text(gaps.max())) mm, mostly \(text(usual)) mm; the first different gap is \(place). Export it with one "
                + "spacing, or add --fill-gaps to resample to the smaller one.")
    }

    /// The spacing of a filled volume: the usual gap if whole slices are missing, otherwise the smallest gap that
    /// occurs more than once.
    private static func fillingStep(_ gaps: [Double], usual: Double, wrong: [Int]) -> Double {
        let areWhole = wrong.allSatisfy { gap in
            let times = gaps[gap] / usual
            return times > 1 && abs(times - times.rounded()) < 0.05
        }
        guard !areWhole else { return usual }
        let tolerance = gapTolerance.share * usual
        return gaps.sorted().first { gap in gaps.count { abs($0 - gap) <= tolerance } > 1 } ?? gaps.min() ?? usual
    }

    /// Slices that cover the distance between the first and the last frame in steps of about `step`. Each is interpolated
    /// between its two neighbouring frames.
    private static func filled(_ distances: [Double], step: Double) -> [Slice] {
        let (first, last) = (distances[0], distances[distances.count - 1])
        let count = min(Limits.scanAxis, max(2, Int(((last - first) / step).rounded()) + 1))
        var lower = 0
        return (0..<count).map { number in
            let place = first + (last - first) * Double(number) / Double(count - 1)
            while lower + 2 < distances.count, distances[lower + 1] <= place { lower += 1 }
            let weight = (place - distances[lower]) / (distances[lower + 1] - distances[lower])
            // A slice within 1 % of the gap from a frame is that frame.
            if weight < 0.01 { return Slice(lower: lower, upper: lower, weight: 0) }
            if weight > 0.99 { return Slice(lower: lower + 1, upper: lower + 1, weight: 0) }
            return Slice(lower: lower, upper: lower + 1, weight: weight)
        }
    }

    /// Refuses slices that are not on the line from the first to the last.
    private static func checkLine(
        _ frames: [DicomFrame], _ positions: [DicomFrame.Vector], _ distances: [Double], span: DicomFrame.Vector,
        usual: Double
    ) throws(DicomRefusal) {
        let (first, length) = (distances[0], distances[distances.count - 1] - distances[0])
        for (number, position) in positions.enumerated() {
            let off = (position - (positions[0] + span * ((distances[number] - first) / length))).length
            guard off <= max(gapTolerance.share * usual, lineTolerance) else {
                throw DicomRefusal(
                    couldBeVolume: true,
                    message:
                        "\(frames[number].name) lies \(text(off)) mm off the line of the other slices, therefore "
                        + "they do not form a grid; export the series again.")
            }
        }
    }
}

extension Affine {
    /// Creates the affine of slices: the first index runs along a row, the second down a column, the third through the
    /// slices.
    init(
        dicom directions: (row: SIMD3<Double>, column: SIMD3<Double>), spacing: (rows: Double, columns: Double),
        step: SIMD3<Double>, origin: SIMD3<Double>
    ) {
        self = .identity
        let columns = [directions.row * spacing.columns, directions.column * spacing.rows, step, origin]
        for row in 0..<3 {
            // DICOM's axes point to the left, posterior and superior; adding 0 turns -0 into 0.
            for column in 0..<4 { self[row, column] = (row < 2 ? -1 : 1) * columns[column][row] + 0 }
        }
    }
}
