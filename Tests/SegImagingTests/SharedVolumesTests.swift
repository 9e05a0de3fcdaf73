import Foundation
import SegCore
import SegImaging
import Testing

/// Compares every file of the shared folder with NiBabel and NumPy.
@Suite(.enabled(if: SharedData.isThere, "needs ../shared/data"))
struct SharedVolumesTests {
    private static let refused = ["rgb_3D.nii", "complex64.nii", "not-nifti.nii"]

    private static func isRefused(_ name: String) -> Bool { refused.contains { name.hasSuffix($0) } }

    @Test(arguments: SharedData.names.filter { !isRefused($0) })
    func infoEqualsNiBabel(_ name: String) throws {
        let expected = try #require(SharedData.expected[name] as? [String: Any])
        let json = try JSONEncoder().encode(ScanFile.inspect(SharedData.path(name)))
        let came = try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
        for (key, value) in expected where key != "probes" {
            #expect(
                agree(came[key], value, tolerance: key == "affine" ? 1e-6 : 1e-9),
                "\(key): \(came[key] ?? "nothing") for \(value)")
        }
        #expect((came["labels"] == nil) == (expected["labels"] == nil))
    }

    @Test(arguments: SharedData.names.filter { !isRefused($0) })
    func probedVoxels(_ name: String) throws {
        let expected = try #require(SharedData.expected[name] as? [String: Any])
        let image = try ScanFile.read(SharedData.path(name))
        for probe in try #require(expected["probes"] as? [[String: Any]]) {
            let value = image.value(at: try #require(probe["index"] as? [Int]))
            if let word = probe["value"] as? String {
                #expect(word == "nan" && value.isNaN)
            } else {
                #expect(agree(value, try #require(probe["value"]), tolerance: 1e-14))
            }
        }
    }

    @Test func pairsAreReadByEitherName() throws {
        let byHeader = try ScanFile.readVolume(SharedData.path("headers/nifti-reader-js/air.hdr.gz")).volume
        let byImage = try ScanFile.readVolume(SharedData.path("headers/nifti-reader-js/air.img.gz")).volume
        let plain = try ScanFile.readVolume(SharedData.path("headers/nifti-reader-js/air_plain/air.hdr")).volume
        #expect(byHeader.voxels == byImage.voxels && byHeader.voxels == plain.voxels)
    }

    @Test func volumeKeepsIndices() throws {
        let path = SharedData.path("headers/nibabel/someones_anatomy.nii.gz")
        let (image, volume) = (try ScanFile.read(path), try ScanFile.readVolume(path).volume)
        for index in [[0, 0, 0], [56, 66, 55], [30, 2, 41], [33, 65, 7]] {
            #expect(volume[index[0], index[1], index[2]] == Float(image.value(at: index)))
        }
    }

    @Test(arguments: [
        ("headers/nifti-rs/rgb_3D.nii", "RGB24"), ("headers/nifti-rs/complex64.nii", "complex128"),
        ("headers/nifti-reader-js/not-nifti.nii", "not NIfTI"),
    ])
    func refusesWhatIsNoScalarNIfTI(_ name: String, _ reason: String) throws {
        let error = #expect(throws: DataError.self) { try ScanFile.inspect(SharedData.path(name)) }
        #expect(error?.kind == .badData)
        #expect(error?.description.contains(reason) == true && error?.description.contains(name) == true)
    }

    @Test func refusesRealFourDimensionsAsVolume() throws {
        let path = SharedData.path("headers/nibabel/example4d.nii.gz")
        let error = #expect(throws: DataError.self) { try ScanFile.readVolume(path) }
        #expect(error?.description.contains("128×96×24×2") == true)
        #expect(
            try ScanFile.readVolume(SharedData.path("headers/nifti-reader-js/little.nii.gz")).volume.size
                == Triple(64, 64, 21))
    }

    /// Whether two JSON values are equal, numbers within a relative tolerance.
    private func agree(_ came: Any?, _ expected: Any, tolerance: Double) -> Bool {
        switch (came, expected) {
        case let (came as [Any], expected as [Any]):
            return came.count == expected.count
                && zip(came, expected).allSatisfy { agree($0, $1, tolerance: tolerance) }
        case let (came as [String: Any], expected as [String: Any]):
            return Set(came.keys) == Set(expected.keys)
                && expected.allSatisfy { agree(came[$0.key], $0.value, tolerance: tolerance) }
        case let (came as String, expected as String): return came == expected
        case let (came as NSNumber, expected as NSNumber):
            let (a, b) = (came.doubleValue, expected.doubleValue)
            return abs(a - b) <= tolerance * max(1, abs(b))
        default: return false
        }
    }
}
