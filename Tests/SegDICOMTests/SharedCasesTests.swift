import CDicom
import Foundation
import SegCore
import SegDICOM
import SegImaging
import SegTestNeeds
import Testing

/// Compares every case of the shared folders with the result of an independent, careful reader.
@Suite(
    .enabled(if: SharedCases.isThere, "needs ../shared/data/dicom"), .needs("libMedSegDICOM") { hasDicomLibrary })
struct SharedCasesTests {
    @Test(arguments: SharedCases.cases("volume"))
    func volumes(_ item: SharedCases.Case) throws {
        let scan = try DicomSource().read(item.path, limits: ScanLimits())
        try expectEqual(scan, try #require(item.volumes.first), path: item.path)
        let remarks = scan.geometry.remarks.joined(separator: "\n")
        for word in Self.remarks[item.name.lastPart] ?? [] { #expect(remarks.contains(word), "\(remarks)") }
    }

    /// The messages that a reading must give besides the voxels.
    private static let remarks: [String: [String]] = [
        "ct_export_with_scout": ["localizer", "secondary capture", "S4010/I60"],
        "ct_same_instance_twice": ["copy of"], "ct_same_slice_twice": ["twice with equal pixels"],
        "ct_localizer_in_series": ["localizer"], "ct_odd_slice_out": ["IM000050"],
        "ct_gantry_tilt": ["lean by 14.0 degrees"], "ct_gantry_tilt_philips": ["lean by 18.5 degrees"],
        "mono1_stack": ["MONOCHROME1"], "pet_slope_per_slice": ["BQML"],
    ]

    @Test(arguments: SharedCases.cases("choose"))
    func severalVolumesAreListedAndChosenFrom(_ item: SharedCases.Case) throws {
        let error = #expect(throws: DataError.self) { try DicomSource().layout(of: item.path) }
        #expect(error?.kind == .badArgument)
        let message = error?.message ?? ""
        #expect(message.contains("--series") || message.contains("--volume"), "\(message)")
        let rows = try DicomCatalogue(item.path).rows.filter { $0.volume != nil }
        var expected = item.volumes
        #expect(rows.count == expected.count)
        for row in rows {
            let choice = DicomChoice(series: "\(row.index)", volume: row.volume)
            let scan = try DicomSource(choice).read(item.path, limits: ScanLimits())
            let sum = try scan.volume(path: item.path).voxels.reduce(0.0) { $0 + Double($1) }
            let match = expected.firstIndex { volume in
                guard let other = volume["sum"] as? Double, volume["shape"] as? [Int] == scan.shape else {
                    return false
                }
                return abs(sum - other) <= 1e-6 * max(1, abs(other))
            }
            try expectEqual(scan, expected.remove(at: try #require(match)), path: item.path)
        }
    }

    /// The text that a refusal must contain.
    private static let refusals: [String: [String]] = [
        "ct_head_tilt_two_spacings": ["1.081", "6.999", "--fill-gaps"], "mr_enhanced_small": ["ImagePositionPatient"],
        "mr_mosaic": ["mosaic", "dcm2niix"], "cr_monochrome1": ["slices is unknown"],
        "MR_truncated.dcm": ["MR_truncated.dcm"],
        "JPEG2000-embedded-sequence-delimiter.dcm": ["JPEG2000-embedded-sequence-delimiter.dcm"],
        "emri_small_jpeg_2k_lossless_too_short.dcm": ["emri_small_jpeg_2k_lossless_too_short.dcm"],
        "no_meta.dcm": ["no_meta.dcm"], "ct_missing_slice": ["1 slice is missing", "379.3", "385.3", "--fill-gaps"],
        "ct_two_spacings": ["3", "6", "--fill-gaps"], "ct_conflicting_slices": ["376.3", "IM"],
        "ct_no_positions": ["ImagePositionPatient", "order of files is not used"],
        "ct_single_slice": ["single slice, not a volume"], "ct_truncated_file": ["IM000002"],
        "ct_one_missing_ge": ["1 slice is missing", "28.11", "38.11"],
        "ct_tilt_uneven_siemens": ["-133.75", "-132.25"], "ct_bolus_monitor": ["one position"],
        "emri_small_big_endian.dcm": ["ImagePositionPatient"],
    ]

    @Test(arguments: SharedCases.cases("refuse"))
    func refusals(_ item: SharedCases.Case) throws {
        let error = #expect(throws: DataError.self) { try DicomSource().layout(of: item.path) }
        // Damage within compressed pixels is found when these are decoded.
        guard let error else {
            let late = #expect(throws: DataError.self) { try DicomSource().read(item.path, limits: ScanLimits()) }
            #expect(late?.kind == .badData)
            return
        }
        #expect(error.kind == .badData || error.kind == .noInput)
        for word in Self.refusals[item.name.lastPart] ?? [] { #expect("\(error)".contains(word), "\(error)") }
    }

    @Test(arguments: SharedCases.cases("segmentation", "structures"))
    func resultsAreNoScans(_ item: SharedCases.Case) throws {
        let error = try #require(#expect(throws: DataError.self) { try DicomSource().layout(of: item.path) })
        #expect(error.kind == .badData)
        #expect("\(error)".contains(item.expect == "segmentation" ? "segmentation" : "structure set"), "\(error)")
    }

    /// `ct_whole` is this CT with two axes transposed, therefore its minimum, maximum and sum are the same.
    @Test func wholeCTIsTheOneItWasMadeOf() throws {
        let scan = try DicomSource().read(SharedCases.folder + "/dicom/derived/ct_whole", limits: ScanLimits())
        let path = SharedCases.folder + "/ct_spleen/torso_3mm/ct.nii.gz"
        let (ours, theirs) = (try scan.volume(path: path), try ScanFile.readVolume(path).volume)
        let back = try #require(theirs.affine.inverse)
        let map = back * ours.affine
        for (i, j, k) in [(0, 0, 0), (121, 100, 111), (60, 50, 55), (3, 90, 20), (100, 10, 100)] {
            let at = map(Double(i), Double(j), Double(k))
            #expect(ours[i, j, k] == theirs[Int(at.x.rounded()), Int(at.y.rounded()), Int(at.z.rounded())])
        }
        #expect(ours.voxels.sorted() == theirs.voxels.sorted())
    }

    @Test(arguments: ["ct_missing_slice", "ct_two_spacings"])
    func gapsAreFilledWhenAskedFor(_ name: String) throws {
        let source = DicomSource(DicomChoice(fillsGaps: true))
        let scan = try source.read(SharedCases.folder + "/dicom/derived/\(name)", limits: ScanLimits())
        #expect(abs(scan.affine.spacing[2] - 3) < 1e-3)
        #expect(scan.geometry.remarks.contains { $0.contains("interpolated") })
    }
}

extension String {
    fileprivate var lastPart: String { split(separator: "/").last.map(String.init) ?? self }
}

/// Compares a scan with an expected volume: shape, corners, extremes, sum and probes.
func expectEqual(_ scan: StoredScan, _ volume: [String: Any], path: String) throws {
    let shape = try #require(volume["shape"] as? [Int])
    try #require(scan.shape == shape)
    let rows = try #require(volume["affine"] as? [[Double]])
    let affine = Affine(elements: rows.flatMap { $0 })
    for corner in 0..<8 {
        let at = (0..<3).map { corner >> $0 & 1 == 0 ? 0 : Double(shape[$0] - 1) }
        let (ours, theirs) = (scan.affine(at[0], at[1], at[2]), affine(at[0], at[1], at[2]))
        let distance = SIMD3(ours.x - theirs.x, ours.y - theirs.y, ours.z - theirs.z)
        #expect((distance * distance).sum().squareRoot() < 0.02)
    }
    let values = try scan.volume(path: path).voxels.map { Double($0) }
    try expectEqual(values, volume, stepped: 0)
    for probe in try #require(volume["probes"] as? [[String: Any]]) {
        let value = scan.value(at: try #require(probe["index"] as? [Int]))
        #expect(isClose(value, try #require(probe["value"] as? Double)))
    }
}

/// Compares extremes and sum; `stepped` is the allowed error of each value.
func expectEqual(_ values: [Double], _ expected: [String: Any], stepped: Double) throws {
    let sum = try #require(expected["sum"] as? Double)
    let scale = max(values.reduce(0.0) { $0 + abs($1) }, 1)
    #expect(abs(values.reduce(0, +) - sum) <= 1e-6 * scale + stepped * Double(values.count))
    #expect(isClose(values.min() ?? .nan, try #require(expected["min"] as? Double), stepped: stepped))
    #expect(isClose(values.max() ?? .nan, try #require(expected["max"] as? Double), stepped: stepped))
}

func isClose(_ value: Double, _ expected: Double, stepped: Double = 0) -> Bool {
    abs(value - expected) <= 1e-6 * max(1, abs(expected)) + stepped * 1.001
}
