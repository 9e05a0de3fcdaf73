import Foundation
import SegCore
import SegImaging
import Testing

/// Grids beyond the limits are refused by their size alone, before any of their memory is allocated.
@Suite struct GridLimitTests {
    private static var preprocessing: Preprocessing {
        get throws {
            try Preprocessing(orientation: "RAS", pixdim: [1.5, 1.5, 2], intensity: nil, cropForeground: false)
        }
    }

    private func affine(_ edges: [Double], origin: Double = 0) -> Affine {
        var affine = Affine.identity
        for axis in 0..<3 {
            affine[axis, axis] = edges[axis]
            affine[axis, 3] = origin
        }
        return affine
    }

    /// The number of voxels can hide a long axis: every axis is checked by itself.
    @Test(arguments: [
        [1e-6, 1, 1e9], [1e9, 1e-6, 1], [1, 1.6e10, 1e-6], [1e30, 1e30, 1e30], [3e38, 3e38, 3e38], [1e6, 1, 1],
        [1e18, 1e-18, 1], [3e4, 1, 1], [3e3, 3e3, 3e3],
    ])
    func gridsBeyondTheLimits(_ edges: [Double]) throws {
        let size = Triple(2, 2, 2)
        for turn in [Affine.identity, Affine(elements: [0, 0, 1, 0, -1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1])] {
            let placed = affine(edges) * turn
            let error = try #require(throws: DataError.self) {
                try Self.preprocessing.destinationSize(of: size, at: placed, name: "thin.nii")
            }
            #expect(error.kind == .badData && error.subject == "thin.nii")
            #expect(error.message.contains("mm") && error.message.contains("pixdim"), "\(error)")
            let scan = Volume(voxels: [Float](repeating: 1, count: 8), size: size, affine: placed)
            #expect(throws: error) { try Self.preprocessing(scan, name: "thin.nii") }
        }
    }

    @Test func aShearThatHidesALongAxis() throws {
        var sheared = affine([1e-3, 1, 1])
        sheared[1, 0] = 1e7
        let error = try #require(throws: DataError.self) {
            try Self.preprocessing.destinationSize(of: Triple(3, 3, 3), at: sheared, name: "sheared.nii")
        }
        #expect(error.subject == "sheared.nii")
    }

    /// The size after the chain is computed from the header alone.
    @Test(
        arguments: [
            (Triple(32, 20, 17), [1.5, 1.5, 2], 0), (Triple(2, 2, 2), [0.8, 3, 5], 7),
            (Triple(40, 1, 3), [1e-5, 2, 0.7], 0),
            (Triple(1, 1, 1), [1e9, 1, 1], 0), (Triple(32_767, 1, 1), [1, 1, 1], 0),
        ] as [(Triple, [Double], Double)])
    func destinationsAreWhatIsMade(_ size: Triple, _ edges: [Double], _ origin: Double) throws {
        for turn in [Affine.identity, Affine(elements: [0, 0, 1, 0, -1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1])] {
            let scan = Volume(
                voxels: [Float](repeating: 1, count: size.count), size: size,
                affine: affine(edges, origin: origin) * turn)
            let told = try Self.preprocessing.destinationSize(of: size, at: scan.affine, name: "a.nii")
            #expect(try Self.preprocessing(scan, name: "a.nii").image.size == told)
        }
    }

    @Test func anOriginThatSwallowsTheVoxelsIsRefused() throws {
        let far = affine([1.5, 1.5, 3], origin: 1e30)
        let error = try #require(throws: DataError.self) {
            try Self.preprocessing.destinationSize(of: Triple(20, 18, 16), at: far, name: "far.nii")
        }
        #expect(error.message.contains("1e+30 mm") && error.message.contains("offset"), "\(error)")
    }

    /// 2 G voxels are allowed, 8 GiB; a grid that does not fit into memory is refused before it is computed.
    @Test func plansBeyondTheMemoryAreRefused() throws {
        let error = try #require(throws: DataError.self) {
            try FreeMemory.check(arrays: 1 << 50, subject: "a.nii", for: "preparing it", advice: "cut the scan")
        }
        #expect(error.kind == .tooLarge && error.exitStatus == .software)
        #expect(error.message.contains("1.05e+06 GiB") && error.message.contains("cut the scan"), "\(error)")
        try FreeMemory.check(arrays: 1 << 20, subject: "a.nii", for: "preparing it", advice: "cut the scan")
        #expect(throws: DataError.self) {
            try FreeMemory.check(arrays: 1, tensors: .max, subject: "a", for: "b", advice: "c")
        }
        #expect(FreeMemory.physical > 1 << 20 && FreeMemory.physical < Int.max)
    }

    @Test func settingsThatDoNotScaleAreSaid() throws {
        #expect(try Self.preprocessing.remarks.isEmpty)
        let flat = Preprocessing([
            .scaleIntensityRange(try ScaleIntensityRange(aMin: 5, aMax: 5, bMin: 0, bMax: 1, clip: true))
        ])
        #expect(flat.remarks.count == 1 && flat.remarks[0].contains("a_min") && flat.remarks[0].contains("5.0"))
    }
}
