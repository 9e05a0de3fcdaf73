/// A Python value to be written to a PyTorch checkpoint.
public indirect enum CheckpointValue: Sendable {
    /// `None`.
    case none
    /// `True` or `False`.
    case bool(Bool)
    /// `int`.
    case int(Int)
    /// `float`.
    case double(Double)
    /// `str`.
    case text(String)
    /// `list`.
    case list([CheckpointValue])
    /// `tuple`.
    case tuple([CheckpointValue])
    /// `dict`, in insertion order.
    case dictionary([(key: CheckpointValue, value: CheckpointValue)])
    /// `OrderedDict` with strings as keys, as a `state_dict` is.
    case ordered([(key: String, value: CheckpointValue)])
    /// The tensor at an index of the list that is written with the value. Two values with the same index share their storage.
    case tensor(Int)
    /// `torch.device`.
    case device(String)

    /// Returns a `dict` with strings as keys.
    public static func named(_ entries: [(String, CheckpointValue)]) -> CheckpointValue {
        .dictionary(entries.map { (.text($0), $1) })
    }
}
