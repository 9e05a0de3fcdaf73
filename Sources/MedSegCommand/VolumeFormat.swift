import ArgumentParser
import SegImaging

/// The single-file format of the volumes that a command writes, given by its file extension.
struct VolumeFormat: ExpressibleByArgument {
    /// The file extension, such as `.nii.gz`.
    let ending: String

    init?(argument: String) {
        let name = argument.lowercased()
        guard let ending = ScanFile.singleFileEndings.first(where: { $0 == name || $0 == ".\(name)" }) else {
            return nil
        }
        self.ending = ending
    }

    /// The file extensions without their dots.
    static let choices = ScanFile.singleFileEndings.map { String($0.dropFirst()) }.joined(separator: ", ")

    static var allValueStrings: [String] { ScanFile.singleFileEndings.map { String($0.dropFirst()) } }
}
