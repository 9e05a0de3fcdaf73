internal import SegCore
internal import SegDICOM
internal import SegImaging

/// DICOM: a file with one frame or several, listed and read as a scan; segments, read as a label map.
enum DicomInput {
    /// A file of any kind. If DCMTK is missing, every input is refused.
    static func file(_ input: [UInt8], _ folder: FuzzFolder) throws {
        let path = try folder.write(input, as: "scan.dcm")
        // The grid of the seed files.
        let size = Triple(4, 3, 3)
        let grid = ScanGeometry(
            affine: Affine(elements: [-1.5, 0, 0, 10, 0, -2, 0, -20, 0, 0, 2, 46, 0, 0, 0, 1]), size: size)
        if let label = try unlessRefused({ try DicomSource().readLabel(path, on: grid, classes: [:]) }) {
            try insist(label?.volume.size ?? size == size, "a label map is \(label?.volume.size ?? size)")
        }
        guard let catalogue = try unlessRefused({ try DicomCatalogue(path) }) else { return }
        try insist(!catalogue.table.isEmpty, "a catalogue is shown by nothing")
        for row in catalogue.rows where row.volume != nil {
            try insist(row.shape.allSatisfy { $0 > 0 } && row.spacing.allSatisfy { $0 > 0 }, "a volume is \(row.shape)")
            let choice = DicomChoice(series: "\(row.index)", volume: row.volume)
            let scan = try unlessRefused { try DicomSource(choice).read(path, limits: ScanLimits()) }
            guard let scan else { continue }
            try insist(scan.shape == row.shape, "\(row.shape) became \(scan.shape)")
            try ScanInput.work(on: scan.volume(path: path), scan.geometry, folder)
        }
    }
}
