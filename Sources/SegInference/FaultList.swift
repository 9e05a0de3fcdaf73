internal import SegCore

/// What is wrong in the parts of a document, gathered so that one message says everything.
package final class FaultList {
    private let source: String
    private let key: String?
    private var faults: [DataError] = []

    /// Begins without faults.
    /// - Parameters:
    ///   - source: The file that is read.
    ///   - key: The entry that is read; nil for the whole file.
    package init(source: String, key: String?) {
        self.source = source
        self.key = key
    }

    /// Whether nothing was wrong so far.
    var isEmpty: Bool { faults.isEmpty }

    /// A part, or nil after taking down what is wrong in it.
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
    /// - Throws: `Several` where something was wrong.
    func finishPart() throws {
        guard isEmpty else { throw Several(faults: faults) }
    }

    /// Ends the document.
    /// - Throws: `DataError` that names all that was wrong; the fault itself where there was one.
    package func finish() throws {
        guard let first = faults.first else { return }
        guard faults.count > 1 else { throw first }
        let reasons = faults.map { fault in
            (fault.subject == source ? "" : "\(fault.subject): ") + (fault.key.map { "\($0): " } ?? "") + fault.message
        }
        throw DataError(
            .badData, source, key: key,
            "\(reasons.count) things stand in the way: \(reasons.joined(separator: "; "))")
    }

    /// The faults of a part, on their way to the document's list.
    struct Several: Error {
        fileprivate let faults: [DataError]
    }
}
