internal import Foundation
internal import HTTPTypes
internal import SegCore
internal import SegData
internal import SegImaging
internal import SegInference

/// Reads the untrusted scans of uploads, one upload at a time, so that the scans of at most one upload are in memory.
actor ScanReader {
    private let thread = SerialThread("medseg.scans")
    private let limits: ServerLimits

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(limits: ServerLimits) { self.limits = limits }

    /// Checks and measures the scans of a case, each of which is a channel, and writes the voxels of the first one in the
    /// page's form.
    /// - Parameter voxels: The path of the written file.
    /// - Returns: The facts about each channel, on the grid of the first.
    /// - Throws: `Refusal` or `DataError` if a file is not a valid scan, the scans together are larger than allowed, or a
    ///   channel does not overlap the first.
    func inspect(_ paths: [String], voxels: String) throws -> [ScanFacts] {
        try ScanCheck.sizes(of: paths, limits: limits)
        var remarks = [[String]](repeating: [], count: paths.count)
        let (image, geometries) = try CaseChannels.read(paths, limits: limits.scanLimits) { remarks[$0].append($1) }
        guard image.nonFiniteCount == 0 else {
            throw Refusal(
                .badRequest, "the scan cannot be used: voxels are NaN or infinite; replace them, for a CT by -1024")
        }
        let facts = geometries.enumerated().map { channel, geometry in
            var facts = ScanFacts(image.volume(channel), geometry: geometry)
            if !remarks[channel].isEmpty { facts.remarks = (facts.remarks ?? []) + remarks[channel] }
            return facts
        }
        switch facts[0].voxelType {
        case .int16: try VoxelFile.write(image.channels[0].map { Int16($0) }, to: voxels)
        case .float32: try VoxelFile.write(image.channels[0], to: voxels)
        }
        return facts
    }

    /// Checks a label map against the grid of its image.
    /// - Throws: `Refusal` or `DataError` if the file is not a label map, larger than allowed or on another grid, or
    ///   has a value that is not a label number.
    func inspectLabel(_ path: String, of image: ScanLayout) throws {
        try ScanCheck.size(of: path, limits: limits)
        let label = try ScanFile.readVolume(path, limits: limits.scanLimits).volume
        let size = try LabelMap.whole(label, file: "the label map").size
        guard [size.d, size.h, size.w] == Array(image.shape.prefix(3)) else {
            let extents = image.shape.prefix(3).map(String.init).joined(separator: "×")
            throw Refusal(
                .badRequest, "the label map is \(size) voxels, its image \(extents); save it on the image's grid")
        }
        if let apart = image.geometry.affine.distance(to: label.affine, size: size) {
            throw Refusal(
                .badRequest,
                "the label map lies \(apart.text(decimals: 1)) mm off its image at a corner; save it on the image's grid"
            )
        }
    }

    /// Writes the voxels of a label in the page's form.
    /// - Throws: `Refusal` or `DataError` if the file is not a label map of the scan.
    func writeVoxels(ofLabel path: String, scan: Scan, to voxels: String) throws {
        try inspectLabel(path, of: ScanFile.layout(of: scan.path))
        let label = try ScanFile.readVolume(path, limits: limits.scanLimits).volume
        try VoxelFile.write(LabelMap.classes(of: label, file: "the label map"), to: voxels)
    }

    /// Writes a mask of a scan, whose voxels were sent in the page's form, as a NIfTI file.
    /// - Returns: The label numbers in it.
    /// - Throws: `Refusal` if the voxels do not belong to the scan.
    func writeMask(ofVoxels voxels: String, scan: Scan, to path: String) throws -> Set<Int> {
        let size = Triple(scan.facts.size[0], scan.facts.size[1], scan.facts.size[2])
        guard let mask = Deflate.gzipContents(of: voxels, count: size.count) else {
            throw Refusal(
                .badRequest,
                "the body should be a gzip stream of \(size.count) bytes, a label for each voxel of the scan, axis 2 "
                    + "fastest")
        }
        let geometry = try ScanFile.layout(of: scan.path).geometry
        try ScanFile.write(mask, size: size, like: geometry, to: path)
        var isThere = [Bool](repeating: false, count: 256)
        for label in mask { isThere[Int(label)] = true }
        return Set(isThere.indices.filter { isThere[$0] })
    }

    /// The layout of a scan from its header.
    /// - Throws: `DataError` if the file is not a valid scan.
    func layout(of path: String) throws -> ScanLayout { try ScanFile.layout(of: path) }
}

/// Checks that need no memory, made before any voxel is read.
package enum ScanCheck {
    /// Checks the scans of a case. The limit of voxels for one scan applies to all of them together, on the grid of the
    /// first scan.
    /// - Throws: `Refusal` if the scans exceed the limit; the errors of `size`.
    static func sizes(of paths: [String], limits: ServerLimits) throws {
        let counts = try paths.map { try size(of: $0, limits: limits).reduce(1, *) }
        let most = max(counts.reduce(0, +), counts[0] * counts.count)
        guard most <= limits.voxels else {
            throw Refusal(
                .contentTooLarge,
                "the \(paths.count) scans have \(most) voxels on the grid of the first; this server accepts \(limits.voxels) "
                    + "for a case at most")
        }
    }

    /// The size of a scan from its header, after checking that the size and the bytes before the voxels are allowed.
    /// - Throws: `Refusal` or `DataError` if the file is not a valid scan, or larger than allowed.
    @discardableResult
    package static func size(of path: String, limits: ServerLimits) throws -> [Int] {
        let layout = try ScanFile.layout(of: path)
        guard layout.files == [path] else {
            throw Refusal(.badRequest, "the scan is a header whose voxels are in another file; send one file with both")
        }
        let shape = layout.shape
        guard shape.count >= 3, shape[3...].allSatisfy({ $0 == 1 }), shape.allSatisfy({ $0 > 0 }) else {
            let extents = shape.map(String.init).joined(separator: "×")
            throw Refusal(
                .badRequest, "the scan should have three dimensions, not \(extents.isEmpty ? "none" : extents)")
        }
        let size = Array(shape[..<3])
        if let longest = size.max(), longest > Limits.scanAxis {
            throw Refusal(
                .contentTooLarge, "the scan has \(longest) voxels along an axis; \(Limits.scanAxis) are read at most")
        }
        // In Double, no size in a header can overflow.
        guard size.map(Double.init).reduce(1, *) <= Double(limits.voxels) else {
            let extents = size.map(String.init).joined(separator: "×")
            throw Refusal(
                .contentTooLarge, "the scan has \(extents) voxels; this server accepts \(limits.voxels) at most")
        }
        let slack = ByteCount(bytes: limits.scanSlack)
        guard layout.offset <= slack.bytes else {
            throw Refusal(
                .contentTooLarge, "the scan's voxels begin after more than the \(slack) bytes that this server accepts")
        }
        return size
    }
}

/// Voxels in the page's form: numbers of one type, little-endian, with axis 2 fastest, in a gzip stream.
enum VoxelFile {
    /// Writes the file completely or not at all.
    /// - Throws: `Refusal` if the disk is full.
    static func write<Value: BitwiseCopyable>(_ voxels: [Value], to path: String) throws {
        do {
            try DurableFile.write(Deflate.compressed(voxels, as: .gzip, path: path), to: path)
        } catch {
            throw Refusal(.serverIsFull, "the voxels cannot be stored: \(error.message)")
        }
    }
}
