internal import Foundation
public import SegCore
internal import Synchronization

extension DicomMask {
    /// Writes an RT Structure Set with the contours of each segment in every slice; on failure no part of it remains.
    /// - Returns: Notes for the user, one sentence each.
    /// - Throws: `DataError` naming the file if it cannot be written.
    public func writeStructures(to path: String) throws(DataError) -> [String] {
        let document = try series.document(
            "1.2.840.10008.5.1.4.1.1.481.3", modality: "RTSTRUCT", path: path, maker: maker,
            texts: segments.map(\.label))
        let (dataset, now) = (document.dataset, DicomTime())
        dataset.set(DicomTag.operatorsName, "")
        dataset.set(DicomTag.structureSetLabel, "MedSeg")
        dataset.set(DicomTag.structureSetName, maker.title)
        dataset.set(DicomTag.structureSetDate, now.date)
        dataset.set(DicomTag.structureSetTime, now.time)
        dataset.set(DicomTag.approvalStatus, "UNAPPROVED")
        addImages(to: dataset)
        let contours = contours
        for (index, segment) in segments.enumerated() {
            let number = index + 1
            let structure = dataset.add(DicomTag.structures)
            structure.set(DicomTag.structureNumber, number)
            structure.set(DicomTag.structureFrameOfReference, series.frameOfReference)
            structure.set(DicomTag.structureName, segment.label)
            structure.set(DicomTag.structureAlgorithm, method.rawValue.uppercased())
            let outline = dataset.add(DicomTag.structureContours)
            outline.set(DicomTag.structureColour, segment.colour.bytes.map(String.init).joined(separator: "\\"))
            outline.set(DicomTag.referencedStructure, number)
            for (frame, polygons) in contours[index].enumerated() {
                for polygon in polygons { add(polygon, of: series.stack.frames[frame], to: outline) }
            }
            let observation = dataset.add(DicomTag.observations)
            observation.set(DicomTag.observationNumber, number)
            observation.set(DicomTag.referencedStructure, number)
            observation.set(
                DicomTag.interpretedType, segment.meaning.category == .anatomicalStructure ? "ORGAN" : "")
            observation.set(DicomTag.interpreter, "")
        }
        // An explicit VR stores the length of a contour's text in 16 bits, enough for only about 2700 points.
        try document.save(to: path, isImplicit: true)
        let empty = segments.indices.filter { contours[$0].allSatisfy(\.isEmpty) }.map { segments[$0].name }
        return empty.isEmpty
            ? [] : ["The structure set has no contours of \(empty.shortList()), which the mask does not contain."]
    }

    /// The polygons of each segment in each frame, computed on all cores.
    private var contours: [[[[MaskContours.Point]]]] {
        let (frames, columns) = (series.stack.frames.count, series.stack.image.columns)
        let found = Mutex(
            [[[[MaskContours.Point]]]](repeating: Array(repeating: [], count: frames), count: segments.count))
        concurrently(frames) { part in
            for frame in part {
                for (index, segment) in segments.enumerated() where holds(segment, frame) {
                    let isInside = pixels(frame, of: segment).map { $0 == segment.value }
                    let polygons = MaskContours(isInside, columns: columns).polygons
                    found.withLock { $0[index][frame] = polygons }
                }
            }
        }
        return found.withLock { $0 }
    }

    /// Refers to every file of the scan.
    private func addImages(to dataset: DicomDocument.Item) {
        let frame = dataset.add(DicomTag.referencedFramesOfReference)
        frame.set(DicomTag.frameOfReference, series.frameOfReference)
        let study = frame.add(DicomTag.referencedStudies)
        // The SOP class of a study is retired, but readers still require it.
        study.set(DicomTag.referencedClass, "1.2.840.10008.3.1.2.3.1")
        study.set(DicomTag.referencedInstance, series.study)
        let item = study.add(DicomTag.referencedSeriesOfStructures)
        item.set(DicomTag.seriesInstance, series.series)
        for image in series.stack.images { image.refer(from: item.add(DicomTag.contourImages)) }
    }

    /// Adds a polygon on the plane of a frame, in mm with three decimals.
    private func add(_ polygon: [MaskContours.Point], of frame: DicomFrame, to outline: DicomDocument.Item) {
        guard let position = frame.position, let directions = frame.directions, let spacing = frame.spacing else {
            return
        }
        let (along, down) = (directions.row * spacing.columns / 2, directions.column * spacing.rows / 2)
        let contour = outline.add(DicomTag.contours)
        frame.refer(from: contour.add(DicomTag.contourImages))
        contour.set(DicomTag.contourType, "CLOSED_PLANAR")
        contour.set(DicomTag.contourPointCount, polygon.count)
        let numbers = polygon.flatMap { point -> [String] in
            let place = position + along * Double(point.x) + down * Double(point.y)
            return (0..<3).map { String(format: "%.3f", place[$0]) }
        }
        contour.set(DicomTag.contourPoints, numbers.joined(separator: "\\"))
    }
}
