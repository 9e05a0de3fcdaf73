internal import Foundation
public import SegCore

/// The form of a DICOM Segmentation.
public enum DicomSegmentationForm: String, Sendable, CaseIterable {
    /// One frame of bits per segment and slice, which every viewer reads.
    case binary
    /// One frame of segment numbers per slice, in the standard since 2024.
    case labelmap
}

extension DicomMask {
    /// Writes a Segmentation; on failure no part of it remains.
    /// - Returns: Notes for the user, one sentence each.
    /// - Throws: `DataError` naming the file if it cannot be written or would be larger than 4 GiB; `badArgument` if
    ///   segments may overlap and the form is `labelmap`.
    public func writeSegmentation(_ form: DicomSegmentationForm, to path: String) throws(DataError) -> [String] {
        guard form == .binary || !mayOverlap else {
            throw DataError(
                .badArgument, path, "the model's regions may overlap, which a label map cannot hold; choose binary.")
        }
        let frames = frames(form)
        let all = frames.isEmpty ? [Frame(segment: segments.first, plane: 0)] : frames
        var remarks: [String] = []
        if frames.isEmpty {
            remarks.append(
                "Nothing was found; the DICOM segmentation has one empty frame, because DICOM requires at least one.")
        }
        if series.stack.tiltDegrees >= 0.1 {
            remarks.append(
                "The DICOM segmentation of a tilted series is valid, but dcmqi, and thus 3D Slicer, cannot read it; the RT "
                    + "structure set (--rtstruct) and the NIfTI contain the same mask.")
        }
        let pixels = try pixels(of: all, form, path: path)
        let isBinary = form == .binary
        let document = try series.document(
            "1.2.840.10008.5.1.4.1.1.66.\(isBinary ? 4 : 7)", modality: "SEG", path: path, maker: maker,
            texts: segments.map(\.label))
        try series.setCompression(in: document)
        setImage(form, frames: all.count, in: document.dataset)
        for (index, segment) in segments.enumerated() {
            add(segment, numbered: number(of: segment, at: index, form), to: document.dataset)
        }
        addShared(to: document.dataset)
        addDimensions(form, to: document.dataset)
        let planes = Set(all.map(\.plane)).sorted()
        let places = Dictionary(uniqueKeysWithValues: planes.enumerated().map { ($1, $0) })
        for frame in all { add(frame, form, place: (places[frame.plane] ?? 0) + 1, to: document.dataset) }
        addReferences(planes, to: document.dataset)
        document.setPixels(pixels)
        try document.save(to: path)
        return remarks
    }

    /// A frame of the object: one segment in a slice, or all segments in a slice of a label map.
    private struct Frame {
        var segment: Segment?
        var plane: Int
    }

    private func frames(_ form: DicomSegmentationForm) -> [Frame] {
        let planes = series.stack.frames.indices
        guard form == .binary else { return planes.map { Frame(plane: $0) } }
        return segments.flatMap { segment in
            planes.filter { holds(segment, $0) }.map { Frame(segment: segment, plane: $0) }
        }
    }

    /// The number of a segment in the object: from 1 in a binary object, its own number in a label map.
    private func number(of segment: Segment, at index: Int, _ form: DicomSegmentationForm) -> Int {
        form == .binary ? index + 1 : segment.number
    }

    // MARK: - Pixels

    /// The maximum number of bytes that a DICOM value can have; it must be even.
    private static let mostBytes = 0xffff_fffe

    private func pixels(of frames: [Frame], _ form: DicomSegmentationForm, path: String) throws(DataError) -> [UInt8] {
        let count = frames.count * series.stack.pixelCount
        let bytes = form == .binary ? (count + 7) / 8 : count
        guard bytes <= Self.mostBytes else {
            throw DataError(
                .tooLarge, path,
                "would have \(bytes) bytes of pixels, but DICOM allows only \(Self.mostBytes); write a NIfTI.")
        }
        var result = [UInt8](repeating: 0, count: bytes + bytes % 2)
        var place = 0
        for frame in frames {
            if form == .labelmap, let any = segments.first {
                result.replaceSubrange(place..<place + series.stack.pixelCount, with: pixels(frame.plane, of: any))
                place += series.stack.pixelCount
            } else if let segment = frame.segment {
                // The bits of consecutive frames are contiguous, the lowest bit of a byte first.
                for value in pixels(frame.plane, of: segment) {
                    if value == segment.value { result[place >> 3] |= 1 << UInt8(place & 7) }
                    place += 1
                }
            }
        }
        return result
    }

    private func setImage(_ form: DicomSegmentationForm, frames: Int, in dataset: DicomDocument.Item) {
        let now = DicomTime()
        let isBinary = form == .binary
        dataset.set(DicomTag.imageType, "DERIVED\\PRIMARY")
        dataset.set(DicomTag.contentDate, now.date)
        dataset.set(DicomTag.contentTime, now.time)
        dataset.set(DicomTag.contentLabel, "SEGMENTATION")
        dataset.set(DicomTag.contentDescription, maker.title)
        dataset.set(DicomTag.contentCreatorName, "")
        dataset.set(DicomTag.samplesPerPixel, 1)
        dataset.set(DicomTag.photometricInterpretation, "MONOCHROME2")
        dataset.set(DicomTag.pixelRepresentation, 0)
        dataset.set(DicomTag.bitsAllocated, isBinary ? 1 : 8)
        dataset.set(DicomTag.bitsStored, isBinary ? 1 : 8)
        dataset.set(DicomTag.highBit, isBinary ? 0 : 7)
        dataset.set(DicomTag.rows, series.stack.image.rows)
        dataset.set(DicomTag.columns, series.stack.image.columns)
        dataset.set(DicomTag.numberOfFrames, frames)
        dataset.set(DicomTag.segmentationType, isBinary ? "BINARY" : "LABELMAP")
        dataset.set(DicomTag.segmentsOverlap, mayOverlap ? "UNDEFINED" : "NO")
        if !isBinary { dataset.set(DicomTag.pixelPadding, 0) }
    }

