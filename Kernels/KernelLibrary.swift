internal import COpenCL
internal import Foundation

/// The OpenCL C sources, by family and file name.
public enum KernelLibrary {
    /// The source of a kernel file, preceded by the sources that all kernels share.
    /// - Parameter id: The folder and file without extension: `norm/norm_activate`.
    /// - Throws: `KernelLibraryError` if the file cannot be read.
    public static func source(_ id: String) throws -> String {
        try (common + [id]).map(text).joined(separator: "\n")
    }

    private static let common = [
        "common/prelude", "common/reduce", "common/philox", "common/activation", "common/gather",
        "common/tile",
    ]

    /// The folder of the sources. It is beside the file that contains this code: the program, or a library that a program
    /// has opened. If that folder does not exist, it is the folder in which the package was built.
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

/// An error of the kernel sources.
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
