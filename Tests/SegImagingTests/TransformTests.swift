import SegCore
import SegImaging
import Testing

@Suite struct TransformTests {
    private func volume(_ size: Triple, _ value: (Int, Int, Int) -> Float) -> Volume {
        var result = Volume(voxels: [Float](repeating: 0, count: size.count), size: size, affine: .identity)
        for i in 0..<size.d { for j in 0..<size.h { for k in 0..<size.w { result[i, j, k] = value(i, j, k) } } }
        return result
    }

    @Test(arguments: ["RA", "RAR", "XAS", "RASL", ""])
    func badAxisCodes(_ codes: String) {
        #expect(throws: DataError.self) { try Orientation(axisCodes: codes) }
    }

    @Test(arguments: ["RAS", "LPS", "SAR", "PIR", "ILA"])
    func orientationReachesItsCodesAndKeepsPlaces(_ codes: String) throws {
        let scan = volume(Triple(2, 3, 4)) { Float($0 * 100 + $1 * 10 + $2) }
        let turned = try Orientation(axisCodes: codes)(scan)
        #expect(turned.affine.axisCodes == codes)
        let inverse = try #require(scan.affine.inverse)
        for i in 0..<turned.size.d {
            for j in 0..<turned.size.h {
                for k in 0..<turned.size.w {
                    let world = turned.affine(Double(i), Double(j), Double(k))
                    let index = inverse(world.x, world.y, world.z)
                    #expect(scan[Int(index.x), Int(index.y), Int(index.z)] == turned[i, j, k])
                }
            }
        }
    }

