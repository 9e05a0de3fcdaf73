internal import Foundation
internal import SegCore
internal import SegImaging
internal import SegInference
internal import SegNNUNet

/// Model folders of nnU-Net.
enum NNUNetInput {
    /// `plans.json` and `dataset.json` as the entries of one object, beside a valid checkpoint: a model that is
    /// understood is written and read as the same, and a scan is prepared.
    static func folder(_ input: [UInt8], _ folder: FuzzFolder) throws {
        guard case .object(let entries)? = try unlessRefused({ try ConfigValue(json: input, from: "input") }) else {
            return
        }
        for name in ["plans", "dataset"] {
            _ = try folder.write(Array((entries[name] ?? .null).jsonText().utf8), as: "\(name).json")
        }
        try FileManager.default.createDirectory(atPath: folder.file("fold_0"), withIntermediateDirectories: true)
        _ = try folder.write(checkpoint, as: "fold_0/checkpoint_final.pth")
        guard let model = try unlessRefused({ try NNUNetFolder(folder.path) })?.description else { return }
        let text = try takingBack("a model") { try model.value.jsonText() }
        let file = try folder.write(Array(text.utf8), as: "model.json")
        let again = try takingBack("a model") { try ModelDescription(file: file) }
        try insist(again.value == model.value, "a model became another: \(model.value) and \(again.value)")
        let channels = try model.inputChannels
        var scan = ScanImage(
            Volume(voxels: (0..<120).map { Float($0 % 7) }, size: Triple(6, 5, 4), affine: .identity))
        scan.channels = [[Float]](repeating: scan.channels[0], count: channels)
        guard channels <= 8, let prepared = try unlessRefused({ try model.preprocessing(scan, name: "scan") }) else {
            return
        }
        try insist(
            prepared.record.restoreLabels([UInt8](repeating: 1, count: prepared.image.size.count)).count == 120,
            "a mask is not of the scan's grid")
    }

    /// A checkpoint that names the configuration `3d_fullres` and allows two mirror axes; its weights are not read.
    private static let checkpoint = [UInt8](
        Data(
            base64Encoded: """
                UEsDBBQAAAAAADkIfl3FWkpVSwEAAEsBAAAKAAAAYS9kYXRhLnBrbIACfXEAKFgPAAAAbmV0d29ya193ZWlnaHRzcQ\
                F9cQJYAQAAAHhxA2N0b3JjaC5fdXRpbHMKX3JlYnVpbGRfdGVuc29yX3YyCnEEKChYBwAAAHN0b3JhZ2VxBWN0b3Jj\
                aApGbG9hdFN0b3JhZ2UKcQZYAQAAADBxB1gDAAAAY3B1cQhLAXRxCVFLAEsBhXEKSwGFcQuJY2NvbGxlY3Rpb25zCk\
                9yZGVyZWREaWN0CnEMKVJxDXRxDlJxD3NYDAAAAHRyYWluZXJfbmFtZXEQWA0AAABublVOZXRUcmFpbmVycRFYIAAA\
                AGluZmVyZW5jZV9hbGxvd2VkX21pcnJvcmluZ19heGVzcRJLAEsChnETWAkAAABpbml0X2FyZ3NxFH1xFVgNAAAAY2\
                9uZmlndXJhdGlvbnEWWAoAAAAzZF9mdWxscmVzcRdzdS5QSwMEFAAAAAAAOQh+XYU94xkGAAAABgAAAAsAAABhL2J5\
                dGVvcmRlcmxpdHRsZVBLAwQUAAAAAAA5CH5dHN9EIQQAAAAEAAAACAAAAGEvZGF0YS8wAAAAAFBLAQIUAxQAAAAAAD\
                kIfl3FWkpVSwEAAEsBAAAKAAAAAAAAAAAAAACAAQAAAABhL2RhdGEucGtsUEsBAhQDFAAAAAAAOQh+XYU94xkGAAAA\
                BgAAAAsAAAAAAAAAAAAAAIABcwEAAGEvYnl0ZW9yZGVyUEsBAhQDFAAAAAAAOQh+XRzfRCEEAAAABAAAAAgAAAAAAA\
                AAAAAAAIABogEAAGEvZGF0YS8wUEsFBgAAAAADAAMApwAAAMwBAAAAAA==
                """) ?? Data())
}
