internal import SegCore
internal import SegImaging

extension DicomCatalogue {
    /// A volume of the list, or a series that is none.
    public struct Row: Sendable, Encodable {
        /// The series' place in the list, from 1.
        public var index: Int
        /// SeriesNumber, which may repeat.
        public var number: String
        /// SeriesInstanceUID.
        public var uid: String
        /// SeriesDescription.
        public var description: String
        /// Modality.
        public var modality: String
        /// The volume's number in its series, from 1; nil where the series is no volume.
        public var volume: Int?
        /// What tells it from the other volumes; nil where it is alone.
        public var label: String?
        /// Columns, rows and slices; of what is no volume its pictures.
        public var shape: [Int]
        /// Voxel edges in mm; empty where the series is no volume.
        public var spacing: [Double]
        /// The angle of a gantry tilt in degrees, 0 without.
        public var tilt: Double
        /// What a reader should know.
        public var remarks: [String]
        /// Why the series is no volume; nil where it is one.
        public var refusal: String?
    }

    /// Every volume, and every series that is none.
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

    /// Files that are DICOM and no slices, and what they are.
    public var leftOut: [(file: String, why: String)] { folder.leftOut.map { ($0.name, $0.why) } }
}
