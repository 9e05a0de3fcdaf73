// Segments a scan with any model: a model folder, a MONAI bundle, or a folder of nnU-Net.
//
//     swift run predict MODEL SCAN MASK
import MedSeg

let (model, input, output) = (CommandLine.arguments[1], CommandLine.arguments[2], CommandLine.arguments[3])
// DICOM series are scans too, where libMedSegDICOM is beside the program.
DicomSource().register()

let backend = try Devices.makeBackend("auto")
let segmenter = Segmenter(try Ensemble([Predictor.open(model, on: backend)]))
try segmenter.checkClasses(for: "this example")
try segmenter.checkRestores(for: "this example")
let (scan, geometry) = try ScanFile.readVolume(input)
let found = try segmenter(scan, name: input) { done, count in print("window \(done) of \(count)") }
try ScanFile.write(found.mask, size: found.size, like: geometry, to: output)
for label in LabelStatistics.measure(found.mask, classes: segmenter.classes, on: scan) {
    print("\(segmenter.labels[Int(label.label)] ?? "class \(label.label)"): \(label.volumeML) ml")
}
