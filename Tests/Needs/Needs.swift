internal import Foundation
public import Testing

/// A package or a program that a test needs and that this machine lacks.
public struct MissingNeed: Error, CustomStringConvertible {
    /// One sentence.
    public let description: String
}

extension Trait where Self == ConditionTrait {
    /// Skips a test where a package or a program is missing; with `MEDSEG_REQUIRE=1` in the environment, fails it.
    ///
    /// Data that lie beside the package may be absent everywhere and are asked for by `.enabled(if:)`.
    /// - Parameter what: The package or program, as the subject of "is missing".
    public static func needs(_ what: String, _ isThere: @escaping @Sendable () -> Bool) -> Self {
        .enabled("\(what) is missing") {
            if isThere() { return true }
            guard ProcessInfo.processInfo.environment["MEDSEG_REQUIRE"] == "1" else { return false }
            throw MissingNeed(description: "\(what) is missing, and MEDSEG_REQUIRE=1 asks for it")
        }
    }
}
