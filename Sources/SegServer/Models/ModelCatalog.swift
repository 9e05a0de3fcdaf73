internal import Foundation
internal import HTTPTypes
internal import Logging
internal import MedSeg
internal import SegCore
internal import SegInference
internal import SegModels
internal import SegNNUNet

/// A model that the server offers: a model folder, a MONAI bundle, or an nnU-Net folder.
struct ModelEntry: Sendable {
    /// The folder's name, which clients use as the model's name.
    let name: String
    let folder: String
    let description: ModelDescription
    /// The number of classes, including the background.
    let classes: Int
    /// The number of scans of a case that the model takes together, as channels.
    let channels: Int
    /// The largest dropout probability of the network; 0 if passes cannot differ.
    let dropout: Double

    /// The foreground classes with their names; if regions are painted, only the numbers that they are painted with.
    var labels: [(number: Int, name: String)] {
        description.maskPlan.foreground(classes: classes).map { ($0, description.className($0)) }
    }

    /// Checks that the model takes a number of scans.
    /// - Throws: `Refusal` with the number that it takes and the address that accepts so many.
    func checkTakes(scans count: Int) throws {
        guard count != channels else { return }
        let wanted = channels == 1 ? "one scan" : "\(channels) scans of a case together"
        let advice =
            channels == 1
            ? ""
            : "; send them as the files of one form to POST /api/v1/volumes, because the datastore and the other requests of "
                + "MONAI Label have one scan per case"
        throw Refusal(
            .unprocessableContent,
            "'\(name)' takes \(wanted), but \(count == 1 ? "one was" : "\(count) were") sent\(advice)")
    }

    /// The network's class name in MONAI.
    var network: String {
        guard let target = description.network.value["_target_"]?.string else { return "network" }
        return target.split(separator: ".").last.map(String.init) ?? target
    }
}

/// The models of a folder: its subfolders with a model description, or the folder itself.
struct ModelCatalog: Sendable {
    let models: [ModelEntry]

    /// Reads every description. A folder with a faulty description is left out and logged.
    /// - Throws: `DataError` if no model is left.
    init(folder: String, logger: Logger) throws {
        let manager = FileManager.default
        var folders = [folder]
        if !ModelFolder.isThere(folder), !MONAIBundle.isThere(folder), !NNUNetFolder.isModel(folder) {
            folders = ((try? manager.contentsOfDirectory(atPath: folder)) ?? []).sorted().map { "\(folder)/\($0)" }
                .filter(StoredModel.isThere)
        }
        models = folders.compactMap { folder in
            do {
                let description = try StoredModel(folder).description
                try description.check()
                guard !description.maskPlan.isRegions else {
                    throw DataError(
                        .badData, description.network.source, key: "postprocessing",
                        "makes regions that may overlap, but the server has one class per voxel; use `medseg predict`")
                }
                guard !description.labelScheme.keepsNumbers else {
                    throw DataError(
                        .badData, description.network.source, key: "keep_numbers",
                        "writes the label maps' own numbers into masks, but the server's masks hold classes; use `medseg predict`, "
                            + "or leave the key out")
                }
                guard description.maskPlan.restoration != .none || description.preprocessing.keepsGrid else {
                    throw DataError(
                        .badData, description.network.source, key: "postprocessing",
                        "leaves masks on the network's grid (it has no Invertd), but the server serves them on the scan's; "
                            + "use `medseg predict`")
                }
                let name = URL(fileURLWithPath: folder).standardizedFileURL.lastPathComponent
                return ModelEntry(
                    name: name, folder: folder, description: description, classes: try description.classCount,
                    channels: try description.inputChannels, dropout: try description.network.outline().dropout)
            } catch {
                logger.warning("a model folder is left out: \(error)")
                return nil
            }
        }
        guard !models.isEmpty else {
            throw DataError(
                .noInput, folder,
                "holds no model that can be served; give a folder with model folders of `medseg train`, MONAI bundles or "
                    + "folders of nnU-Net")
        }
    }

    /// The model with a name.
    /// - Throws: `Refusal` that suggests the nearest name.
    func model(_ name: String) throws -> ModelEntry {
        if let model = models.first(where: { $0.name == name }) { return model }
        let names = models.map(\.name)
        let hint =
            nearest(to: name, among: names).map { "did you mean '\($0)'?" }
            ?? "the models are \(names.joined(separator: ", "))"
        throw Refusal(.notFound, "there is no such model; \(hint)")
    }
}
