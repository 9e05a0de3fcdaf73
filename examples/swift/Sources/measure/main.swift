// Measures a mask against a reference on their grid, in mm and ml.
//
//     swift run measure MASK REFERENCE
import MedSeg

let (mask, geometry) = try ScanFile.readVolume(CommandLine.arguments[1])
let (reference, _) = try ScanFile.readVolume(CommandLine.arguments[2])
let grid = try MaskGrid(size: mask.size.array, spacingMM: geometry.affine.spacing)
let metrics = try SegmentationMetrics(
    prediction: mask.voxels.map { UInt8($0) }, reference: reference.voxels.map { UInt8($0) }, label: 1, grid: grid,
    options: MetricOptions(surfaceDiceToleranceMM: 1))
print("Dice \(metrics.dice ?? .nan), HD95 \(metrics.hausdorffPercentileMM ?? .nan) mm")
