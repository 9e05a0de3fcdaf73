import ArgumentParser
import Foundation
import SegCore
import SegDevices
import SegInference
import SegModels
import SegStudy
import SegWeights

/// `medseg export-bundle`.
struct ExportBundleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export-bundle",
        abstract: "Writes a model as a MONAI bundle, which MONAI runs without MedSeg.",
        discussion: "The bundle holds configs/inference.json, configs/metadata.json, models/model.pt, README.md, "
            + "docs/README.md and LICENSE. MONAI needs pytorch-ignite and nibabel to run it.")

    @Argument(help: "A model folder with model.json and weights, or a model folder of Auto3DSeg.")
    var model: String

    @Argument(help: "The bundle's folder.")
    var output: String

    @Option(help: "A text file with the licence of the weights.")
    var license: String?

    @Flag(help: "Write into a folder that holds files.")
    var force = false

    func run() throws {
        let description = try ModelFolder.description(of: model)
        let weights = try Weights.read(Predictor.weightsFile(in: model))
        let backend = try Devices.makeBackend("cpu", threads: 1)
        let store = try description.makeNetwork(on: backend, seed: 0).store
        try store.load(weights).forEach { note("\(weights.source): \($0)") }
        let name = URL(fileURLWithPath: output).standardizedFileURL.lastPathComponent
        let files = try MONAIBundle.files(of: description, name: name, license: license.map(Self.text))
        try OutputFolder.prepare(output, force: force)
        for (path, text) in files { try OutputFolder.write(text, to: "\(output)/\(path)") }
        try OutputFolder.make("\(output)/models")
        try Weights.write(store.state(), to: "\(output)/models/model.pt")
        if let loss = MONAIBundle.leftOut(of: description) { note("\(model)/model.json: \(loss)") }
        print("\(output): a MONAI bundle; its docs/README.md describes how to run it")
    }

    private static func text(_ path: String) throws -> String {
        let data = try RegularFile.contents(of: path)
        return String(decoding: data, as: UTF8.self)
    }
}
