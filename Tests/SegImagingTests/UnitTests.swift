import Foundation
import SegCore
import SegImaging
import Testing

/// Lengths in metres and micrometres, and headers in which one form is damaged.
@Suite struct UnitTests {
    private static let size = Triple(2, 3, 4)

    private func write(_ made: HandMadeNIfTI, units: UInt8, _ folder: ScratchFolder) throws -> String {
        var bytes = made.bytes
        // xyzt_units: NIfTI-1 at byte 123, NIfTI-2 at byte 500.
        bytes[made.version == 1 ? 123 : 500] = units
        return try folder.write(bytes, as: "scan-\(UUID().uuidString).nii")
    }

    @Test(arguments: [(0, 1), (1, 1000), (2, 1), (3, 0.001), (8 + 3, 0.001)] as [(UInt8, Double)], [1, 2])
    func lengthsAreConvertedToMillimetres(_ unit: (code: UInt8, millimetres: Double), _ version: Int) throws {
        let folder = try ScratchFolder()
        let forms = [
            HandMadeNIfTI(version: version, pixdim: [1, 2, 3, 4, 1, 1, 1, 1]),
            HandMadeNIfTI(
                version: version, pixdim: [1, 2, 3, 4, 1, 1, 1, 1], qformCode: 1, sformCode: 0, qoffset: [-5, 7, 1]),
            HandMadeNIfTI(version: version, pixdim: [1, 2, 3, 4, 1, 1, 1, 1], sformCode: 0),
        ]
        for form in forms {
            let path = try write(form, units: unit.code, folder)
            let (volume, geometry) = try ScanFile.readVolume(path)
            for (axis, edge) in [2, 3, 4].enumerated() {
                #expect(
                    abs(volume.spacing[axis] - Double(edge) * unit.millimetres) < 1e-9 * Double(edge) * unit.millimetres
                        + 1e-12)
            }
            let raw = try NIfTI.readHeader(try write(form, units: 2, folder)).affine(path: "")
            for row in 0..<3 { #expect(abs(volume.affine[row, 3] - raw[row, 3] * unit.millimetres) < 1e-9) }
            #expect(geometry.remarks.isEmpty == (unit.millimetres == 1), "\(geometry.remarks)")
            let info = try ScanFile.inspect(path)
            #expect(abs(info.spacing[0] - 2 * unit.millimetres) < 1e-9 * unit.millimetres)
            #expect(abs(volume.voxelVolumeML / (0.024 * pow(unit.millimetres, 3)) - 1) < 1e-9)

            // The mask has the scan's own numbers in the scan's own unit, and the same position.
            let mask = folder.file("mask.nii")
            try ScanFile.write(
                [UInt8](repeating: 1, count: 24), size: Self.size, like: geometry, to: mask, overwrite: true)
            let written = try ScanFile.readVolume(mask)
            #expect(written.geometry.unit == geometry.unit)
            #expect(try Array(NIfTI.readHeader(mask).pixdim[1...3]) == [2, 3, 4])
            for (a, b) in zip(written.volume.affine.elements, volume.affine.elements) {
                #expect(abs(a - b) <= 1e-6 * max(1e-3, abs(b)))
            }
        }
    }

    private static let turned: [Double] = [0, 0, 1]

