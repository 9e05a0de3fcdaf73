/// A prediction that cannot be made; says why and what to do.
public struct InferenceError: Error, Sendable, CustomStringConvertible {
    /// The sentence for people.
    public let description: String

    /// Makes an error.
    public init(_ description: String) { self.description = description }
}
