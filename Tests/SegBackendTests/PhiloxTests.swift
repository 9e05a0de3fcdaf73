import SegBackend
import Testing

/// Known answers of the Random123 distribution for philox4x32-10.
@Test func philoxKnownAnswers() {
    let zero = Philox4x32.words(counter: (0, 0, 0, 0), key: (0, 0))
    #expect(zero == (0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8))
    let ones: UInt32 = 0xFFFF_FFFF
    let full = Philox4x32.words(counter: (ones, ones, ones, ones), key: (ones, ones))
    #expect(full == (0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD))
    let pi = Philox4x32.words(
        counter: (0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344), key: (0xA409_3822, 0x299F_31D0))
    #expect(pi == (0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1))
}

@Test func dropoutKeepsItsShare() {
    let params = DropoutParams(probability: 0.25, seed: 7, layer: 3, pass: 1, channelwise: false)
    let kept = (0..<40_000).count { params.keeps($0) }
    #expect(abs(Double(kept) / 40_000 - 0.75) < 0.01)
}
