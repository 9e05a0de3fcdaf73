import ArgumentParser
import Foundation
import SegCore
import SegStudy

/// `medseg init`.
struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Writes a project that DVC reproduces: data, split, preprocessing, training, metrics, uncertainty.",
        discussion: """
            dvc.yaml holds the stages, params.yaml and train.yaml their parameters. In a git repository run \
            `dvc init`, `dvc repro`, `dvc metrics show`, `dvc plots show`. The project starts with phantoms; put your \
            own data into the stage 'prepare'.
            """)

    @Argument(help: "The project's folder.")
    var folder = "."

    @Flag(help: "Write over files of the same names.")
    var force = false

    func run() throws {
        try OutputFolder.make(folder)
        for (name, _) in ProjectTemplate.files
        where !force && FileManager.default.fileExists(atPath: "\(folder)/\(name)") {
            throw DataError(
                .cannotWrite, "\(folder)/\(name)", "exists already; give another folder or pass --force")
        }
        for (name, text) in ProjectTemplate.files { try OutputFolder.write(text, to: "\(folder)/\(name)") }
        print("\(folder): \(ProjectTemplate.files.map(\.0).joined(separator: ", "))")
        print("next, in that folder, a git repository: dvc init && dvc repro && dvc metrics show")
    }
}
