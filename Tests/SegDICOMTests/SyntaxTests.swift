import CDicom
import Foundation
import SegTestNeeds
import Testing

/// Single files of every transfer syntax, read through the C interface.
@Suite(
    .enabled(if: SharedCases.isThere, "needs ../shared/data/dicom"), .needs("libMedSegDICOM") { hasDicomLibrary })
struct SyntaxTests {
    /// 12-bit lossy JPEG, which decoders of two families decode with a difference of one stored step.
    private static let stepped = [
        "jpeg_extended_51.dcm", "jpeg_spectral_53.dcm", "jpeg_progressive_55.dcm", "jpeg_extended_12.dcm",
        "JPEGExtended_1s_1f_u_16_12.dcm", "two_frames_fragmented_no_offsets_51.dcm",
    ]

    @Test(arguments: SharedCases.cases("pixels"))
    func pixels(_ item: SharedCases.Case) throws {
        var reason: UnsafePointer<CChar>?
        let library = try #require(dicom_library_open(&reason)).pointee
        var message = [CChar](repeating: 0, count: 256)
        let file = try #require(library.open(item.path, &message, message.count))
        defer { library.close(file) }
        #expect(library.damage(file) == nil)
        func number(_ tags: UInt32..., in place: Int32 = DICOM_DATASET) -> Double? {
            var buffer = [CChar](repeating: 0, count: 64)
            guard library.text(file, Int(place), tags, Int32(tags.count), &buffer, buffer.count) > 0 else { return nil }
            return Double(String(decoding: buffer.prefix { $0 > 0 && $0 != 32 }.map { UInt8($0) }, as: UTF8.self))
        }
        let shape = try #require(item.entry["shape"] as? [Int])
        #expect(number(0x0028_0011).map { Int($0) } == shape[0] && number(0x0028_0010).map { Int($0) } == shape[1])
        func scale(_ tag: UInt32) -> Double? { number(0x0028_9145, tag, in: DICOM_SHARED) ?? number(tag) }
        let (slope, intercept) = (scale(0x0028_1053) ?? 1, scale(0x0028_1052) ?? 0)
        let count = shape[0] * shape[1]
        var values: [Double] = []
        for frame in 0..<shape[2] {
            var stored = [Int32](repeating: 0, count: count)
            let status = library.decode(file, UInt32(frame), &stored, count, &message, message.count)
            try #require(
                status == 0, "\(String(decoding: message.prefix { $0 != 0 }.map { UInt8($0) }, as: UTF8.self))")
            values += stored.map { Double($0) * slope + intercept }
        }
        let step = Self.stepped.contains { item.name.hasSuffix("/" + $0) } ? abs(slope) : 0
        try expectEqual(values, item.entry, stepped: step)
        for probe in try #require(item.entry["probes"] as? [[String: Any]]) {
            let at = try #require(probe["index"] as? [Int])
            let value = values[(at[2] * shape[1] + at[1]) * shape[0] + at[0]]
            #expect(isClose(value, try #require(probe["value"] as? Double), stepped: step))
        }
    }
}
