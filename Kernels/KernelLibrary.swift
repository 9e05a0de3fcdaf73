internal import COpenCL
internal import Foundation

/// The OpenCL C sources, by family and name.
public enum KernelLibrary {
    /// The source of a kernel file with what every kernel shares before it.
    /// - Parameter id: folder and file without extension: `norm/norm_activate`.
    /// - Throws: `KernelLibraryError` where the file is not beside the program.
    public static func source(_ id: String) throws -> String {
        try (common + [id]).map(text).joined(separator: "\n")
    }

    private static let common = [
        "common/prelude", "common/reduce", "common/philox", "common/activation", "common/gather",
        "common/tile",
    ]

    /// The folder beside the program, or beside the library that holds this code, which a program of another folder may
    /// have opened; else where the package was built.
    private static let folder: URL = {
        if let file = opencl_image_file() {
            let beside = URL(fileURLWithPath: String(cString: file)).deletingLastPathComponent()
                .appendingPathComponent("MedSeg_SegKernels.resources")
            if FileManager.default.fileExists(atPath: beside.path) { return beside }
        }
        return Bundle.module.bundleURL
    }()

    private static func text(_ id: String) throws -> String {
        let file = folder.appendingPathComponent(id + ".cl")
        do {
            return try String(contentsOf: file, encoding: .utf8)
        } catch {
            throw KernelLibraryError.missing(file: file.path)
        }
    }
}

/// What goes wrong with the kernel sources.
public enum KernelLibraryError: Error, Sendable, CustomStringConvertible {
    /// A file cannot be read.
    case missing(file: String)

    /// One sentence for people.
    public var description: String {
        switch self {
        case .missing(let file):
            "the kernel source \(file) cannot be read; keep MedSeg_SegKernels.resources beside the program."
        }
    }
}
