internal import SegCore
internal import SegImaging

extension SegmentFile {
    /// The label map of the segments on a scan's grid.
    /// - Parameter classes: The dataset's class names by number, which decide the segments' labels; empty for the
    ///   file's own numbers.
    /// - Throws: `DataError` with every reason why the file is not a label map of the scan.
    func label(on scan: ScanGeometry, classes: [Int: String]) throws(DataError) -> (
        volume: Volume, geometry: ScanGeometry
    ) {
        let voxelCount = scan.shape.prefix(3).reduce(1, *)
        try FreeMemory.check(
            arrays: 4 * voxelCount, subject: path, for: "a label map of \(voxelCount) voxels",
            advice: "free memory or give a smaller scan")
        let numbers = SegmentNumbers(segments, classes: classes)
        var painter = SegmentPainter(scan, numbers: numbers)
        let stack = (scan.header as? DicomHeader)?.stack
        if let own = stack?.image.frameOfReference, !own.isEmpty, let other = frameOfReference, other != own {
            painter.add(
                fault:
                    "It has another frame of reference than the scan, therefore their positions cannot be compared.")
        }
        switch kind {
        case .segmentation: paintFrames(numbers.numbers, into: &painter)
        case .structures: paintContours(numbers.numbers, into: &painter)
        }
        let sources = stack == nil ? [] : referencedInstances
        if let stack, !sources.isEmpty, sources.isDisjoint(with: stack.images.map(\.instance)) {
            painter.add(
                fault:
                    "It refers to \(sources.count) files, none of which belongs to the scan; give the series that it was made "
                    + "from, or, if UIDs were changed since, a NIfTI of the scan.")
        }
        var names: [Int: String] = [:]
        for segment in segments {
            if let number = numbers.numbers[segment.number] { names[Int(number)] = segment.name }
        }
        if sources.isEmpty { painter.checkStripes(names: names) }
        let voxels = try painter.checked(path: path, names: names)
        let size = painter.size
        var geometry = ScanGeometry(
            affine: scan.affine, shape: [size.d, size.h, size.w], spacing: scan.spacing, unit: scan.unit,
            isPlaced: scan.isPlaced, remarks: numbers.remarks, header: scan.header)
        geometry.labels = names
        return (Volume(voxels: voxels, size: size, affine: scan.affine), geometry)
    }

    /// The UIDs of the files that the object refers to as its source.
    private var referencedInstances: Set<String> {
        let data = file.dataset
        let items =
            switch kind {
            case .segmentation:
                data.items(DicomTag.referencedSeries, DicomTag.referencedInstances)
                    + [DicomTag.sharedGroups, DicomTag.frameGroups].flatMap {
                        data.items($0, DicomTag.derivationImages, DicomTag.sourceImages)
                    }
            case .structures:
                data.items(DicomTag.structureContours, DicomTag.contours, DicomTag.contourImages)
                    + data.items(
                        DicomTag.referencedFramesOfReference, DicomTag.referencedStudies,
                        DicomTag.referencedSeriesOfStructures, DicomTag.contourImages)
            }
        return Set(items.compactMap { $0.text(DicomTag.referencedInstance) })
    }

    private var frameOfReference: String? {
        switch kind {
        case .segmentation: file.text(DicomTag.frameOfReference)
        case .structures:
            file.dataset.items(DicomTag.structures).first?.text(DicomTag.structureFrameOfReference)
                ?? file.dataset.items(DicomTag.referencedFramesOfReference).first?.text(DicomTag.frameOfReference)
        }
    }
}
