internal import Foundation
public import Testing

/// An error for a package or program that a test needs but this machine lacks.
public struct MissingNeed: Error, CustomStringConvertible {
    /// The message, in one sentence.
    public let description: String
}

extension Trait where Self == ConditionTrait {
    /// Skips a test if a package or a program is missing; with `MEDSEG_REQUIRE=1` in the environment, fails it.
    ///
    /// Data beside the package may always be absent; tests check for them with `.enabled(if:)`.
    /// - Parameter what: The package or program, as the subject of "is missing".
    public static func needs(_ what: String, _ isThere: @escaping @Sendable () -> Bool) -> Self {
        .enabled("\(what) is missing") {
            if isThere() { return true }
            guard ProcessInfo.processInfo.environment["MEDSEG_REQUIRE"] == "1" else { return false }
            throw MissingNeed(description: "\(what) is missing, and MEDSEG_REQUIRE=1 asks for it")
        }
    }
}
