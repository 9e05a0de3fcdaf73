import SegCore
import SegImaging
import Testing

@Suite struct LabelMapTests {
    private func volume(_ voxels: [Float]) -> Volume {
        Volume(voxels: voxels, size: Triple(1, 1, voxels.count), affine: .identity)
    }

    @Test func voxelsAreTheNearestWholeNumber() throws {
        let map = volume([0, -0.04, 0.9999999, 1.04, 0.9882, 299.97, 65_535])
        #expect(try LabelMap.numbers(of: map, file: "a.nii") == [0, 0, 1, 1, 1, 300, 65_535])
        let whole = try LabelMap.whole(map, file: "a.nii").voxels
        #expect(whole == [0, 0, 1, 1, 1, 300, 65_535] && whole[1].sign == .plus)
        #expect(try LabelMap.classes(of: volume([0.98, 255]), file: "a.nii") == [1, 255])
    }

    @Test(arguments: [Float(0.5), 0.94, 1.06, -0.06, -1, 65_536, 1e30, -1e30, .nan, .infinity, -.infinity])
    func whatIsNoLabelIsRefused(_ value: Float) throws {
        for read in [
            { _ = try LabelMap.numbers(of: $0, file: "a.nii") }, { _ = try LabelMap.classes(of: $0, file: "a.nii") },
        ]
            as [(Volume) throws -> Void]
        {
            let error = try #require(throws: DataError.self) { try read(volume([1, value])) }
            #expect(error.subject == "a.nii" && error.message.contains("\(value)") && error.kind == .badData)
        }
    }

    @Test func classesOfANetworkFitAByte() throws {
        let error = try #require(throws: DataError.self) { try LabelMap.classes(of: volume([1, 300]), file: "a.nii") }
        #expect(error.message.contains("label 300") && error.message.contains("0 to 255"))
    }
}
