internal import SegCore
internal import SegImaging

extension DicomCatalogue {
    /// A volume of the list, or a series that is not a volume.
    public struct Row: Sendable, Encodable {
        /// The position of the series in the list, from 1.
        public var index: Int
        /// SeriesNumber, which may repeat.
        public var number: String
        /// SeriesInstanceUID.
        public var uid: String
        /// SeriesDescription.
        public var description: String
        /// Modality.
        public var modality: String
        /// The volume's number in its series, from 1; nil if the series is not a volume.
        public var volume: Int?
        /// The text that distinguishes the volume from others at the same positions; nil if there are no others.
        public var label: String?
        /// The numbers of columns, rows and slices; the number of frames if the series is not a volume.
        public var shape: [Int]
        /// The voxel edges in mm; empty if the series is not a volume.
        public var spacing: [Double]
        /// The angle of the gantry tilt in degrees; 0 without a tilt.
        public var tilt: Double
        /// Notes for the user.
        public var remarks: [String]
        /// The reason why the series is not a volume; nil if it is a volume.
        public var refusal: String?
    }

    /// Every volume, and every series that is not a volume.
    public var rows: [Row] {
        series.flatMap { series -> [Row] in
            let image = series.group.image
            var row = Row(
                index: series.index, number: image.seriesNumber, uid: image.series,
                description: image.seriesDescription,
                modality: image.modality, shape: [image.columns, image.rows, series.group.frames.count], spacing: [],
                tilt: 0, remarks: [])
            guard case .success(let stacks) = series.outcome else {
                row.refusal = series.refusal
                return [row]
            }
            return stacks.enumerated().map { number, stack in
                row.volume = number + 1
                row.label = stack.label.isEmpty ? nil : stack.label
                (row.shape, row.spacing, row.tilt) = (stack.shape, stack.affine.spacing, stack.tiltDegrees)
                row.remarks = stack.remarks
                return row
            }
        }
    }

    /// The files that are DICOM but not slices of a scan, with the kind of each.
    public var leftOut: [(file: String, why: String)] { folder.leftOut.map { ($0.name, $0.why) } }
}
