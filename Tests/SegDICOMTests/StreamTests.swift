import Foundation
import SegCore
import SegDICOM
import SegImaging
import SegTestNeeds
import Testing

/// Compressed frames that are damaged, or of another size than the data set states, are refused and not filled up.
@Suite(.needs("libMedSegDICOM") { hasDicomLibrary })
struct StreamTests {
    private func read(_ syntax: String, _ frame: [UInt8]) throws -> StoredScan {
        var slices = SyntheticSeries.slices(at: [0, 3, 6])
        for index in slices.indices { slices[index].compressed = (syntax, frame) }
        let series = try SyntheticSeries(slices)
        return try DicomSource().read(series.path, limits: ScanLimits())
    }

    private func refusal(_ syntax: String, _ frame: [UInt8]) throws -> String {
        let error = try #require(#expect(throws: DataError.self) { try read(syntax, frame) })
        #expect(error.kind == .badData && error.message.contains("IM0000"))
        return error.message
    }

    // MARK: - RLE

    private static let rle = "1.2.840.10008.1.2.5"

    /// An RLE frame with these segments.
    private static func rle(_ segments: [[UInt8]]) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: 64)
        var body: [UInt8] = []
        header[0] = UInt8(segments.count)
        for (number, segment) in segments.enumerated() {
            header[4 * (number + 1)] = UInt8(64 + body.count)
            body += segment.count % 2 == 0 ? segment : segment + [0]
        }
        return header + body
    }

    /// The 20 low bytes of 16-bit pixels, as literals.
    private static let low = [19] + (0..<20).map { UInt8($0) }
    /// 20 high bytes, as one run.
    private static let high: [UInt8] = [237, 1]

    @Test func soundRunsAreRead() throws {
        let scan = try read(Self.rle, Self.rle([Self.high, Self.low]))
        #expect(scan.value(at: [0, 0, 0]) == 256 && scan.value(at: [4, 3, 2]) == 256 + 19)
    }

    @Test(arguments: [
        [high, Array(low.prefix(10))], [high, [9] + Array(low[1...10])], [high, low + [0, 7]], [[240, 1], low],
        [[236, 1], low], [high, low, low], [low],
    ])
    func damagedRunsAreRefused(_ segments: [[UInt8]]) throws {
        #expect(try refusal(Self.rle, Self.rle(segments)).contains("RLE"))
    }

    @Test func wrongOffsetsOfRunsAreRefused() throws {
        for (at, value) in [(4, 66), (8, 64), (8, 255), (0, 1)] {
            var frame = Self.rle([Self.high, Self.low])
            frame[at] = UInt8(value)
            #expect(try refusal(Self.rle, frame).contains("RLE"))
        }
        #expect(try refusal(Self.rle, Array(Self.rle([Self.high, Self.low]).prefix(40))).contains("RLE"))
    }

    // MARK: - JPEG

    /// Lossless JPEG of 16 bits whose pixels are all 32768, which needs one bit each.
    private static func jpeg(rows: UInt8, columns: UInt8, end: [UInt8] = [0xff, 0xd9]) -> [UInt8] {
        let frame: [UInt8] = [0xff, 0xc3, 0, 11, 16, 0, rows, 0, columns, 1, 1, 0x11, 0]
        let table: [UInt8] = [0xff, 0xc4, 0, 20, 0, 1] + [UInt8](repeating: 0, count: 15) + [0]
        let scan: [UInt8] = [0xff, 0xda, 0, 8, 1, 1, 0, 1, 0, 0]
        return [0xff, 0xd8] + frame + table + scan + [0, 0, 0x0f] + end
    }

    @Test(arguments: ["1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"])
    func jpegOfAnotherSizeIsRefused(_ syntax: String) throws {
        let scan = try read(syntax, Self.jpeg(rows: 4, columns: 5))
        #expect(scan.value(at: [0, 0, 0]) == 32768 && scan.value(at: [4, 3, 2]) == 32768)
        for (rows, columns) in [(5, 4), (4, 4), (2, 5), (8, 5), (4, 10)] {
            let frame = Self.jpeg(rows: UInt8(rows), columns: UInt8(columns))
            #expect(try refusal(syntax, frame).contains("another size"), "\(rows) × \(columns)")
        }
        #expect(try refusal(syntax, Self.jpeg(rows: 4, columns: 5, end: [])).contains("ends too early"))
        #expect(try refusal(syntax, [1, 2, 3, 4, 5, 6]).contains("JPEG"))
    }

    @Test(arguments: ["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.80"])
    func otherKindsOfJPEGAreChecked(_ syntax: String) throws {
        #expect(try refusal(syntax, Self.jpeg(rows: 5, columns: 4)).contains("another size"))
    }
}
