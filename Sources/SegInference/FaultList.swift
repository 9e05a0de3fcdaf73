internal import SegCore

/// The errors in the parts of a document, collected into one message.
package final class FaultList {
    private let source: String
    private let key: String?
    private var faults: [DataError] = []

    /// Creates an empty list.
    /// - Parameters:
    ///   - source: The file that is read.
    ///   - key: The entry that is read; nil for the whole file.
    package init(source: String, key: String?) {
        self.source = source
        self.key = key
    }

    /// Whether no fault has been recorded.
    var isEmpty: Bool { faults.isEmpty }

    /// Reads a part; if that fails, records the fault and returns nil.
    @discardableResult
    package func part<Part>(_ read: () throws -> Part) -> Part? {
        do {
            return try read()
        } catch let gathered as FaultList.Several {
            faults += gathered.faults
        } catch let fault as DataError {
            faults.append(fault)
        } catch {
            faults.append(DataError(.badData, source, key: key, "\(error)"))
        }
        return nil
    }

    /// Ends a part of a larger document.
    /// - Throws: `Several` if a fault was recorded.
    func finishPart() throws {
        guard isEmpty else { throw Several(faults: faults) }
    }

    /// Ends the document.
    /// - Throws: `DataError` that lists all faults; the fault itself if there is only one.
    package func finish() throws {
        guard let first = faults.first else { return }
        guard faults.count > 1 else { throw first }
        let reasons = faults.map { fault in
            (fault.subject == source ? "" : "\(fault.subject): ") + (fault.key.map { "\($0): " } ?? "") + fault.message
        }
        throw DataError(
            .badData, source, key: key,
            "\(reasons.count) problems: \(reasons.joined(separator: "; "))")
    }

    /// The faults of a part, which `part(_:)` adds to the list of the whole document.
    struct Several: Error {
        fileprivate let faults: [DataError]
    }
}