    @Test(arguments: [
        [Double](repeating: 0, count: 12), [Double](repeating: .nan, count: 12),
        [2, 0, 0, 1, 0, 2, 0, 1, 0, 0, 0, 1], [.infinity, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0],
    ])
    func aBrokenSformGivesWayToASoundQform(_ srow: [Double]) throws {
        let folder = try ScratchFolder()
        let made = HandMadeNIfTI(
            pixdim: [1, 2, 3, 4, 1, 1, 1, 1], qformCode: 1, sformCode: 1, quatern: Self.turned, qoffset: [9, 8, 7],
            srow: srow)
        let path = try write(made, units: 2, folder)
        let (volume, geometry) = try ScanFile.readVolume(path)
        #expect(volume.affine.elements == [-2, 0, 0, 9, 0, -3, 0, 8, 0, 0, 4, 7, 0, 0, 0, 1])
        #expect(
            geometry.remarks.count == 1 && geometry.remarks[0].contains("sform")
                && geometry.remarks[0].contains("qform"))
        #expect(try ScanFile.inspect(path).description.contains(geometry.remarks[0]))
        let mask = folder.file("mask.nii")
        try ScanFile.write([UInt8](repeating: 1, count: 24), size: Self.size, like: geometry, to: mask, overwrite: true)
        let written = try ScanFile.read(mask)
        #expect(
            written.affine == volume.affine && written.geometry.remarks.isEmpty
                && written.geometry.niftiHeader?.sformCode == 1)
    }

    @Test(arguments: [[1, 1, 0], [.nan, 0, 0]])
    func aBrokenQformGivesWayToASoundSform(_ quatern: [Double]) throws {
        let folder = try ScratchFolder()
        let made = HandMadeNIfTI(pixdim: [1, 2, 3, 4, 1, 1, 1, 1], qformCode: 1, sformCode: 1, quatern: quatern)
        let (volume, geometry) = try ScanFile.readVolume(try write(made, units: 2, folder))
        #expect(volume.affine.elements == [2, 0, 0, -5, 0, 3, 0, 7, 0, 0, 4, 1, 0, 0, 0, 1])
        #expect(geometry.remarks.count == 1 && geometry.remarks[0].hasPrefix("The qform"))
        let mask = folder.file("mask.nii")
        try ScanFile.write([UInt8](repeating: 1, count: 24), size: Self.size, like: geometry, to: mask, overwrite: true)
        var written = try NIfTI.readHeader(mask)
        #expect(written.remarks.isEmpty && written.qformCode == 1)
        written.sformCode = 0
        #expect(try written.affine(path: "") == volume.affine)
    }

    @Test func aSingleSliceWithoutThicknessLiesAcrossItsNormal() throws {
        let folder = try ScratchFolder()
        let made = HandMadeNIfTI(
            dim: [3, 2, 3, 1, 1, 1, 1, 1], pixdim: [1, 2, 3, 0, 1, 1, 1, 1], sformCode: 1,
            srow: [2, 0, 0, -5, 0, 3, 0, 7, 0, 0, 0, 1])
        let (volume, geometry) = try ScanFile.readVolume(try write(made, units: 2, folder))
        #expect(volume.affine.elements == [2, 0, 0, -5, 0, 3, 0, 7, 0, 0, 1, 1, 0, 0, 0, 1])
        #expect(geometry.remarks.count == 1 && geometry.remarks[0].contains("single slice"))
        let mask = folder.file("mask.nii")
        try ScanFile.write(
            [UInt8](repeating: 1, count: 6), size: Triple(2, 3, 1), like: geometry, to: mask, overwrite: true)
        let written = try ScanFile.read(mask)
        #expect(written.affine == volume.affine && written.geometry.remarks.isEmpty)
    }

    @Test func twoBrokenFormsAreBothNamed() throws {
        let folder = try ScratchFolder()
        let made = HandMadeNIfTI(
            qformCode: 1, sformCode: 1, quatern: [1, 1, 1], srow: [Double](repeating: 0, count: 12))
        let error = try #require(throws: DataError.self) { try ScanFile.read(try write(made, units: 2, folder)) }
        #expect(error.kind == .badData && error.message.contains("sform") && error.message.contains("qform"))
        let lone = HandMadeNIfTI(qformCode: 0, sformCode: 1, srow: [Double](repeating: 0, count: 12))
        let other = try #require(throws: DataError.self) { try ScanFile.read(try write(lone, units: 2, folder)) }
        #expect(other.message.contains("determinant 0"))
    }

    @Test(arguments: [1e-300, 1e200])
    func edgesThatNothingCanBeComputedWithAreNamed(_ edge: Double) throws {
        let folder = try ScratchFolder()
        let made = HandMadeNIfTI(version: 2, srow: [edge, 0, 0, 0, 0, edge, 0, 0, 0, 0, edge, 0])
        let error = try #require(throws: DataError.self) { try ScanFile.read(try write(made, units: 2, folder)) }
        #expect(error.message.contains("\(edge) mm"), "\(error)")
    }
}
