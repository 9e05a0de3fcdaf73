internal import Foundation
internal import SegCore

/// Unfinished files of killed servers in the folder of scans.
///
/// Only files with names that a server creates are removed; all others belong to the user.
enum StudyLeftovers {
    /// Removes the unfinished files from the datastore's folder and its folders of labels.
    static func remove(from folder: String) {
        let labels = "\(folder)/labels"
        let tags = ((try? FileManager.default.contentsOfDirectory(atPath: labels)) ?? []).map { "\(labels)/\($0)" }
        for folder in [folder, labels] + tags {
            DurableFile.removeLeftovers(in: folder)
            for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            where isOlder(name) && FileStamp.isFile("\(folder)/\(name)") {
                unlink("\(folder)/\(name)")
            }
        }
    }

    /// Whether an older server created the name, for an unfinished upload or, through Foundation, for an index.
    private static func isOlder(_ name: String) -> Bool {
        name.hasPrefix(".dat.nosync")
            || (name.hasPrefix(".") && (name.hasSuffix(".nii.part") || name.hasSuffix(".nii.gz.part")))
    }
}
