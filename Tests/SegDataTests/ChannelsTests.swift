import Foundation
import SegCore
import SegData
import SegImaging
import Testing

/// Cases of several channels, from files to patches. Channel 1 of every voxel is channel 0 plus 1000.
@Suite struct ChannelsTests {
    private static let size = Triple(6, 7, 8)
    private let folder: ScratchFolder
    private let item: DatasetCase

    init() throws {
        folder = try ScratchFolder()
        for (channel, offset) in [0, 1000].enumerated() {
            let voxels = (0..<Self.size.count).map { Float($0 + 1 + offset) }
            try ScanFile.write(
                voxels, size: Self.size, affine: .identity, to: folder.file("p_000\(channel).nii"), overwrite: false)
        }
        try ScanFile.write(
            (0..<Self.size.count).map { Float($0 % 3) }, size: Self.size, affine: .identity, to: folder.file("p.nii"),
            overwrite: false)
        item = DatasetCase(
            name: "p", images: [folder.file("p_0000.nii"), folder.file("p_0001.nii")], label: folder.file("p.nii"))
    }

    private func prepared(_ steps: [PreprocessingStep] = []) throws -> PreparedCase {
        try PreparedCase(item, Preprocessing(steps), channels: 2, classes: 3)
    }

    @Test func channelsOfAVoxelLieSideBySide() throws {
        let first = try prepared()
        #expect(try first.image.channels.count == 2)
        let row = try first.scan.cut(Box3(start: [1, 2, 3], size: Triple(1, 1, 2))).image
        let index = Float((1 * 7 + 2) * 8 + 3 + 1)
        #expect(row == [index, index + 1000, index + 1, index + 1001])
    }

    @Test func aFileOfFourDimensionsHoldsTheSameCase() throws {
        let whole = try folder.stack(["p_0000.nii", "p_0001.nii"], as: "whole.nii")
        #expect(try ScanFile.channelCount(of: whole) == 2)
        let (image, _) = try ScanFile.readImage([whole])
        #expect(image.channels == (try ScanFile.readImage(item.images).image.channels))
        #expect(try CaseChannels.group([whole], by: 2) == [CaseChannels(name: "whole", files: [whole])])
        // The file that differs is named, not the first one.
        let mixed = [whole, item.images[0], item.label]
        for (files, count, words) in [(mixed, 2, "p_0000.nii: has one channel"), ([whole], 3, "has 2 channels")] {
            let error = try #require(throws: DataError.self) { try CaseChannels.group(files, by: count) }
            #expect(error.description.contains(words), "\(error)")
        }
        let alone = DatasetCase(image: whole, label: item.label)
        let other = try PreparedCase(alone, Preprocessing([]), channels: 2, classes: 3)
        #expect(try other.scan.interleaved == prepared().scan.interleaved)
    }

