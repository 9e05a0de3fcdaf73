/// Names of a PyTorch `state_dict`.
public enum StateDict {
    /// Returns the arrays without the prefix `module.` or `_orig_mod.` that DataParallel and `torch.compile` put before
    /// every name.
    public static func normalized(_ state: [String: StoredTensor]) -> [String: StoredTensor] {
        var state = state
        for prefix in ["module.", "_orig_mod.", "module."]
        where !state.isEmpty && state.keys.allSatisfy({ $0.hasPrefix(prefix) }) {
            state = Dictionary(state.map { (String($0.dropFirst(prefix.count)), $1) }) { first, _ in first }
        }
        return state
    }
}
