/// A value of a PyTorch checkpoint that is to be written, as Python knows it.
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
    /// `dict`, in the order of its insertions.
    case dictionary([(key: CheckpointValue, value: CheckpointValue)])
    /// `OrderedDict` of texts, as a `state_dict` is.
    case ordered([(key: String, value: CheckpointValue)])
    /// The tensor of a number in the list that is written with the value. Two values of one number share their storage.
    case tensor(Int)
    /// `torch.device`.
    case device(String)

    /// A `dict` whose keys are texts.
    public static func named(_ entries: [(String, CheckpointValue)]) -> CheckpointValue {
        .dictionary(entries.map { (.text($0), $1) })
    }
}
