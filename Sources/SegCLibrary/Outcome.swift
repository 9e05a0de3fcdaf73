internal import CMedSeg
internal import Foundation
internal import MedSeg

/// The object behind a `medseg_result`. It is immutable, therefore any thread may read it.
final class Outcome: Sendable {
    /// A foreground class or region, with its name as a C string.
    struct Label: @unchecked Sendable {
        let number: Int
        let name: UnsafePointer<CChar>
        let row: ScanReport.Label
    }

    let size: Triple
    let affine: Affine
    let labels: [Label]
    nonisolated(unsafe) let report: UnsafePointer<CChar>
    private let found: Segmentation
    private let validity: [UInt8]
    /// The maps, at fixed addresses.
    private let maps: [MapMemory]

    init(
        _ found: Segmentation, of image: ScanImage, name: String, model: String, by segmenter: Segmenter,
        concerns: [Concern], seconds: Double
    ) throws {
        self.found = found
        (size, affine) = (found.size, found.affine)
        maps = found.writtenMaps.map(MapMemory.init)
        validity = found.uncertain?.validity() ?? []
        let summary = found.uncertain?.writeMaps(validity: validity) { _, _, _ in }
        let report = ScanReport(
            scan: name, model: model, segmenter: segmenter, found: found,
            volume: image.volume(0), maps: summary, concerns: concerns,
            probabilities: false, seconds: seconds)
        self.report = try copied(report.json())
        labels = try report.labels.map { Label(number: $0.label, name: try copied($0.name), row: $0) }
    }

    deinit {
        free(UnsafeMutablePointer(mutating: report))
        for label in labels { free(UnsafeMutablePointer(mutating: label.name)) }
    }

    var mapCount: Int { maps.count }

    func map(_ index: Int) -> UnsafePointer<UInt8>? { maps.indices.contains(index) ? maps[index].start : nil }

    /// The probability of the class with `number` in the mask, or of the region with map `number`, at every voxel of the scan.
    func probability(of number: Int) throws -> [Float] {
        let classes = found.labelNumbers + (found.hasRegions ? [] : [0])
        guard let label = classes.first(where: { found.writtenNumber($0) == number }) else {
            throw DataError(.badArgument, "number", "should be a label of the result, not \(number)")
        }
        guard let prediction = found.prediction else { preconditionFailure("a result of the library keeps them") }
        return prediction.probability(of: label)
    }

    /// A map of uncertainty over the scan.
    func uncertainty(_ quantity: medseg_quantity) throws -> [Float] {
        guard let uncertain = found.uncertain else {
            throw DataError(
                .badArgument, "quantity",
                "there is only one sample, which has no uncertainty; request passes or mirrored axes")
        }
        switch quantity {
        case MEDSEG_MEAN: return uncertain.map(.mean)
        case MEDSEG_VARIANCE: return uncertain.map(.variance)
        case MEDSEG_ENTROPY: return uncertain.map(.entropy)
        case MEDSEG_MUTUAL_INFORMATION: return uncertain.map(.mutualInformation)
        case MEDSEG_VALIDITY: return validity.map { Float($0) }
        default: throw DataError(.badArgument, "quantity", "\(quantity.rawValue) is not a quantity")
        }
    }
}

extension Segmentation {
    /// The maps with the numbers of a mask's file, which `Model` has checked to be bytes.
    fileprivate var writtenMaps: [[UInt8]] {
        guard let numbers = writtenNumbers?.map({ UInt8($0) }) else { return maps }
        return maps.map { map in map.map { numbers[Int($0)] } }
    }
}

/// A map at a fixed address, which C may read until the result is freed.
final class MapMemory: @unchecked Sendable {
    let start: UnsafePointer<UInt8>

    init(_ values: [UInt8]) {
        let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(values.count, 1))
        _ = memory.initialize(from: values)
        start = UnsafePointer(memory.baseAddress!)
    }

    deinit { start.deallocate() }
}

/// A copy of a text, to be freed with `free`.
/// - Throws: `DataError` if memory is short; the caller's program continues.
func copied(_ text: String) throws(DataError) -> UnsafePointer<CChar> {
    guard let copy = strdup(text) else {
        throw DataError(.tooLarge, "a text", "of \(text.utf8.count) bytes cannot be allocated")
    }
    return UnsafePointer(copy)
}
