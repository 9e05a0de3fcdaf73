import Foundation
import SegMetrics
import Testing

/// Random numbers that Python reproduces: s ← 1664525 s + 1013904223 mod 2³² from 777, bits 8 to 23.
private let drawn: (probabilities: [Float], truth: [UInt8], validity: [UInt8]) = {
    var state: UInt32 = 777
    func next() -> Int {
        state = state &* 1_664_525 &+ 1_013_904_223
        return Int(state >> 8 & 0xFFFF)
    }
    var voxels: ([Float], [UInt8], [UInt8]) = ([], [], [])
    for _ in 0..<4000 {
        let p = Double(next()) / 65536
        voxels.0.append(Float(p))
        voxels.1.append(Double(next()) / 65536 < pow(p, 1.5) ? 1 : 0)
        voxels.2.append(next() % 10 == 0 ? 0 : 1)
    }
    return voxels
}()

@Suite struct CalibrationTests {
    /// The values of NumPy, and of MONAI's `CalibrationErrorMetric` with 15 bins: 0.1063 and 0.1852.
    @Test func calibrationErrorIsMONAIs() throws {
        var diagram = try ReliabilityDiagram(bins: 15)
        #expect(diagram.expectedCalibrationError == nil && diagram.maximumCalibrationError == nil)
        // In two parts, as for two scans.
        for part in [0..<1500, 1500..<4000] {
            try diagram.add(
                probabilities: Array(drawn.probabilities[part]), truth: Array(drawn.truth[part]),
                validity: Array(drawn.validity[part]))
        }
        #expect(abs(try #require(diagram.expectedCalibrationError) - 0.10626793600908364) < 1e-9)
        #expect(abs(try #require(diagram.maximumCalibrationError) - 0.1852130675583743) < 1e-9)
        let bin = diagram.bins[7]
        #expect(bin.count == 229 && diagram.bins.reduce(0) { $0 + $1.count } == 3577)
        #expect(abs(try #require(bin.confidence) - 0.5004516335033433) < 1e-9)
        #expect(abs(try #require(bin.frequency) - 0.35807860262008734) < 1e-9)
        #expect(bin.lower == 7.0 / 15 && bin.upper == 8.0 / 15)
    }

    /// The values of NumPy and SciPy, with many tied uncertainties.
    @Test func riskCoverageIsNumPys() throws {
        let uncertainty = drawn.probabilities.map { p in
            Float(floor((0.25 - (Double(p) - 0.5) * (Double(p) - 0.5)) * 64) / 64)
        }
        let errors = zip(drawn.probabilities, drawn.truth).map { ($0 >= 0.5) != ($1 == 1) }
        let measured = try #require(
            try RiskCoverage(
                uncertainty: uncertainty, errors: errors, validity: drawn.validity, coverages: [0.2, 0.4, 0.6, 0.8, 1]))
        #expect(abs(measured.area - 0.11217430836433488) < 1e-12)
        #expect(abs(measured.bestArea - 0.028148360225046725) < 1e-12)
        #expect(abs(try #require(measured.correlation) - 0.30692067279771085) < 1e-10)
        #expect(abs(try #require(measured.errorDetection) - 0.7162982496858719) < 1e-12)
        let expected = [
            (0.19988817444786133, 0.035231943628890164), (0.39977634889572267, 0.09104895104895105),
            (0.5999440872239307, 0.13586120201998209), (0.799832261671792, 0.18244606422550966),
            (1.0, 0.2275649986021889),
        ]
        for (point, row) in zip(measured.curve, expected) {
            #expect(abs(point.coverage - row.0) < 1e-12 && abs(point.risk - row.1) < 1e-12)
        }
    }

    @Test func perfectAndUselessUncertaintiesAreTold() throws {
        let errors = (0..<100).map { $0 % 5 == 0 }
        let all = [UInt8](repeating: 1, count: 100)
        let perfect = try #require(
            try RiskCoverage(
                uncertainty: errors.map { $0 ? 1 : 0 }, errors: errors, validity: all, coverages: [0.1, 0.5, 1]))
        #expect(perfect.area == perfect.bestArea && perfect.errorDetection == 1)
        #expect(abs(try #require(perfect.correlation) - 1) < 1e-12)
        let constant = try #require(
            try RiskCoverage(
                uncertainty: [Float](repeating: 0.3, count: 100), errors: errors, validity: all,
                coverages: [0.1, 0.5, 1]))
        #expect(abs(constant.area - 0.2) < 1e-12 && constant.correlation == nil && constant.errorDetection == 0.5)
        #expect(constant.curve.allSatisfy { abs($0.risk - 0.2) < 1e-12 })
        let flawless = try #require(
            try RiskCoverage(
                uncertainty: drawn.probabilities.prefix(100).map { $0 }, errors: [Bool](repeating: false, count: 100),
                validity: all, coverages: [1]))
        #expect(flawless.area == 0 && flawless.errorDetection == nil && flawless.correlation == nil)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        #expect(try RiskCoverage(uncertainty: [1], errors: [true], validity: [0], coverages: [1]) == nil)
        #expect(throws: MetricsError.voxelCount(mask: "error mask", expected: 2, got: 1)) {
            try RiskCoverage(uncertainty: [1, 2], errors: [true], validity: [1, 1], coverages: [1])
        }
        for coverages in [[0], [0.5, 0.2], [1.5], [.nan]] {
            #expect(throws: MetricsError.self) {
                try RiskCoverage(uncertainty: [1], errors: [true], validity: [1], coverages: coverages)
            }
        }
        #expect(throws: MetricsError.self) { try ReliabilityDiagram(bins: 0) }
        var diagram = try ReliabilityDiagram(bins: 2)
        #expect(throws: MetricsError.voxelCount(mask: "truth", expected: 2, got: 1)) {
            try diagram.add(probabilities: [0, 1], truth: [1], validity: [1, 1])
        }
    }
}
