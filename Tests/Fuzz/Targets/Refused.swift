internal import SegCore
internal import SegServer

/// The result of a reader; nil where it refused the input by an error of the package's own.
/// - Throws: `FuzzFinding` where it threw anything else, of which a program could only say that it failed inside.
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

/// Whether a step was done, rather than refused by an error of the package's own.
/// - Throws: `FuzzFinding` where it threw anything else.
func isDone(_ step: () throws -> Void) throws(FuzzFinding) -> Bool { try unlessRefused(step) != nil }

/// The result of a reader that must take what the package itself has written.
/// - Throws: `FuzzFinding` where it does not.
func takingBack<Result>(_ what: String, _ read: () throws -> Result) throws(FuzzFinding) -> Result {
    do {
        return try read()
    } catch {
        throw FuzzFinding("\(what) was written and is not taken back: \(error)")
    }
}

/// - Throws: `FuzzFinding` where a statement does not hold.
func insist(_ holds: Bool, _ otherwise: @autoclosure () -> String) throws(FuzzFinding) {
    guard holds else { throw FuzzFinding(otherwise()) }
}
