import Foundation
import SegBackend
import SegCPU
import SegReference
import SegReplay
import Testing

/// Captures of PyTorch and MONAI, beside the checkout if they exist.
private let captures: [String] = {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    let shared =
        ProcessInfo.processInfo.environment["MEDSEG_SHARED"].map { URL(fileURLWithPath: $0) }
        ?? root.deletingLastPathComponent().appendingPathComponent("shared")
    let folders = ["captures/ops", "captures/models", "captures/metrics"].map { shared.appendingPathComponent($0) }
    return folders.flatMap { folder in
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
            .map { folder.appendingPathComponent($0).path }
    }.sorted()
}()

@Test(.enabled(if: !captures.isEmpty, "the captures are not beside the checkout"), arguments: captures)
func backendsAgreeWithCapture(_ path: String) throws {
    let backends: [any Backend] = [ReferenceBackend(), try CPUBackend(threads: 2)]
    for backend in backends {
        for comparison in try Replay(on: backend).run(Capture(file: path)) {
            #expect(comparison.isOK, "\(backend.name): \(comparison)")
        }
    }
}
