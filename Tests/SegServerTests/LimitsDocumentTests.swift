import Foundation
import SegCore
import SegServer
import Testing

/// docs/limits.md agrees with the code.
@Suite struct LimitsDocumentTests {
    @Test func theDocumentHasEveryLimitAndNoOther() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appendingPathComponent("docs/limits.md"), encoding: .utf8)
        let written = text.split(separator: "\n").filter { $0.hasPrefix("| ") && !$0.hasPrefix("| limit |") }
        let rows = (Limits.table + ServerLimits().table).map { "| \($0.name) | \($0.value) |" }
        #expect(Set(written.map(String.init)).subtracting(rows) == [], "in the document alone")
        #expect(Set(rows).subtracting(written.map(String.init)) == [], "not in the document")
        #expect(written.count == rows.count)
    }
}
