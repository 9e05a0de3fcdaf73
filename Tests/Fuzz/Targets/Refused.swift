internal import SegCore
internal import SegServer

/// The result of a reader; nil if it refused the input with an error of the package's own.
/// - Throws: `FuzzFinding` if it threw any other error, which a program could only report as an internal failure.
func unlessRefused<Result>(_ read: () throws -> Result) throws(FuzzFinding) -> Result? {
    do {
        return try read()
    } catch let finding as FuzzFinding {
        throw finding
    } catch  where error is any CodedError || error is Refusal {
        return nil
    } catch {
        throw FuzzFinding("an error of \(type(of: error)) came out: \(error)")
    }
}

/// Whether a step was done, rather than refused with an error of the package's own.
/// - Throws: `FuzzFinding` if it threw any other error.
func isDone(_ step: () throws -> Void) throws(FuzzFinding) -> Bool { try unlessRefused(step) != nil }

/// The result of a reader that must accept the package's own output.
/// - Throws: `FuzzFinding` if it does not.
func takingBack<Result>(_ what: String, _ read: () throws -> Result) throws(FuzzFinding) -> Result {
    do {
        return try read()
    } catch {
        throw FuzzFinding("\(what) was written and is not taken back: \(error)")
    }
}

/// - Throws: `FuzzFinding` if the statement is false.
func insist(_ holds: Bool, _ otherwise: @autoclosure () -> String) throws(FuzzFinding) {
    guard holds else { throw FuzzFinding(otherwise()) }
}
