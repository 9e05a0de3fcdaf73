import ArgumentParser
import SegImaging

/// The format of the volumes that a command writes, each one file, by the ending of their names.
struct VolumeFormat: ExpressibleByArgument {
    /// The ending, such as `.nii.gz`.
    let ending: String

    init?(argument: String) {
        let name = argument.lowercased()
        guard let ending = ScanFile.singleFileEndings.first(where: { $0 == name || $0 == ".\(name)" }) else {
            return nil
        }
        self.ending = ending
    }

    /// The endings, without their dots.
    static let choices = ScanFile.singleFileEndings.map { String($0.dropFirst()) }.joined(separator: ", ")

    static var allValueStrings: [String] { ScanFile.singleFileEndings.map { String($0.dropFirst()) } }
}
