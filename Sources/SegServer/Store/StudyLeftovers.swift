internal import Foundation
internal import SegCore

/// Files in the folder of scans that a server which was killed had not finished.
///
/// Only names that a server gives are removed: everything else in the folder is somebody's.
enum StudyLeftovers {
    /// Removes them from the datastore's folder and the folders of its labels.
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

    /// Whether an older server gave the name: to an upload on its way, or through Foundation to an index.
    private static func isOlder(_ name: String) -> Bool {
        name.hasPrefix(".dat.nosync")
            || (name.hasPrefix(".") && (name.hasSuffix(".nii.part") || name.hasSuffix(".nii.gz.part")))
    }
}
