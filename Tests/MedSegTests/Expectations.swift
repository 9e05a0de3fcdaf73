import Testing

/// Expects a run to end with an exit code and one readable sentence that contains some words, and not with a crash.
func expectFailure(
    _ outcome: Command.Outcome, _ status: Int32, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(outcome.exited && outcome.status == status, "\(outcome)", sourceLocation: sourceLocation)
    #expect(outcome.message.hasPrefix("medseg: "), "\(outcome.errors)", sourceLocation: sourceLocation)
    #expect(outcome.message.count < 1000, "\(outcome.message)", sourceLocation: sourceLocation)
    for word in words {
        #expect(outcome.message.contains(word), "'\(word)' in \(outcome.errors)", sourceLocation: sourceLocation)
    }
    // Words of Swift or Foundation that no user should see.
    for noise in ["Error(", "NSCocoa", "DecodingError", "Optional(", "The operation could not", "debugDescription"] {
        #expect(!outcome.errors.contains(noise), "\(outcome.errors)", sourceLocation: sourceLocation)
    }
}
