internal import SegCore
internal import SegImaging

extension SegmentFile {
    /// Paints the frames of a segmentation.
    func paintFrames(_ numbers: [Int: UInt16], into painter: inout SegmentPainter) {
        let image = DicomImage(file, path: path, name: path)
        let faults = faults(of: image)
        guard faults.isEmpty else { return faults.forEach { painter.add(fault: $0) } }
        let known = Set(segments.map(\.number))
        var (wrong, unknown) = (FrameFaults(), Set<Int>())
        for index in 0..<image.frameCount {
            let segment = segment(of: index)
            if form != "LABELMAP" {
                guard let segment, known.contains(segment) else {
                    wrong.add("belongs to none of its segments.", frame: index)
                    continue
                }
                guard numbers[segment] != nil else { continue }
            }
            guard let place = PixelPlace(DicomFrame(file, of: image, index: index), painter) else {
                wrong.add(
                    "does not lie on the voxels of the scan; is it of another series or resampled?", frame: index)
                continue
            }
            do throws(DicomFile.Fault) {
                let values = try file.decode(frame: index, count: image.rows * image.columns)
                painter.planesAlong.insert(place.axis)
                let others = paint(values, columns: image.columns, at: place, segment, numbers, into: &painter)
                if form == "LABELMAP" { unknown.formUnion(others.subtracting(known)) }
            } catch {
                wrong.add("\(error.message).", frame: index)
            }
        }
        wrong.sentences(of: image.frameCount).forEach { painter.add(fault: $0) }
        if !unknown.isEmpty {
            let list = unknown.sorted().map(String.init).shortList()
            painter.add(fault: "It holds numbers that none of its segments has: \(list).")
        }
    }

    /// The reasons why the frames of a file cannot be read, one sentence each.
    private func faults(of image: DicomImage) -> [String] {
        var faults: [String] = []
        if !["BINARY", "LABELMAP", "FRACTIONAL"].contains(form) {
            faults.append(
                "It is of the SegmentationType '\(form.prefix(16))'; BINARY, LABELMAP or FRACTIONAL was expected.")
        }
        if let name = DicomSyntax.unread(image.syntax) {
            faults.append("It is compressed by \(name), which is not read; recode it.")
        }
        if image.rows < 1 || image.columns < 1 || image.rows * image.columns > Limits.dicomFramePixels {
            faults.append("Its frames are of \(image.columns) × \(image.rows) pixels, which is zero or too many.")
        }
        if image.frameCount > Limits.dicomFrames || file.frameItems != image.frameCount {
            faults.append(
                "It has \(image.frameCount) frames, but its functional groups describe \(file.frameItems); at most "
                    + "\(Limits.dicomFrames) are read.")
        }
        return faults
    }

    /// The segment of a frame, from the frame's own functional groups or the shared ones.
    private func segment(of frame: Int) -> Int? {
        let text =
            file.text(DicomTag.segmentIdentification, DicomTag.referencedSegment, in: .frame(frame))
            ?? file.text(DicomTag.segmentIdentification, DicomTag.referencedSegment, in: .shared)
        return text.flatMap { Int($0) }
    }

    /// - Returns: The values in the frame that have no label.
    private func paint(
        _ values: [Int32], columns: Int, at place: PixelPlace, _ segment: Int?, _ numbers: [Int: UInt16],
        into painter: inout SegmentPainter
    ) -> Set<Int> {
        var others: Set<Int> = []
        let whole = form == "FRACTIONAL" ? file.number(DicomTag.maximumFractionalValue) ?? 255 : 1
        for (pixel, value) in values.enumerated() where value != 0 {
            if form == "FRACTIONAL", Int(value) != whole {
                painter.add(
                    fault:
                        "It is FRACTIONAL with values between 0 and 1, but a voxel of a label map has one class or none; "
                        + "export it as BINARY.")
                break
            }
            guard let label = numbers[form == "LABELMAP" ? Int(value) : segment ?? 0] else {
                others.insert(Int(value))
                continue
            }
            painter.paint(place.voxel(column: pixel % columns, row: pixel / columns), label)
        }
        return others
    }
}

/// The faults of frames; each kind is reported once.
private struct FrameFaults {
    /// The frames with each kind of fault, from 0; a kind is the end of a sentence that begins with a frame.
    private var frames: [String: [Int]] = [:]

    mutating func add(_ kind: String, frame: Int) { frames[kind, default: []].append(frame) }

    func sentences(of count: Int) -> [String] {
        frames.sorted { ($0.value[0], $0.key) < ($1.value[0], $1.key) }.map { kind, frames in
            let others = frames.count > 1 ? " (and \(frames.count - 1) more of \(count))" : ""
            return "Frame \(frames[0] + 1)\(others) \(kind)"
        }
    }
}

/// The mapping from pixels of a frame to voxels of a scan.
private struct PixelPlace {
    private let first: SIMD3<Int>, along: SIMD3<Int>, down: SIMD3<Int>

    /// The axis of the scan that is perpendicular to the frame.
    var axis: Int { (0..<3).first { along[$0] == 0 && down[$0] == 0 } ?? 2 }

    /// Nil if the frame has no position, or its pixels do not lie on the voxels or differ from them in size.
    init?(_ frame: DicomFrame, _ painter: SegmentPainter) {
        guard let position = frame.position, let directions = frame.directions, let spacing = frame.spacing else {
            return nil
        }
        let (columns, rows) = (Double(frame.image.columns - 1), Double(frame.image.rows - 1))
        let (right, below) = (directions.row * spacing.columns, directions.column * spacing.rows)
        let exact = painter.index(position)
        func step(_ one: SIMD3<Double>) -> SIMD3<Int>? {
            let step = painter.index(position + one) - exact
            let rounded = step.rounded(.toNearestOrAwayFromZero)
            guard (rounded * rounded).sum() == 1 else { return nil }
            return SIMD3(Int(rounded.x), Int(rounded.y), Int(rounded.z))
        }
        guard (0..<3).allSatisfy({ abs(exact[$0]) < 1e6 }), let along = step(right), let down = step(below) else {
            return nil
        }
        let start = exact.rounded(.toNearestOrAwayFromZero)
        first = SIMD3(Int(start.x), Int(start.y), Int(start.z))
        (self.along, self.down) = (along, down)
        for (column, row) in [(0, 0), (columns, 0), (0, rows), (columns, rows)] {
            let corner = painter.index(position + right * column + below * row)
            let voxel = voxel(column: Int(column), row: Int(row))
            guard (0..<3).allSatisfy({ abs(corner[$0] - Double(voxel[$0])) <= SegmentPainter.tolerance }) else {
                return nil
            }
        }
    }

    func voxel(column: Int, row: Int) -> SIMD3<Int> { first &+ along &* column &+ down &* row }
}
