// Segments the channels of a case with chosen folds of an nnU-Net v2 folder, as `nnUNetv2_predict -f 0 1` does.
//
//     swift run nnunet-model FOLDER MASK CHANNEL…
import MedSeg

let (folder, output) = (CommandLine.arguments[1], CommandLine.arguments[2])
let channels = Array(CommandLine.arguments[3...])
var choice = NNUNetFolder.Choice()
choice.folds = ["0", "1"]
choice.mirrors = false

let backend = try Devices.makeBackend("auto")
let model = try NNUNetFolder(folder, choice)
model.notes.forEach { print($0) }
let segmenter = Segmenter(try Ensemble([model.predictor(on: backend)]))
let (image, geometries) = try ScanFile.readImage(channels) { print("\($0): \($1)") }
let found = try segmenter(image, name: channels[0])
try ScanFile.write(maps: found.maps, size: found.size, like: geometries[0], to: output)
