import Foundation
import SegCore
import SegImaging
import SegInference
import Testing

/// The preprocessing of a bundle with a network of two channels and a chain of transforms.
func bundlePreprocessing(_ chain: [ConfigValue], inverting entry: String = "t1") throws -> Preprocessing {
    let inference: ConfigValue = [
        "network_def": [
            "_target_": "UNet", "spatial_dims": 3, "in_channels": 2, "out_channels": 2, "channels": [4, 8],
            "strides": [2],
        ],
        "preprocessing": compose(chain), "inferer": ["_target_": "SimpleInferer"],
        "postprocessing": compose([
            ["_target_": "AsDiscreted", "keys": "pred", "argmax": true],
            ["_target_": "Invertd", "keys": "pred", "transform": "@preprocessing", "orig_keys": .string(entry)],
        ]),
    ]
    return try withBundleFolder {
        try MONAIBundle(folder: $0, inference: inference, source: "inference.json", metadata: nil)
            .description.preprocessing
    }
}

private func steps(_ chain: [ConfigValue], inverting entry: String = "t1") throws -> [PreprocessingStep] {
    try bundlePreprocessing(chain, inverting: entry).steps
}

private let both: ConfigValue = ["t1", "t2"]
private let load: [ConfigValue] = [
    ["_target_": "LoadImaged", "keys": both], ["_target_": "EnsureChannelFirstd", "keys": both],
]
private let join: ConfigValue = ["_target_": "ConcatItemsd", "keys": both, "name": "image"]

/// Entries that are prepared alike and concatenated are the channels of one scan, each with its own intensities.
@Test func entriesThatAreJoinedAreChannels() throws {
    let made = try steps(
        load + [
            ["_target_": "Spacingd", "keys": both, "pixdim": [1, 1, 2], "mode": ["bilinear", "bilinear"]],
            ["_target_": "NormalizeIntensityd", "keys": both, "nonzero": true, "subtrahend": 2.5],
            ["_target_": "CropForegroundd", "keys": both, "source_key": "t2"], join,
            ["_target_": "ScaleIntensityd", "keys": "image"],
        ])
    guard made.count == 5, made[3] == .concatItems, case .normalizeIntensity(let normalize) = made[1],
        case .cropForeground(let crop) = made[2],
        case .scaleIntensity(let scale) = made[4]
    else {
        Issue.record("other steps: \(made)")
        return
    }
    #expect(normalize.channelWise && normalize.nonzero && !scale.channelWise)
    #expect(normalize.subtrahend == [2.5, 2.5] && crop.channels == [1])
}

@Test(
    arguments: [
        (
            [["_target_": "Spacingd", "keys": both, "pixdim": [1, 1, 2], "mode": ["bilinear", "nearest"]], join],
            "treats 't2' differently from 't1'"
        ),
        ([["_target_": "Orientationd", "keys": "t1", "axcodes": "RAS"], join], "should contain 't2', not \"t1\""),
        ([["_target_": "ConcatItemsd", "keys": ["t1"], "name": "image"]], "each of the network's 2 channels once"),
        ([["_target_": "ConcatItemsd", "keys": both, "name": "inputs"]], "should be \"image\""),
        ([join, join], "a second ConcatItemsd is not supported"),
        (
            [["_target_": "NormalizeIntensityd", "keys": both, "subtrahend": [1, 2]], join],
            "should be one number for all of"
        ),
        ([["_target_": "CropForegroundd", "keys": both, "source_key": "t3"], join], "source_key: should be one of"),
        (
            [
                ["_target_": "Lambdad", "keys": both, "func": "$lambda x: torch.sigmoid((x-x.min())/x.std())"], join,
            ], "put it after ConcatItemsd"
        ),
    ] as [([ConfigValue], String)])
func entriesThatAreNotAlikeAreRefused(_ chain: [ConfigValue], _ reason: String) throws {
    let error = #expect(throws: DataError.self) { try steps(load + chain) }
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
}

/// MONAI inverts only the steps whose keys contain the entry of `orig_keys`.
@Test func invertdNamesAnEntryThatHoldsEveryStepOfTheGrid() throws {
    let space: ConfigValue = ["_target_": "Spacingd", "keys": both, "pixdim": [1, 1, 2]]
    let turn: ConfigValue = ["_target_": "Orientationd", "keys": "image", "axcodes": "RAS"]
    #expect(try steps(load + [space, join], inverting: "t2").count == 2)
    #expect(try steps(load + [join, turn], inverting: "image").count == 2)
    for (chain, entry, reason) in [
        ([space, join], "image", "should be \"t1\" or \"t2\""), ([join, turn], "t1", "should be \"image\""),
        ([space, join, turn], "image", "both before and after ConcatItemsd"),
    ] as [([ConfigValue], String, String)] {
        let error = #expect(throws: DataError.self) { try steps(load + chain, inverting: entry) }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
    }
}

@Test func entriesWithoutAnAxisOfChannelsAreNotJoined() throws {
    let bare: ConfigValue = ["_target_": "LoadImaged", "keys": both]
    let late: ConfigValue = ["_target_": "EnsureChannelFirstd", "keys": "image", "channel_dim": 0]
    let error = #expect(throws: DataError.self) { try steps([bare, join, late]) }
    #expect(error?.description.contains("if there is no channel axis") == true, "\(error?.description ?? "")")
}

/// MONAI concatenates entries voxel by voxel, regardless of position; a different grid is refused, not resampled.
@Test func joinedScansShareOneGrid() throws {
    let size = Triple(3, 4, 5)
    func scan(_ affine: Affine) -> Volume {
        Volume(voxels: (0..<size.count).map(Float.init), size: size, affine: affine)
    }
    let names = ["t1.nii", "t2.nii"]
    let shifted = Affine(elements: [1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1])
    let joining = Preprocessing([.concatItems])
    let one = try ScanImage([scan(.identity), scan(.identity)], names: names) { _, _ in }
    #expect(try joining(one, name: "case").image.channels == one.channels)
    let two = try ScanImage([scan(.identity), scan(shifted)], names: names) { _, _ in }
    let error = #expect(throws: DataError.self) { try joining(two, name: "case") }
    #expect(error?.description.hasPrefix("t2.nii: its grid is not that of the first channel") == true)
    // Without the step the scan is resampled, as for a bundle whose LoadImaged stacks the files.
    #expect(try Preprocessing([])(two, name: "case").image.channels.count == 2)
}
