internal import Foundation
public import SegCore
public import SegImaging

/// A mask to be written as DICOM objects, which refer to the series from which the mask was made.
public struct DicomMask: Sendable {
    /// A class, or a region of a model with overlapping regions.
    struct Segment: Sendable {
        /// The number of the class or region.
        var number: Int
        /// The index of the map that contains the segment, and the segment's value in it.
        var map: Int
        var value: UInt8
        var name: String
        /// The name in DICOM objects.
        var label: String
        var meaning: SegmentMeaning
        var colour: SegmentColour
    }

    let series: DicomSeries
    let segments: [Segment]
    /// Whether a voxel may belong to several segments.
    let mayOverlap: Bool
    let maker: DicomMaker
    let method: Method
    private let planes: [DicomPlanes]
    /// Notes for the user, one sentence each.
    public private(set) var remarks: [String]

    /// The way in which a mask was made, in DICOM's words.
    public enum Method: String, Codable, Sendable, CaseIterable {
        /// A model made it.
        case automatic
        /// A person corrected a model's mask.
        case semiautomatic
        /// A person drew it.
        case manual
    }

    /// The description of a segmentation apart from its voxels.
    public struct Description: Sendable {
        /// The names of the classes by their numbers; the names of regions by their channels, from 0.
        public var names: [Int: String]
        /// The coded terms of the classes.
        public var codes: SegmentCodes
        /// The model's name. Objects contain no model if `method` is `manual`.
        public var model: String
        /// MedSeg's version.
        public var version: String
        /// Whether an object may begin a new study if the scan has no UIDs.
        public var isNewStudy: Bool
        /// The way in which the mask was made.
        public var method: Method

        /// Creates a description of a segmentation.
        public init(
            names: [Int: String], codes: SegmentCodes, model: String, version: String, isNewStudy: Bool = false,
            method: Method = .automatic
        ) {
            (self.names, self.codes, self.model) = (names, codes, model)
            (self.version, self.isNewStudy, self.method) = (version, isNewStudy, method)
        }
    }

    /// Checks, before a prediction starts, that DICOM objects of its mask can reference the files of the scan.
    /// - Throws: `DataError` like `init`.
    public static func check(_ geometry: ScanGeometry, scan: String, isNewStudy: Bool) throws(DataError) {
        _ = try DicomSeries(geometry, scan: scan, isNewStudy: isNewStudy)
    }

    /// Maps a mask to the slices of the series that its scan was read from.
    ///
    /// - Parameters:
    ///   - maps: One map of class numbers, or one map of 0 and 1 per region if `areRegions`; in `Volume`'s order.
    ///   - geometry: The geometry of the scan as it was read.
    ///   - scan: The scan's name, for errors.
    /// - Throws: `DataError` if the scan is not DICOM, or its files have no UIDs to refer to.
    public init(
        maps: [[UInt8]], areRegions: Bool, _ description: Description, of geometry: ScanGeometry, scan: String
    ) throws(DataError) {
        series = try DicomSeries(geometry, scan: scan, isNewStudy: description.isNewStudy)
        mayOverlap = areRegions
        method = description.method
        maker = DicomMaker(
            version: description.version, model: method == .manual ? "" : description.model, seriesNumber: 9300)
        let numbers = description.names.keys.filter { areRegions || $0 > 0 }.sorted()
        let names = numbers.map { description.names[$0] ?? "" }
        let labels = SegmentLabels(names, numbers: numbers, isUnicode: series.isUnicode)
        segments = numbers.enumerated().map { index, number in
            let name = names[index]
            return Segment(
                number: number, map: areRegions ? number : 0, value: areRegions ? 1 : UInt8(number), name: name,
                label: labels.texts[index], meaning: description.codes.meaning(of: name) ?? .unknown,
                colour: SegmentColour(LabelColours.colour(of: name, number: number)))
        }
        remarks = series.remarks + labels.remarks
        let unknown = segments.filter { description.codes.meaning(of: $0.name) == nil }.map(\.name)
        if !unknown.isEmpty {
            remarks.append(
                "No codes are known for \(unknown.shortList()), written as tissue; give their codes (--codes FILE).")
        }
        let stack = series.stack
        if stack.isFilled {
            remarks.append(
                "The DICOM objects contain the mask of the scan's own slices only, not of the interpolated ones.")
        }
        let slices = stack.slicesOfFrames
        let size = Triple(stack.shape[0], stack.shape[1], stack.shape[2])
        planes = maps.map { DicomPlanes($0, size: size, slices: slices) }
    }

    /// The pixels of a frame in the segment's map, row by row.
    func pixels(_ frame: Int, of segment: Segment) -> ArraySlice<UInt8> { planes[segment.map][frame] }