    // MARK: - Sequences

    private func add(_ segment: Segment, numbered number: Int, to dataset: DicomDocument.Item) {
        let item = dataset.add(DicomTag.segments)
        item.set(DicomTag.segmentNumber, number)
        item.set(DicomTag.segmentLabel, segment.label)
        item.set(DicomTag.segmentAlgorithmType, method.rawValue.uppercased())
        if method != .manual { item.set(DicomTag.segmentAlgorithmName, maker.title) }
        item.add(DicomTag.propertyCategory, segment.meaning.category)
        let type = item.add(DicomTag.propertyType, segment.meaning.type)
        if let modifier = segment.meaning.modifier { type.add(DicomTag.propertyTypeModifier, modifier) }
        item.set(DicomTag.displayColour, segment.colour.lab.map(String.init).joined(separator: "\\"))
        guard method != .manual else { return }
        let algorithm = item.add(DicomTag.segmentAlgorithm)
        algorithm.add(DicomTag.algorithmFamily, .artificialIntelligence)
        algorithm.set(DicomTag.algorithmName, maker.title)
        algorithm.set(DicomTag.algorithmVersion, maker.version)
    }

    /// Adds the shared orientation and spacings. They are computed from the positions because the scan's own attributes
    /// of slice thickness and spacing may be wrong.
    private func addShared(to dataset: DicomDocument.Item) {
        let (stack, shared) = (series.stack, dataset.add(DicomTag.sharedGroups))
        let measures = shared.add(DicomTag.pixelMeasures)
        measures.set(DicomTag.sliceThickness, [stack.planeSpacing])
        if !stack.isFilled { measures.set(DicomTag.spacingBetweenSlices, [stack.planeSpacing]) }
        guard let directions = stack.frames[0].directions, let spacing = stack.frames[0].spacing else { return }
        measures.set(DicomTag.pixelSpacing, [spacing.rows, spacing.columns])
        shared.add(DicomTag.planeOrientation).set(
            DicomTag.imageOrientation,
            [directions.row, directions.column].flatMap { vector in (0..<3).map { vector[$0] } })
    }

    private func addDimensions(_ form: DicomSegmentationForm, to dataset: DicomDocument.Item) {
        let organisation = DicomUID.new()
        dataset.add(DicomTag.dimensionOrganizations).set(DicomTag.dimensionOrganizationUID, organisation)
        let bySegment = (DicomTag.referencedSegment, DicomTag.segmentIdentification, "Segment")
        let byPlace = (DicomTag.imagePosition, DicomTag.planePosition, "Position")
        for (pointer, group, name) in form == .binary ? [bySegment, byPlace] : [byPlace] {
            let item = dataset.add(DicomTag.dimensionIndices)
            item.set(DicomTag.dimensionOrganizationUID, organisation)
            item.set(DicomTag.dimensionIndexPointer, pointer: pointer)
            item.set(DicomTag.functionalGroupPointer, pointer: group)
            item.set(DicomTag.dimensionDescription, name)
        }
    }

    /// - Parameter place: The number of the frame's slice among the slices that have frames, from 1.
    private func add(
        _ frame: Frame, _ form: DicomSegmentationForm, place: Int, to dataset: DicomDocument.Item
    ) {
        let (item, source) = (dataset.add(DicomTag.frameGroups), series.stack.frames[frame.plane])
        if let position = source.position {
            item.add(DicomTag.planePosition).set(DicomTag.imagePosition, (0..<3).map { position[$0] })
        }
        let content = item.add(DicomTag.frameContent)
        if form == .binary {
            let number = (segments.firstIndex { $0.number == frame.segment?.number } ?? 0) + 1
            item.add(DicomTag.segmentIdentification).set(DicomTag.referencedSegment, number)
            content.set(DicomTag.dimensionIndexValues, number, place)
        } else {
            content.set(DicomTag.dimensionIndexValues, place)
        }
        let derivation = item.add(DicomTag.derivationImages)
        derivation.add(DicomTag.derivationCode, .segmentation)
        let image = derivation.add(DicomTag.sourceImages)
        source.refer(from: image)
        image.add(DicomTag.purposeOfReference, .sourceImage)
        image.set(DicomTag.spatialLocationsPreserved, "YES")
    }

    /// Refers to exactly the files to which frames refer.
    private func addReferences(_ planes: [Int], to dataset: DicomDocument.Item) {
        let item = dataset.add(DicomTag.referencedSeries)
        item.set(DicomTag.seriesInstance, series.series)
        let used = Set(planes.map { series.stack.frames[$0].image.path })
        for image in series.stack.images where used.contains(image.path) {
            image.refer(from: item.add(DicomTag.referencedInstances))
        }
    }
}

/// The current date and time in DICOM's form.
struct DicomTime {
    let date: String, time: String

    init(_ now: Date = Date()) {
        let parts = Calendar(identifier: .gregorian).dateComponents(
            [.year, .month, .day, .hour, .minute, .second], from: now)
        func text(_ part: Int?, _ digits: Int) -> String { String(format: "%0\(digits)d", part ?? 0) }
        date = text(parts.year, 4) + text(parts.month, 2) + text(parts.day, 2)
        time = text(parts.hour, 2) + text(parts.minute, 2) + text(parts.second, 2)
    }
}