    @Test func anotherNumberOfChannelsIsRefused() throws {
        let error = try #require(throws: DataError.self) {
            try PreparedCase(item, Preprocessing([]), channels: 4, classes: 3)
        }
        #expect(error.message.contains("2 channels") && error.message.contains("in_channels is 4"), "\(error)")
    }

    @Test func theCacheKeepsAllChannels() throws {
        let cache = CaseCache(folder: folder.file("cache"))
        let fresh = try prepared()
        for _ in 0..<2 {
            let cached = try cache.prepare(item, Preprocessing([]), channels: 2, classes: 3)
            #expect(try cached.scan.interleaved == fresh.scan.interleaved && cached.labels == fresh.labels)
            let box = Box3(start: [-1, 2, 5], size: Triple(3, 4, 6))
            #expect(try cached.scan.cut(box) == fresh.scan.cut(box))
        }
        try ScanFile.write(
            [Float](repeating: 7, count: Self.size.count), size: Self.size, affine: .identity, to: item.images[1],
            overwrite: true)
        let changed = try cache.prepare(item, Preprocessing([]), channels: 2, classes: 3)
        #expect(try changed.image.channels[1].allSatisfy { $0 == 7 })
    }

    /// Flips, rotations and warps move the channels of a voxel together; MONAI's factors apply to all channels.
    @Test func channelsStayTogether() throws {
        var augmentation = Augmentation()
        (augmentation.flipProbability, augmentation.flipAxes, augmentation.rotateProbability) = (0.5, [0, 1, 2], 0.5)
        (augmentation.scaleProbability, augmentation.scaleFactors) = (1, 0.5)
        let batch = try batch(augmentation)
        #expect(batch.channels == 2 && batch.images.count == 2 * batch.labels.count)
        for voxel in batch.labels.indices {
            let (first, second) = (batch.images[2 * voxel], batch.images[2 * voxel + 1])
            let factor = (second - first) / 1000
            let index = Int((first / factor).rounded()) - 1
            #expect(abs(first / factor - Float(index + 1)) < 0.01 && index % 3 == Int(batch.labels[voxel]))
        }
    }

    @Test func warpsOfSeveralChannelsAreThoseOfOne() throws {
        let size = Triple(9, 8, 7)
        let label = (0..<size.count).map { UInt8($0 % 5) }
        let first = (0..<size.count).map { Float($0 * 7 % 31) }
        let second = (0..<size.count).map { Float($0 * 13 % 29) }
        let changes: [any PatchChange] = [
            AffineWarp(rotation: [0.3, -0.2, 0.4], shear: [], scale: [1.2, 0.9, 1.1], padding: .zeros),
            AffineWarp(rotation: [0.5, 0.1, -0.7], shear: [], scale: [], padding: .reflection),
            ElasticWarp(sigma: 2, magnitude: 4, padding: .border, seed: 5), LowerResolution(zoom: 0.6),
            GaussianSmooth(sigmas: [0.5, 1, 0.8]),
        ]
        for change in changes {
            var both = Patch(
                image: zip(first, second).flatMap { [$0, $1] }, label: label, size: size, channels: 2)
            change.apply(to: &both)
            for (channel, voxels) in [first, second].enumerated() {
                var one = Patch(image: voxels, label: label, size: size)
                change.apply(to: &one)
                #expect(one.image.indices.allSatisfy { one.image[$0] == both.image[2 * $0 + channel] }, "\(change)")
                #expect(one.label == both.label)
            }
        }
    }

    /// nnU-Net draws brightness, contrast and gamma for each channel separately.
    @Test func nnUNetsFactorsAreOfEachChannel() throws {
        var augmentation = Augmentation()
        augmentation.brightness = RandBrightness(probability: 1, range: 0.5...2)
        let batch = try batch(augmentation)
        let plain = try self.batch(Augmentation())
        func factor(_ channel: Int) -> Float { batch.images[channel] / plain.images[channel] }
        #expect(abs(factor(0) - factor(1)) > 0.01)
        for voxel in 0..<27 {
            for channel in 0..<2 {
                let (value, before) = (batch.images[2 * voxel + channel], plain.images[2 * voxel + channel])
                #expect(abs(value - before * factor(channel)) < 1e-3 * value)
            }
        }
    }

    private func batch(_ augmentation: Augmentation) throws -> PatchBatch {
        try PatchSource([prepared()], PatchSampling(size: Triple(3, 3, 3)), augmentation, seed: 4).batch(1)
    }

    /// A voxel is a background candidate if any channel is above the threshold, as in MONAI's `map_binary_to_indices`.
    @Test func backgroundIsWhereAnyChannelIsBright() throws {
        let size = Triple(1, 1, 4)
        var image = ScanImage(Volume(voxels: [0, 1, 0, 0], size: size, affine: .identity))
        image.channels.append([0, 0, 1, 0])
        let label = Volume(voxels: [0, 0, 0, 1], size: size, affine: .identity)
        let options = CropSampler.Options(patchSize: Triple(1, 1, 1), positive: 1, negative: 1, imageThreshold: 0)
        let sampler = try CropSampler(LabelledScan(image: image, label: label), options: options, name: "x")
        #expect(sampler.backgroundCount == 2 && sampler.foregroundCount == 1)
    }

    // MARK: The doctor

    private func findings(_ images: [String], names: String) throws -> [DatasetFinding] {
        let list = images.map { "\"\($0)\"" }.joined(separator: ", ")
        let json = """
            {"modality": {\(names)}, "labels": {"1": "a", "2": "b"}, "training": [{"image": [\(list)], "label": "p.nii"}]}
            """
        let index = try folder.write(Array(json.utf8), as: "dataset.json")
        return try DatasetDoctor(.unchecked(path: index), plan: nil).findings { _, _ in }
    }

    @Test func theDoctorLooksAtChannels() throws {
        let names = #""0": "T1", "1": "FLAIR""#
        #expect(try findings(["p_0000.nii", "p_0001.nii"], names: names).map(\.defect) == [])
        for (name, file) in [("q_FLAIR", "p_0000.nii"), ("q_T1", "p_0001.nii")] {
            try FileManager.default.copyItem(atPath: folder.file(file), toPath: folder.file("\(name).nii"))
        }
        let swapped = try findings(["q_FLAIR.nii", "q_T1.nii"], names: names)
        #expect(
            swapped.map(\.defect) == [.channels, .channels] && swapped[0].finding.contains("'FLAIR'"), "\(swapped)")
        let whole = try folder.stack(["p_0000.nii", "p_0001.nii"], as: "whole.nii")
        let missing = try findings([whole], names: #""0": "T1", "1": "T2", "2": "FLAIR""#)
        #expect(missing.map(\.defect) == [.channels] && missing[0].finding.contains("2 channels"), "\(missing)")
        let far = Affine(elements: [1, 0, 0, 500, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1])
        try ScanFile.write(
            [Float](repeating: 0, count: 8), size: Triple(2, 2, 2), affine: far, to: folder.file("far.nii"),
            overwrite: false)
        #expect(try findings(["p_0000.nii", "far.nii"], names: names).map(\.defect) == [.channelGeometry])
    }

    /// `predict` orders the files of a case by their numbers, so a network trained in another order would get them swapped.
    @Test func theDoctorNamesChannelsOutOfTheOrderOfTheirNumbers() throws {
        for names in ["", #""0": "FLAIR", "1": "T1""#] {
            let swapped = try findings(["p_0001.nii", "p_0000.nii"], names: names)
            #expect(swapped.map(\.defect) == [.index] && swapped[0].severity == .warning, "\(swapped)")
            #expect(swapped.first?.finding.contains("p_0001.nii (1, 0)") == true, "\(swapped)")
        }
        try FileManager.default.copyItem(atPath: folder.file("p_0001.nii"), toPath: folder.file("p_0002.nii"))
        let gap = try findings(["p_0000.nii", "p_0002.nii"], names: "")
        #expect(gap.map(\.defect) == [.index] && gap[0].finding.contains("p_0000.nii (0, 2)"), "\(gap)")
    }

    // MARK: Import

    @Test func rawDataOfNNUNetKeepItsChannels() throws {
        let root = "Dataset001_Two"
        for (name, file) in [("imagesTr/p_0000", "p_0000"), ("imagesTr/p_0001", "p_0001"), ("labelsTr/p", "p")] {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: folder.file("\(file).nii")))
            try folder.write(Array(bytes), as: "\(root)/\(name).nii")
        }
        let json = """
            {"channel_names": {"0": "T1", "1": "FLAIR"}, "labels": {"background": 0, "a": 1, "b": 2}, "numTraining": 1,
             "file_ending": ".nii"}
            """
        try folder.write(Array(json.utf8), as: "\(root)/dataset.json")
        let target = URL(fileURLWithPath: folder.file("imported"))
        let plan = DatasetImport(folder.file(root), to: target, patterns: nil, transfer: .copy, md5: nil)
        let imported = try plan.run { _ in }
        #expect(imported.channelNames == ["T1", "FLAIR"] && imported.cases[0].name == "p")
        #expect(
            imported.cases[0].images
                == ["p_0000", "p_0001"].map { target.appendingPathComponent("imagesTr/\($0).nii").path })
        try FileManager.default.removeItem(atPath: folder.file("\(root)/imagesTr/p_0001.nii"))
        let error = try #require(throws: DataError.self) { try Dataset(path: folder.file(root)) }
        #expect(error.kind == .noInput && error.message.contains("imagesTr/p_0001.nii"), "\(error)")
    }
}

extension ScratchFolder {
    /// Writes NIfTI files of one size as one 4-D file.
    func stack(_ names: [String], as name: String) throws -> String {
        var bytes = try Data(contentsOf: URL(fileURLWithPath: file(names[0])))
        for other in names.dropFirst() {
            bytes += try Data(contentsOf: URL(fileURLWithPath: file(other))).dropFirst(352)
        }
        for (offset, value) in [(40, 4), (48, names.count)] {
            withUnsafeBytes(of: Int16(value).littleEndian) { bytes.replaceSubrange(offset..<offset + 2, with: $0) }
        }
        return try write(Array(bytes), as: name)
    }
}