    /// Whether a segment has a voxel in a frame.
    func holds(_ segment: Segment, _ frame: Int) -> Bool { planes[segment.map].values[frame].contains(segment.value) }
}

/// The labels of classes in DICOM objects: their names, with their numbers if the names are empty or not unique.
private struct SegmentLabels {
    private(set) var texts: [String]
    private(set) var remarks: [String] = []

    /// - Parameter isUnicode: Whether names may have letters beyond ASCII.
    init(_ names: [String], numbers: [Int], isUnicode: Bool) {
        let plain = names.map { isUnicode ? $0.dicomUnicode(most: Self.most) : $0.dicomText(most: Self.most) }
        let counts = Dictionary(plain.map { ($0, 1) }, uniquingKeysWith: +)
        texts = plain
        let unclear = plain.indices.filter { plain[$0].isEmpty || counts[plain[$0]] != 1 }
        for index in unclear {
            let end = " \(numbers[index])"
            let start = plain[index].isEmpty ? "class" : String(plain[index].prefix(Self.most - end.count))
            texts[index] = start + end
        }
        if !unclear.isEmpty {
            remarks.append(
                "Class names that would be empty or equal in DICOM objects of this scan are written with their numbers: "
                    + "\(unclear.map { "'\(texts[$0])'" }.shortList()).")
        }
    }

    /// The maximum number of characters of a segment's label.
    private static let most = 64
}

/// A map as pixels, frame by frame and row by row.
struct DicomPlanes: Sendable {
    private let bytes: [UInt8]
    private let pixelCount: Int
    /// The values in each frame, without 0.
    let values: [Set<UInt8>]

    /// - Parameters:
    ///   - map: The map in `Volume`'s order, in which the slice index runs fastest.
    ///   - size: The numbers of columns, rows and slices.
    ///   - slices: The index of the slice of each frame.
    init(_ map: [UInt8], size: Triple, slices: [Int]) {
        let pixelCount = size.d * size.h
        self.pixelCount = pixelCount
        let bytes = [UInt8](unsafeUninitializedCapacity: slices.count * pixelCount) { buffer, count in
            nonisolated(unsafe) let output = buffer
            map.withUnsafeBufferPointer { map in
                nonisolated(unsafe) let map = map
                concurrently(size.h) { rows in
                    for row in rows {
                        for column in 0..<size.d {
                            let line = (column * size.h + row) * size.w
                            let pixel = row * size.d + column
                            for (frame, slice) in slices.enumerated() {
                                output[frame * pixelCount + pixel] = map[line + slice]
                            }
                        }
                    }
                }
            }
            count = slices.count * pixelCount
        }
        self.bytes = bytes
        values = slices.indices.map { frame in
            var isThere = [Bool](repeating: false, count: 256)
            for value in bytes[frame * pixelCount..<(frame + 1) * pixelCount] { isThere[Int(value)] = true }
            return Set((1...UInt8.max).filter { isThere[Int($0)] })
        }
    }

    subscript(frame: Int) -> ArraySlice<UInt8> { bytes[frame * pixelCount..<(frame + 1) * pixelCount] }
}

/// A colour of a segment.
struct SegmentColour: Sendable {
    /// The components of sRGB, from 0 to 1.
    let red: Double, green: Double, blue: Double

    /// Creates a colour from `0xRRGGBB`.
    init(_ colour: UInt32) {
        func channel(_ shift: UInt32) -> Double { Double(colour >> shift & 255) / 255 }
        (red, green, blue) = (channel(16), channel(8), channel(0))
    }

    /// The components as integers from 0 to 255.
    var bytes: [Int] { [red, green, blue].map { Int(($0 * 255).rounded()) } }

    /// The colour in CIELab with the white point D50, scaled to 16 bits by DICOM: L from 0 to 100, a and b from -128 to
    /// 127.
    var lab: [Int] {
        let linear = [red, green, blue].map { $0 <= 0.04045 ? $0 / 12.92 : pow(($0 + 0.055) / 1.055, 2.4) }
        // The sRGB primaries, adapted from D65 to D50.
        let rows = [
            [0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733],
        ]
        let white = [0.96422, 1, 0.82521]
        let f = zip(rows, white).map { row, white -> Double in
            let share = zip(row, linear).map { $0 * $1 }.reduce(0, +) / white
            return share > 216.0 / 24389 ? cbrt(share) : (24389.0 / 27 * share + 16) / 116
        }
        let scaled = [(116 * f[1] - 16) / 100, (500 * (f[0] - f[1]) + 128) / 255, (200 * (f[1] - f[2]) + 128) / 255]
        return scaled.map { Int((min(1, max(0, $0)) * 65535).rounded()) }
    }
}
