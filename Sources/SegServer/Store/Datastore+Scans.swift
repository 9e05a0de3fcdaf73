internal import Foundation
internal import SegCore

// Images in the form for jobs and the page.
extension Datastore {
    /// The scan of an image, measured again whenever its file changes.
    /// - Throws: `Refusal` or `DataError` if the image does not exist, or if its file is missing or cannot be read.
    func scan(_ id: String) async throws -> Scan {
        let image = try presentImage(id)
        let file = path(image.file)
        let stamp = FileStamp(file)
        if let known = measured.use(image.key, stamp) { return known }
        let folder = folderOfMeasured(image.key)
        if !FileManager.default.fileExists(atPath: folder) { _ = try scratch.makeFolder("study-\(image.key)") }
        let voxels = "\(folder)/voxels.gz"
        do {
            let facts = try await reader.inspect([file], voxels: voxels)[0]
            // Another request may have measured the same scan meanwhile.
            if let known = measured.use(image.key, stamp) { return known }
            // The image may have been deleted meanwhile.
            guard images[id]?.key == image.key else { throw Refusal.notFound("image") }
            forgetMeasured(image.key, keepsFolder: true)
            let bytes = Scratch.size(of: voxels)
            try scratch.budget.reserve(bytes)
            let scan = Scan(id: image.key, path: file, voxels: voxels, facts: facts)
            for old in measured.keep(.init(scan: scan, stamp: stamp, bytes: bytes, lastUsed: Date())) {
                scratch.remove(folderOfMeasured(old.scan.id), bytes: old.bytes)
            }
            return scan
        } catch {
            if measured.use(image.key, stamp) == nil {
                forgetMeasured(image.key)
                scratch.remove(folder, bytes: 0)
            }
            throw error
        }
    }

    /// Deletes the voxels of scans that were not used since a time.
    func forgetMeasured(unusedSince time: Date) {
        for key in measured.keys(unusedSince: time) { forgetMeasured(key) }
    }

    /// Deletes the voxels of a scan.
    /// - Parameter keepsFolder: Whether the folder already contains new voxels, which must stay.
    func forgetMeasured(_ key: String, keepsFolder: Bool = false) {
        guard let entry = measured.remove(key) else { return }
        if keepsFolder {
            scratch.budget.release(entry.bytes)
        } else {
            scratch.remove(folderOfMeasured(key), bytes: entry.bytes)
        }
    }

    private nonisolated func folderOfMeasured(_ key: String) -> String { "\(scratch.folder)/study-\(key)" }
}
