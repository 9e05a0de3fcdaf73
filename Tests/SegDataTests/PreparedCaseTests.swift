import SegCore
import SegData
import SegImaging
import Testing

@Suite struct PreparedCaseTests {
    private let folder: ScratchFolder
    private let plain = Preprocessing([])

    init() throws { folder = try ScratchFolder() }

    private func write(_ name: String, _ size: Triple, _ value: (Int) -> Float) throws -> String {
        let path = folder.file(name)
        try ScanFile.write((0..<size.count).map(value), size: size, affine: .identity, to: path, overwrite: true)
        return path
    }

    private func prepare(
        _ preprocessing: Preprocessing? = nil, image: (Int) -> Float = { Float($0) },
        labelSize: Triple = Triple(4, 5, 6),
        label: (Int) -> Float
    ) throws -> PreparedCase {
        let item = DatasetCase(
            image: try write("image.nii", Triple(4, 5, 6), image), label: try write("label.nii", labelSize, label))
        return try PreparedCase(item, preprocessing ?? plain, channels: 1, classes: 3)
    }

    @Test func imageAndLabelShareTheNetworksGrid() throws {
        let preprocessing = try Preprocessing(
            orientation: "LPS", pixdim: nil, intensity: nil, cropForeground: true)
        let prepared = try prepare(preprocessing, image: { $0 < 60 ? 0 : Float($0) }, label: { Float($0 % 3) })
        #expect(prepared.name == "image")
        #expect(try prepared.image.size == Triple(2, 5, 6))
        for (image, label) in try zip(prepared.image.channels[0], prepared.labels) {
            #expect(Int(label) == Int(image) % 3)
        }
    }

    @Test func badLabelsAreNamed() throws {
        let other = try #require(throws: DataError.self) {
            try prepare(labelSize: Triple(4, 5, 5), label: { Float($0 % 3) })
        }
        #expect(other.subject == folder.file("label.nii"))
        #expect(other.message.contains("4×5×5") && other.message.contains("4×5×6"))
        let beyond = try #require(throws: DataError.self) { try prepare(label: { Float($0 % 4) }) }
        #expect(beyond.subject == folder.file("label.nii") && beyond.message.contains("class 3"))
    }

    /// A healthy case is all background, and training learns from it.
    @Test func aHealthyCaseIsTrainedOn() throws {
        let healthy = try prepare(label: { _ in 0 })
        #expect(try !healthy.hasForeground)
        let source = try PatchSource([healthy], PatchSampling(size: Triple(2, 2, 2)), Augmentation(), seed: 0)
        #expect(source.warnings.count == 1 && source.warnings[0].contains("no foreground"))
        #expect(try source.batch(0).labels.allSatisfy { $0 == 0 })
    }

    @Test func badImagesAreNamed() throws {
        let broken = try #require(throws: DataError.self) {
            try prepare(image: { $0 == 7 ? .nan : 1 }, label: { Float($0 % 3) })
        }
        #expect(broken.subject == folder.file("image.nii") && broken.message.contains("1 voxels are NaN"))
        let cropped = try Preprocessing(orientation: nil, pixdim: nil, intensity: nil, cropForeground: true)
        let empty = try #require(throws: DataError.self) {
            try prepare(cropped, image: { _ in -1024 }, label: { Float($0 % 3) })
        }
        #expect(empty.subject == folder.file("image.nii") && empty.message.contains("foreground"))
    }
}