    @Test func emptyForegroundNamesTheCase() throws {
        let crop = try CropForeground(margin: 0, divisor: 1, allowSmaller: false)
        let error = #expect(throws: DataError.self) {
            try crop.box(of: ScanImage(volume(Triple(2, 2, 2)) { _, _, _ in 0 }), name: "scan_12.nii.gz")
        }
        #expect(error?.description.contains("scan_12.nii.gz") == true)
    }

    @Test func marginStopsAtTheEdgeOnlyIfTold() throws {
        let scan = volume(Triple(5, 5, 5)) { $0 == 1 && $1 == 2 && $2 == 4 ? 1 : 0 }
        let wide = try CropForeground(margin: 2, divisor: 1, allowSmaller: false).box(of: ScanImage(scan), name: "a")
        #expect(wide == Box3(start: [-1, 0, 2], size: Triple(5, 5, 5)))
        let tight = try CropForeground(margin: 2, divisor: 1, allowSmaller: true).box(of: ScanImage(scan), name: "a")
        #expect(tight == Box3(start: [0, 0, 2], size: Triple(4, 5, 3)))
        let even = try CropForeground(margin: 0, divisor: 4, allowSmaller: false).box(of: ScanImage(scan), name: "a")
        #expect(even == Box3(start: [0, 1, 3], size: Triple(4, 4, 4)))
        #expect(throws: DataError.self) { try CropForeground(margin: 0, divisor: 0, allowSmaller: false) }
    }

    @Test func padsHalfBeforeAndComesBack() throws {
        let scan = volume(Triple(3, 2, 4)) { Float(1 + $0 + $1 + $2) }
        let pad = Preprocessing([.spatialPad(SpatialPad(size: Triple(6, 2, 3), value: -1))])
        let prepared = try pad(scan, name: "a")
        let (padded, record) = (prepared.image.volume(0), prepared.record)
        #expect(
            padded.size == Triple(6, 2, 4) && padded[0, 0, 0] == -1 && padded[1, 0, 0] == 1 && padded[4, 0, 0] == -1)
        #expect(padded.affine[0, 3] == -1)
        #expect(record.restore(padded.voxels, channels: 1) == scan.voxels)
        #expect(record.restoreLabels(padded.voxels.map { Int($0) }) == scan.voxels.map { Int($0) })
    }

    @Test func paddingAfterACropIsNotPutBack() throws {
        let scan = volume(Triple(6, 1, 1)) { i, _, _ in i == 2 || i == 3 ? 5 : 0 }
        let crop = try CropForeground(margin: 0, divisor: 1, allowSmaller: false)
        let steps = Preprocessing([.cropForeground(crop), .spatialPad(SpatialPad(size: Triple(4, 1, 1), value: 0))])
        let prepared = try steps(scan, name: "a")
        #expect(prepared.image.channels == [[0, 5, 5, 0]])
        #expect(prepared.record.restore([9, 1, 2, 9], channels: 1) == [0, 0, 1, 2, 0, 0])
    }

    @Test func emptyIntensityRangeIsMONAIs() throws {
        let scan = volume(Triple(1, 1, 3)) { Float($2) * 4 }
        let quirk = try ScaleIntensityRange(aMin: 3, aMax: 3, bMin: 0.5, bMax: 1, clip: true)
        #expect(quirk(scan).voxels == [-2.5, 1.5, 5.5])
        let clipped = try ScaleIntensityRange(aMin: 0, aMax: 4, bMin: -1, bMax: 1, clip: true)
        #expect(clipped(scan).voxels == [-1, 1, 1])
        let inverted = try ScaleIntensityRange(aMin: 0, aMax: 4, bMin: 1, bMax: -1, clip: true)
        #expect(inverted(scan).voxels == [-1, -1, -1])
        let open = try ScaleIntensityRange(aMin: 0, aMax: 4, bMin: -1, bMax: 1, clip: false)
        #expect(open(scan).voxels == [-1, 1, 3])
        #expect(throws: DataError.self) {
            try ScaleIntensityRange(aMin: .nan, aMax: 1, bMin: 0, bMax: 1, clip: true)
        }
    }

    @Test(arguments: [
        Resize.Target.longest(10_000_000), .longest(Int.max), .longest(0), .extents(Triple(2, 1 << 40, 2)),
    ])
    func absurdExtentsAreRefused(_ target: Resize.Target) {
        #expect(throws: DataError.self) { try Resize(target, interpolation: .nearest) }
    }

    /// A grid that grows after a crop is checked when it is created.
    @Test func aGridBeyondTheLimitsIsRefusedAfterACrop() throws {
        let steps: [PreprocessingStep] = [
            .centerSpatialCrop(CenterSpatialCrop(size: Triple(3, 3, 3))),
            .resize(try Resize(.longest(2000), interpolation: .nearest)),
        ]
        let scan = volume(Triple(40, 40, 4)) { _, _, _ in 1 }
        let error = #expect(throws: DataError.self) { try Preprocessing(steps)(scan, name: "scan.nii") }
        #expect(error?.description.contains("2000×2000×2000") == true, "\(String(describing: error))")
    }

    @Test func absurdSpacingIsRefused() throws {
        let scan = volume(Triple(100, 100, 100)) { _, _, _ in 0 }
        let error = #expect(throws: DataError.self) {
            try Spacing(pixdim: [0.001, 0.001, 0.001], interpolation: .nearest)(scan)
        }
        #expect(error?.description.contains("99001×99001×99001") == true)
        #expect(throws: DataError.self) { try Spacing(pixdim: [1, 1], interpolation: .nearest) }
        #expect(throws: DataError.self) { try Spacing(pixdim: [1, .nan, 1], interpolation: .nearest) }
    }

    @Test func nonFiniteVoxels() throws {
        let scan = volume(Triple(1, 2, 2)) { $1 == 1 && $2 == 1 ? .nan : $1 == 1 ? .infinity : 2 }
        #expect(scan.nonFiniteCount == 2)
        let preprocessing = try Preprocessing(orientation: nil, pixdim: nil, intensity: nil, cropForeground: false)
        let error = #expect(throws: DataError.self) { try preprocessing(scan, name: "x.nii") }
        #expect(error?.description.contains("2 voxels are NaN") == true && error?.subject == "x.nii")
    }

    @Test func labelMustLieOnItsImage() throws {
        let image = volume(Triple(2, 2, 2)) { _, _, _ in 0 }
        try image.checkMatches(label: image, imageName: "i", labelName: "l")
        let other = volume(Triple(2, 2, 3)) { _, _, _ in 0 }
        let shape = #expect(throws: DataError.self) {
            try image.checkMatches(label: other, imageName: "i.nii", labelName: "l.nii")
        }
        #expect(shape?.description.contains("2×2×3") == true && shape?.description.contains("i.nii") == true)
        var moved = image
        moved.affine[0, 3] = 0.75
        #expect(throws: DataError.self) { try image.checkMatches(label: moved, imageName: "i", labelName: "l") }
    }
}
